"""EfficientNet-B0 for small images, with batch normalisation or network deconvolution."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from trainables.models.deconv_factory import BatchNormLayers, Layers
from trainables.models.preact import SqueezeExcite

# expansion, output channels, repeats, stride of the first
PLAN = (
    *((1, 16, 1, 2), (6, 24, 2, 1), (6, 40, 2, 2), (6, 80, 3, 2)),
    *((6, 112, 3, 1), (6, 192, 4, 2), (6, 320, 1, 2)),
)


class EfficientNetB0(nn.Module):
    """A 3x3 stem to 32 maps, 16 blocks of 3x3 depthwise convolution with squeeze-and-excitation, pooling, linear layer.

    Images [N, in_channels, H, W] to logits [N, num_classes].
    Source: Tan and Le, "EfficientNet", ICML 2019, in the small form of the CIFAR studies.

    Args:
        layers: makes the layers.
        whiten_blocks: the published deconvolution form changes the stem and the classifier alone, and its blocks keep
            batch normalisation: False. True gives the blocks deconvolution as well.
    """

    def __init__(self, layers: Layers, num_classes: int, in_channels: int, whiten_blocks: bool = False) -> None:
        super().__init__()
        inside = layers if whiten_blocks else BatchNormLayers()
        self.conv1 = layers.stem(in_channels, 32, n_iter=10)
        self.norm1 = layers.norm(32)
        inputs, blocks = 32, list[nn.Module]()
        for expansion, outputs, repeats, stride in PLAN:
            for number in range(repeats):
                blocks.append(MBConv(inside, inputs, outputs, expansion, stride if number == 0 else 1))
                inputs = outputs
        self.blocks = nn.Sequential(*blocks)
        self.channel = layers.channel(inputs)
        self.classifier = layers.classifier(inputs, num_classes)

    def forward(self, images: Tensor) -> Tensor:
        maps = self.blocks(F.relu(self.norm1(self.conv1(images))))
        logits: Tensor = self.classifier(self.channel(maps).mean(dim=(2, 3)))
        return logits


class MBConv(nn.Module):
    """1x1 expansion, 3x3 depthwise, 1x1 projection, excitation; added to the input, or to itself where the map shrinks."""

    def __init__(self, layers: Layers, inputs: int, outputs: int, expansion: int, stride: int) -> None:
        super().__init__()
        width = expansion * inputs
        self.residual = nn.Sequential(
            layers.conv(inputs, width, 1),
            layers.norm(width),
            nn.ReLU(),
            layers.conv(width, width, 3, stride, groups=width),
            layers.norm(width),
            nn.ReLU(),
            layers.conv(width, outputs, 1),
            layers.norm(outputs),
        )
        self.excite = SqueezeExcite(layers, outputs)
        self.shortcut: nn.Module | None = None
        if stride == 1:
            self.shortcut = nn.Identity()
            if inputs != outputs:
                self.shortcut = nn.Sequential(layers.conv(inputs, outputs, 1), layers.norm(outputs))

    def forward(self, maps: Tensor) -> Tensor:
        residual: Tensor = self.residual(maps)
        total: Tensor = self.excite(residual) + (residual if self.shortcut is None else self.shortcut(maps))
        return total
