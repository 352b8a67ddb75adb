"""DPN-92 (dual path network) for small images, with batch normalisation or network deconvolution."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from trainables.models.deconv_factory import Layers

# channels inside a block, channels of the residual path, blocks, channels that each block adds to the dense path
PLAN = ((96, 256, 3, 16), (192, 512, 4, 32), (384, 1024, 20, 24), (768, 2048, 3, 128))
GROUPS = 32


class DPN92(nn.Module):
    """A 3x3 stem to 64 maps, 30 dual-path blocks in four stages, average pooling, linear layer on 2560 features.

    Images [N, in_channels, H, W] to logits [N, num_classes].
    Source: Chen et al., "Dual Path Networks", NeurIPS 2017.
    """

    def __init__(self, layers: Layers, num_classes: int, in_channels: int) -> None:
        super().__init__()
        self.conv1 = layers.stem(in_channels, 64, n_iter=10)
        self.norm1 = layers.norm(64)
        inputs, blocks = 64, list[nn.Module]()
        for stage, (inner, outer, repeats, dense) in enumerate(PLAN):
            for number in range(repeats):
                stride = 2 if stage > 0 and number == 0 else 1
                blocks.append(DualPath(layers, inputs, inner, outer, dense, stride, first=number == 0))
                inputs = outer + (number + 2) * dense
        self.blocks = nn.Sequential(*blocks)
        self.channel = layers.channel(inputs)
        self.classifier = layers.classifier(inputs, num_classes)

    def forward(self, images: Tensor) -> Tensor:
        maps = self.blocks(F.relu(self.norm1(self.conv1(images))))
        logits: Tensor = self.classifier(self.channel(maps).mean(dim=(2, 3)))
        return logits


class DualPath(nn.Module):
    """1x1, grouped 3x3 and 1x1 convolution; the first `outer` maps are added to the input's, the others appended."""

    def __init__(
        self, layers: Layers, inputs: int, inner: int, outer: int, dense: int, stride: int, first: bool
    ) -> None:
        super().__init__()
        self.outer = outer
        self.residual = nn.Sequential(
            layers.conv(inputs, inner, 1),
            layers.norm(inner),
            nn.ReLU(),
            layers.conv(inner, inner, 3, stride, groups=GROUPS),
            layers.norm(inner),
            nn.ReLU(),
            layers.conv(inner, outer + dense, 1),
            layers.norm(outer + dense),
        )
        self.shortcut: nn.Module = nn.Identity()
        if first:
            projection = layers.conv(inputs, outer + dense, 1, stride)
            self.shortcut = nn.Sequential(projection, layers.norm(outer + dense))

    def forward(self, maps: Tensor) -> Tensor:
        old, new, outer = self.shortcut(maps), self.residual(maps), self.outer
        return F.relu(torch.cat((old[:, :outer] + new[:, :outer], old[:, outer:], new[:, outer:]), dim=1))
