"""ResNeXt-29 (32x4d) for small images, with batch normalisation or network deconvolution."""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor, nn
from torch.nn import functional as F

from trainables.models.deconv.factory import Layers
from trainables.models.deconv.stacked import Stacked, narrow, projection

CARDINALITY = 32


class ResNeXt29(Stacked):
    """A 1x1 stem, three stages of three blocks with 32 groups of width 4, 8 and 16, average pooling, linear layer.

    Images [N, in_channels, H, W] to logits [N, num_classes].
    Source: Xie et al., "Aggregated Residual Transformations for Deep Neural Networks", CVPR 2017.
    """

    def __init__(self, layers: Layers, num_classes: int, in_channels: int) -> None:
        super().__init__(layers, num_classes, in_channels, 64, _blocks(layers), 1024, kernel=1)


def _blocks(layers: Layers) -> Iterator[nn.Module]:
    inputs = 64
    for stage in range(3):
        width = CARDINALITY * 4 * 2**stage
        for number in range(3):
            yield ResNeXtBlock(layers, inputs, width, 2 if stage > 0 and number == 0 else 1)
            inputs = 2 * width


class ResNeXtBlock(nn.Module):
    """1x1, grouped 3x3 (three Newton-Schulz steps) and 1x1 convolution to twice the width, beside the shortcut."""

    def __init__(self, layers: Layers, inputs: int, width: int, stride: int) -> None:
        super().__init__()
        self.residual = narrow(layers, inputs, width, 2 * width, stride, CARDINALITY, n_iter=3)
        self.shortcut = projection(layers, inputs, 2 * width, stride)

    def forward(self, maps: Tensor) -> Tensor:
        return F.relu(self.residual(maps) + self.shortcut(maps))
