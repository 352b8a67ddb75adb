"""MobileNetV2 for small images, with batch normalisation or network deconvolution."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from trainables.models.deconv.factory import Layers
from trainables.models.deconv.stacked import narrow, projection

# expansion, output channels, repeats, stride of the first
PLAN = (
    *((1, 16, 1, 1), (6, 24, 2, 1), (6, 32, 3, 2), (6, 64, 4, 2)),
    *((6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)),
)


class MobileNetV2(nn.Module):
    """A 3x3 stem to 32 maps, 17 inverted residual blocks, a 1x1 convolution to 1280, average pooling, linear layer.

    Images [N, in_channels, H, W] to logits [N, num_classes]; strides are 1 where ImageNet's network has them in the
    stem and the second stage.
    Source: Sandler et al., "MobileNetV2: Inverted Residuals and Linear Bottlenecks", CVPR 2018.
    """

    def __init__(self, layers: Layers, num_classes: int, in_channels: int) -> None:
        super().__init__()
        self.conv1 = layers.stem(in_channels, 32, n_iter=10)
        self.norm1 = layers.norm(32)
        inputs, blocks = 32, list[nn.Module]()
        for expansion, outputs, repeats, stride in PLAN:
            for number in range(repeats):
                blocks.append(InvertedResidual(layers, inputs, outputs, expansion, stride if number == 0 else 1))
                inputs = outputs
        self.blocks = nn.Sequential(*blocks)
        self.conv2 = layers.conv(inputs, 1280, 1)
        self.norm2 = layers.norm(1280)
        self.channel = layers.channel(1280)
        self.classifier = layers.classifier(1280, num_classes)

    def forward(self, images: Tensor) -> Tensor:
        maps = self.blocks(F.relu(self.norm1(self.conv1(images))))
        maps = F.relu(self.norm2(self.conv2(maps)))
        logits: Tensor = self.classifier(self.channel(maps).mean(dim=(2, 3)))
        return logits


class InvertedResidual(nn.Module):
    """1x1 expansion, 3x3 depthwise and 1x1 projection; at stride 1 the input is added, projected if widths differ.

    The depthwise convolution and the projection take one Newton-Schulz step, and the projection whitens blocks of as
    many channels as the block's input has, as in the published network.
    """

    def __init__(self, layers: Layers, inputs: int, outputs: int, expansion: int, stride: int) -> None:
        super().__init__()
        width = expansion * inputs
        self.residual = narrow(layers, inputs, width, outputs, stride, groups=width, n_iter=1, last=(1, inputs))
        self.shortcut = projection(layers, inputs, outputs) if stride == 1 else None

    def forward(self, maps: Tensor) -> Tensor:
        residual: Tensor = self.residual(maps)
        return residual if self.shortcut is None else residual + self.shortcut(maps)
