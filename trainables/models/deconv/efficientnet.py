"""EfficientNet-B0 for small images, with batch normalisation or network deconvolution."""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor, nn

from trainables.models.deconv.factory import BatchNormLayers, Layers
from trainables.models.deconv.preact import SqueezeExcite
from trainables.models.deconv.stacked import Stacked, narrow, projection

# expansion, output channels, repeats, stride of the first
PLAN = (
    *((1, 16, 1, 2), (6, 24, 2, 1), (6, 40, 2, 2), (6, 80, 3, 2)),
    *((6, 112, 3, 1), (6, 192, 4, 2), (6, 320, 1, 2)),
)


class EfficientNetB0(Stacked):
    """A 3x3 stem to 32 maps, 16 blocks of 3x3 depthwise convolution with squeeze-and-excitation, pooling, linear layer.

    Images [N, in_channels, H, W] to logits [N, num_classes].
    Source: Tan and Le, "EfficientNet", ICML 2019, in the small form of the CIFAR studies.

    Args:
        layers: makes the layers.
        whiten_blocks: the published deconvolution form changes the stem and the classifier alone, and its blocks keep
            batch normalisation: False. True gives the blocks deconvolution as well.
    """

    def __init__(self, layers: Layers, num_classes: int, in_channels: int, whiten_blocks: bool = False) -> None:
        inside = layers if whiten_blocks else BatchNormLayers()
        super().__init__(layers, num_classes, in_channels, 32, _blocks(inside), 320)


def _blocks(layers: Layers) -> Iterator[nn.Module]:
    inputs = 32
    for expansion, outputs, repeats, stride in PLAN:
        for number in range(repeats):
            yield MBConv(layers, inputs, outputs, expansion, stride if number == 0 else 1)
            inputs = outputs


class MBConv(nn.Module):
    """1x1 expansion, 3x3 depthwise, 1x1 projection, excitation; added to the input, or to itself where the map shrinks."""

    def __init__(self, layers: Layers, inputs: int, outputs: int, expansion: int, stride: int) -> None:
        super().__init__()
        width = expansion * inputs
        self.residual = narrow(layers, inputs, width, outputs, stride, groups=width)
        self.excite = SqueezeExcite(layers, outputs)
        self.shortcut = projection(layers, inputs, outputs) if stride == 1 else None

    def forward(self, maps: Tensor) -> Tensor:
        residual: Tensor = self.residual(maps)
        total: Tensor = self.excite(residual) + (residual if self.shortcut is None else self.shortcut(maps))
        return total
