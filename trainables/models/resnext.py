"""ResNeXt-29 (32x4d) for small images, with batch normalisation or network deconvolution."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from trainables.models.deconv_factory import Layers

CARDINALITY = 32


class ResNeXt29(nn.Module):
    """A 1x1 stem, three stages of three blocks with 32 groups of width 4, 8 and 16, average pooling, linear layer.

    Images [N, in_channels, H, W] to logits [N, num_classes].
    Source: Xie et al., "Aggregated Residual Transformations for Deep Neural Networks", CVPR 2017.
    """

    def __init__(self, layers: Layers, num_classes: int, in_channels: int) -> None:
        super().__init__()
        self.conv1 = layers.stem(in_channels, 64, 1, n_iter=10)
        self.norm1 = layers.norm(64)
        inputs, blocks = 64, list[nn.Module]()
        for stage in range(3):
            width = CARDINALITY * 4 * 2**stage
            for number in range(3):
                blocks.append(ResNeXtBlock(layers, inputs, width, 2 if stage > 0 and number == 0 else 1))
                inputs = 2 * width
        self.blocks = nn.Sequential(*blocks)
        self.channel = layers.channel(inputs)
        self.classifier = layers.classifier(inputs, num_classes)

    def forward(self, images: Tensor) -> Tensor:
        maps = self.blocks(F.relu(self.norm1(self.conv1(images))))
        logits: Tensor = self.classifier(self.channel(maps).mean(dim=(2, 3)))
        return logits


class ResNeXtBlock(nn.Module):
    """1x1, grouped 3x3 (three Newton-Schulz steps) and 1x1 convolution to twice the width, beside the shortcut."""

    def __init__(self, layers: Layers, inputs: int, width: int, stride: int) -> None:
        super().__init__()
        outputs = 2 * width
        self.residual = nn.Sequential(
            layers.conv(inputs, width, 1),
            layers.norm(width),
            nn.ReLU(),
            layers.conv(width, width, 3, stride, groups=CARDINALITY, n_iter=3),
            layers.norm(width),
            nn.ReLU(),
            layers.conv(width, outputs, 1),
            layers.norm(outputs),
        )
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or inputs != outputs:
            self.shortcut = nn.Sequential(layers.conv(inputs, outputs, 1, stride), layers.norm(outputs))

    def forward(self, maps: Tensor) -> Tensor:
        return F.relu(self.residual(maps) + self.shortcut(maps))
