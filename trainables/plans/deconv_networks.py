"""The networks that network deconvolution was tried on, known without building one: names, sizes, options."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Arch:
    """What one network asks of its images and options.

    Args:
        smallest: side of the smallest square images, in pixels.
        grouped: it has grouped convolutions, which the 2019 layers do not offer.
        options: of this network alone, beside those of the layers.
        freezes: its 2020 form freezes the convolution on the image and gives it more iterations.
    """

    smallest: int = 1
    grouped: bool = False
    options: tuple[str, ...] = ()
    freezes: bool = True


# For small images.
ARCHS = {
    "vgg11": Arch(32, options=("dropout_rate",)),
    "vgg13": Arch(32, options=("dropout_rate",)),
    "vgg16": Arch(32, options=("dropout_rate",)),
    "vgg19": Arch(32, options=("dropout_rate",)),
    "vgg_tiny": Arch(4, options=("dropout_rate",)),
    "resnet": Arch(freezes=False),
    "resnet34": Arch(freezes=False),
    "resnet50": Arch(freezes=False),
    "densenet121": Arch(8, freezes=False),
    "preact": Arch(),
    "senet": Arch(),
    "dpn": Arch(grouped=True),
    "pnasnetA": Arch(grouped=True),
    "pnasnetB": Arch(grouped=True),
    "resnext": Arch(grouped=True),
    "mobilev2": Arch(grouped=True),
    "efficient": Arch(grouped=True, options=("whiten_blocks",)),
    "simple_v1": Arch(options=("method",), freezes=False),
    "simple_v2": Arch(25, options=("method",), freezes=False),
    "mlp": Arch(options=("method",), freezes=False),
}

# The usual name -> the published flag.
ALIASES = {
    "resnet18": "resnet",
    "preact18": "preact",
    "senet18": "senet",
    "dpn92": "dpn",
    "resnext29": "resnext",
    "mobilenet_v2": "mobilev2",
    "efficientnet_b0": "efficient",
}

# torchvision's, for images of 224 pixels.
IMAGENET_ARCHS = {
    name: Arch(32) for name in ("resnet18d", "resnet34d", "resnet50d", "resnet101d", "vgg11d", "vgg16d", "densenet121d")
}

# VGG-11 with batch normalisation, since the plain form of vgg11d has no norms at all; with deconvolution it is vgg11d.
IMAGENET_ARCHS |= {"vgg11_bn": Arch(32)}

NETWORKS = ARCHS | IMAGENET_ARCHS

# A network for small images, or torchvision's name -> the network of that name for images of ImageNet's size.
OF_IMAGENET = {
    "resnet": "resnet18d",
    **{name: f"{name}d" for name in ("resnet34", "resnet50", "resnet101", "vgg11", "vgg16", "densenet121")},
}
SMALL = 64  # pixels up to which the networks for small images are meant, also for ImageNet's


def for_large_images(arch: str) -> str:
    """The network that a name means for images of ImageNet's size; itself where there is none, or no such name."""
    flag = ALIASES.get(arch, arch)
    return OF_IMAGENET.get(flag, flag)


def canonical(arch: str, known: Iterable[str] = ARCHS) -> str:
    """The published flag of an architecture; `ValueError` naming the nearest one for an unknown name."""
    names = list(known)
    arch_flag = ALIASES.get(arch, arch)
    if arch_flag in names:
        return arch_flag
    usual = [name for name, flag in ALIASES.items() if flag in names]
    near = difflib.get_close_matches(arch, [*names, *usual], n=1)
    hint = f"did you mean `{near[0]}`?" if near else f"the networks are: {', '.join(names)}"
    raise ValueError(f"`arch` is {arch!r}, but no such network is known; {hint}")


def check_images(arch: str, num_classes: int, in_channels: int, image_size: int) -> None:
    """Refuse images that a network cannot take, or nothing to tell apart, each in one sentence."""
    if num_classes < 1:
        raise ValueError(f"`num_classes` is {num_classes}, but must be at least 1; count the classes of the data")
    if in_channels < 1:
        raise ValueError(f"`in_channels` is {in_channels}, but must be at least 1; gray images have 1, colour images 3")
    smallest = NETWORKS[arch].smallest
    if image_size < smallest:
        raise ValueError(
            f"`image_size` is {image_size}, but {arch} needs at least {smallest} pixels; enlarge the images"
        )
