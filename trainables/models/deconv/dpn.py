"""DPN-92 (dual path network) for small images, with batch normalisation or network deconvolution."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from trainables.models.deconv.factory import Layers
from trainables.models.deconv.stacked import Stacked, narrow

# channels inside a block, channels of the residual path, blocks, channels that each block adds to the dense path
PLAN = ((96, 256, 3, 16), (192, 512, 4, 32), (384, 1024, 20, 24), (768, 2048, 3, 128))
GROUPS = 32


class DPN92(Stacked):
    """A 3x3 stem to 64 maps, 30 dual-path blocks in four stages, average pooling, linear layer on 2560 features.

    Images [N, in_channels, H, W] to logits [N, num_classes].
    Source: Chen et al., "Dual Path Networks", NeurIPS 2017.
    """

    def __init__(self, layers: Layers, num_classes: int, in_channels: int) -> None:
        super().__init__(layers, num_classes, in_channels, 64, _blocks(layers), 2560)


def _blocks(layers: Layers) -> Iterator[nn.Module]:
    inputs = 64
    for stage, (inner, outer, repeats, dense) in enumerate(PLAN):
        for number in range(repeats):
            stride = 2 if stage > 0 and number == 0 else 1
            yield DualPath(layers, inputs, inner, outer, dense, stride, first=number == 0)
            inputs = outer + (number + 2) * dense


class DualPath(nn.Module):
    """1x1, grouped 3x3 and 1x1 convolution; the first `outer` maps are added to the input's, the others appended."""

    def __init__(
        self, layers: Layers, inputs: int, inner: int, outer: int, dense: int, stride: int, first: bool
    ) -> None:
        super().__init__()
        self.outer = outer
        self.residual = narrow(layers, inputs, inner, outer + dense, stride, GROUPS)
        self.shortcut: nn.Module = nn.Identity()
        if first:
            projection = layers.conv(inputs, outer + dense, 1, stride)
            self.shortcut = nn.Sequential(projection, layers.norm(outer + dense))

    def forward(self, maps: Tensor) -> Tensor:
        old, new, outer = self.shortcut(maps), self.residual(maps), self.outer
        return F.relu(torch.cat((old[:, :outer] + new[:, :outer], old[:, outer:], new[:, outer:]), dim=1))
