"""ResNet-18, 34, 50, 101 and 200 for ImageNet with any trainable set, from torchvision's blocks."""

from __future__ import annotations

from torch import nn
from torchvision.models.resnet import BasicBlock, Bottleneck, ResNet

from trainables.layers.frozen.conv import FrozenConv2d
from trainables.layers.frozen.relu import MaskedReLU
from trainables.models.torchvision_nets import gray_to_rgb

# name -> block, blocks in each stage; torchvision itself ends at 152
PLANS: dict[str, tuple[type[BasicBlock] | type[Bottleneck], list[int]]] = {
    "resnet18": (BasicBlock, [2, 2, 2, 2]),
    "resnet34": (BasicBlock, [3, 4, 6, 3]),
    "resnet50": (Bottleneck, [3, 4, 6, 3]),
    "resnet101": (Bottleneck, [3, 4, 23, 3]),
    "resnet200": (Bottleneck, [3, 24, 36, 3]),
}


def bn_imagenet(arch: str, num_classes: int = 1000, in_channels: int = 3) -> nn.Module:
    """torchvision's topology with the initial values still to be drawn (see `trainables.models.bn.init`).

    ResNet-50 has 25,557,032 parameters at 1000 classes, 53,120 of them in BatchNorm; ResNet-200 64,673,832 and 176,000.

    Args:
        arch: a key of `PLANS`.
        in_channels: gray images are shown to the network as three equal channels.

    Raises:
        ValueError: no such arch.
    """
    if arch not in PLANS:
        raise ValueError(f"`arch` is {arch!r}, but must be one of {', '.join(PLANS)}")
    block, stages = PLANS[arch]
    model = ResNet(block, stages, num_classes=num_classes)
    for module in list(model.modules()):
        for name, child in module.named_children():
            if isinstance(child, nn.Conv2d):
                setattr(module, name, FrozenConv2d.of(child))
    return gray_to_rgb(model) if in_channels == 1 else model


def keep_masks(model: nn.Module) -> None:
    """Let every ReLU keep a byte for each element: for networks of which all convolutions are frozen."""
    for module in list(model.modules()):
        for name, child in module.named_children():
            if isinstance(child, nn.ReLU):
                setattr(module, name, MaskedReLU())
