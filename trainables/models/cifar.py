"""Networks for small images by name, each with batch normalisation or with network deconvolution.

| arch | published name | parameters with bn, with deconv (10 classes) |
|---|---|---|
| vgg11, vgg13, vgg16, vgg19 | VGG | 9.23, 9.42, 14.73, 20.04 million; 9.23, 9.41, 14.72, 20.03 |
| resnet, resnet34, resnet50 | ResNet-18, -34, -50 | 11.17, 21.28, 23.52; 11.17, 21.27, 23.49 |
| densenet121 | DenseNet-121 | 6.96; 6.88 |
| preact, senet | PreAct-18, SENet-18 | 11.17, 11.26; 11.17, 11.26 |
| dpn | DPN-92 | 34.24; 34.18 |
| pnasnetA, pnasnetB | PNASNet | 0.13, 0.45; 0.13, 0.45 |
| resnext | ResNeXt-29 32x4d | 4.77; 4.76 |
| mobilev2 | MobileNetV2 | 2.30; 2.28 |
| efficient | EfficientNet-B0 | 2.91; 2.91 (stem and classifier alone) |
| simple_v1, simple_v2, mlp | regression, 12-layer and sigmoid networks | see `trainables.models.deconv.simple` |
| vgg_tiny | a three-layer VGG for 8x8 images, not published | 14,826; 14,666 |
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from trainables.models.deconv import simple
from trainables.models.deconv.densenet import DenseNet121
from trainables.models.deconv.dpn import DPN92
from trainables.models.deconv.efficientnet import EfficientNetB0
from trainables.models.deconv.factory import BatchNormLayers, Layers, check_2019_blocks, layers_of
from trainables.models.deconv.mobilenet_v2 import MobileNetV2
from trainables.models.deconv.options import Options, check_options
from trainables.models.deconv.pnasnet import PNASNet
from trainables.models.deconv.preact import PreAct18
from trainables.models.deconv.resnet import ResNet
from trainables.models.deconv.resnext import ResNeXt29
from trainables.models.deconv.vgg import VGGCifar
from trainables.plans import deconv_networks as cifar_plan


def build(
    arch: str,
    num_classes: int = 10,
    norm: str = "bn",
    *,
    in_channels: int = 3,
    image_size: int = 32,
    **options: Any,
) -> nn.Module:
    """A network from images [N, in_channels, image_size, image_size] to logits [N, num_classes].

    Every architecture takes images of any size from its smallest on; `image_size` is checked against that and gives
    simple_v1 and mlp their shape.

    Args:
        arch: a name of `trainables.plans.deconv_networks`.
        num_classes: outputs.
        norm: `bn`, convolutions and batch normalisation; `deconv`, every convolution a deconvolution and no norm.
        in_channels: image channels.
        image_size: side of the images in pixels.
        options: fields of `trainables.models.deconv.options.Options`, and those of the architecture: `dropout_rate`
            (vgg, default 0), `whiten_blocks` (efficient, default False), `method` (simple_v1, simple_v2 and mlp, 1 to
            4; by default the plain or batch-normalised one with `bn` and 3 with `deconv`; no other option and not the
            norm have an effect beside it, as published).

    Raises:
        ValueError: no such architecture, norm or option; images too small; `num_groups` that does not divide the
            channels (all layers are listed); the 2019 revision for a network with grouped convolutions.
    """
    flag = cifar_plan.canonical(arch)
    plan = cifar_plan.ARCHS[flag]
    check_options(flag, options, plan.options)
    cifar_plan.check_images(flag, num_classes, in_channels, image_size)
    own = {name: options[name] for name in plan.options if name in options}
    whitening = Options(**{name: value for name, value in options.items() if name not in own})
    layers = layers_of(norm, whitening)
    if flag in simple.BUILDERS:
        return simple.BUILDERS[flag](norm, num_classes, in_channels, image_size, **own)
    builder = _BUILDERS[flag]
    if norm == "deconv" and whitening.revision == 2019:
        if plan.grouped:
            raise ValueError(
                f"`revision` is 2019, but {flag} has grouped convolutions, which the 2019 layers do not offer; "
                "choose revision 2020"
            )
        with torch.device("meta"):
            check_2019_blocks(builder(BatchNormLayers(), num_classes, in_channels, **own), whitening)
    return builder(layers, num_classes, in_channels, **own)


def _vgg(plan: str) -> Callable[..., nn.Module]:
    def builder(layers: Layers, num_classes: int, in_channels: int, dropout_rate: float = 0.0) -> nn.Module:
        return VGGCifar(layers, plan, num_classes, in_channels, dropout_rate)

    return builder


def _planned(network: Callable[[Layers, str, int, int], nn.Module], plan: str) -> Callable[..., nn.Module]:
    def builder(layers: Layers, num_classes: int, in_channels: int) -> nn.Module:
        return network(layers, plan, num_classes, in_channels)

    return builder


def _preact(squeeze: bool) -> Callable[..., nn.Module]:
    def builder(layers: Layers, num_classes: int, in_channels: int) -> nn.Module:
        return PreAct18(layers, num_classes, in_channels, squeeze)

    return builder


_BUILDERS: dict[str, Callable[..., nn.Module]] = {
    **{name: _vgg(name) for name in ("vgg11", "vgg13", "vgg16", "vgg19", "vgg_tiny")},
    **{name: _planned(ResNet, name) for name in ("resnet", "resnet34", "resnet50")},
    **{name: _planned(PNASNet, name) for name in ("pnasnetA", "pnasnetB")},
    "densenet121": DenseNet121,
    "preact": _preact(squeeze=False),
    "senet": _preact(squeeze=True),
    "dpn": DPN92,
    "resnext": ResNeXt29,
    "mobilev2": MobileNetV2,
    "efficient": EfficientNetB0,
}
