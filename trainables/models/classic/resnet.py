"""The ResNets of the classic ImageNet collection: torchvision's, with the stride of the original bottleneck."""

from __future__ import annotations

from typing import Any

import torchvision
from torch import nn
from torchvision.models.resnet import Bottleneck, conv1x1


def resnet(arch: str, num_classes: int = 1000, *, in_channels: int = 3, stride_in: str = "1x1") -> nn.Module:
    """Images [N, in_channels, H, W], usually 224x224, to logits [N, num_classes]; torchvision's initialisers.

    He et al., "Deep residual learning for image recognition", CVPR 2016. Parameters have torchvision's names.
    `resnet18_projection` is the 18-layer network (2, 2, 2, 2 basic blocks) that was published under the name ResNet-34:
    the first block has a 1x1 projection that its stride of 1 does not call for, 11,693,736 parameters. The run published
    with it had no such projection yet and was exactly `resnet18`, 11,689,512.

    Args:
        arch: resnet18, resnet18_projection, resnet34, resnet50 or resnet152.
        num_classes: outputs.
        in_channels: image channels.
        stride_in: the convolution of a bottleneck that halves the map: `1x1`, the first, as in the paper; `3x3`, as
            torchvision's weights were trained.

    Raises:
        ValueError: another `stride_in`.
    """
    if stride_in not in ("1x1", "3x3"):
        raise ValueError(f"`stride_in` is {stride_in!r}, but must be '1x1' or '3x3'")
    model: Any = torchvision.models.get_model(arch.removesuffix("_projection"), weights=None, num_classes=num_classes)
    if in_channels != 3:
        model.conv1 = _kaiming(nn.Conv2d(in_channels, 64, 7, 2, 3, bias=False))
    if arch == "resnet18_projection":
        model.layer1[0].downsample = nn.Sequential(_kaiming(conv1x1(64, 64)), nn.BatchNorm2d(64))
    for block in model.modules():
        if isinstance(block, Bottleneck) and stride_in == "1x1":
            block.conv1.stride, block.conv2.stride = block.conv2.stride, block.conv1.stride
    network: nn.Module = model
    return network


def _kaiming(convolution: nn.Conv2d) -> nn.Conv2d:
    nn.init.kaiming_normal_(convolution.weight, mode="fan_out", nonlinearity="relu")
    return convolution
