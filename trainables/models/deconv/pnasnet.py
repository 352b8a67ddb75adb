"""PNASNet-A and PNASNet-B for small images, with batch normalisation or network deconvolution."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from trainables.models.deconv.factory import Layers
from trainables.models.deconv.stacked import Stacked

# name -> channels of the first stage, whether cells are of kind B
PLANS = {"pnasnetA": (44, False), "pnasnetB": (32, True)}


class PNASNet(Stacked):
    """A 3x3 stem, three stages of six cells with a reduction cell between, average pooling, linear layer.

    Images [N, in_channels, H, W] to logits [N, num_classes]; a reduction cell halves the map and doubles the channels.
    Source: Liu et al., "Progressive Neural Architecture Search", ECCV 2018, in the small forms of the CIFAR studies.

    Args:
        layers: makes the layers.
        plan: a key of `PLANS`.
    """

    def __init__(self, layers: Layers, plan: str, num_classes: int, in_channels: int) -> None:
        planes, kind_b = PLANS[plan]
        cells = _cells(layers, planes, CellB if kind_b else CellA)
        super().__init__(layers, num_classes, in_channels, planes, cells, 4 * planes)


def _cells(layers: Layers, planes: int, cell: type[CellA] | type[CellB]) -> Iterator[nn.Module]:
    for stage in range(3):
        if stage > 0:
            yield cell(layers, planes, 2 * planes, 2)
            planes *= 2
        for _ in range(6):
            yield cell(layers, planes, planes, 1)


class CellA(nn.Module):
    """relu(7x7 separable convolution + 3x3 max-pooling)."""

    def __init__(self, layers: Layers, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.separable = _separable(layers, inputs, outputs, 7, stride)
        self.pool = _pool(layers, inputs, outputs, stride)

    def forward(self, maps: Tensor) -> Tensor:
        return F.relu(self.separable(maps) + self.pool(maps))


class CellB(nn.Module):
    """relu(7x7 + 3x3 separable) beside relu(3x3 max-pooling + 5x5 separable), joined by a 1x1 convolution and ReLU."""

    def __init__(self, layers: Layers, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.separable7 = _separable(layers, inputs, outputs, 7, stride)
        self.separable3 = _separable(layers, inputs, outputs, 3, stride)
        self.separable5 = _separable(layers, inputs, outputs, 5, stride)
        self.pool = _pool(layers, inputs, outputs, stride)
        self.join = nn.Sequential(layers.conv(2 * outputs, outputs, 1), layers.norm(outputs))

    def forward(self, maps: Tensor) -> Tensor:
        left = F.relu(self.separable7(maps) + self.separable3(maps))
        right = F.relu(self.pool(maps) + self.separable5(maps))
        return F.relu(self.join(torch.cat((left, right), dim=1)))


def _separable(layers: Layers, inputs: int, outputs: int, kernel: int, stride: int) -> nn.Sequential:
    """One grouped convolution with as many groups as inputs: depthwise, or two maps from each in a reduction cell."""
    return nn.Sequential(layers.conv(inputs, outputs, kernel, stride, groups=inputs), layers.norm(outputs))


def _pool(layers: Layers, inputs: int, outputs: int, stride: int) -> nn.Sequential:
    pool = nn.MaxPool2d(3, stride, 1)
    if stride == 1:
        return nn.Sequential(pool)
    return nn.Sequential(pool, layers.conv(inputs, outputs, 1), layers.norm(outputs))
