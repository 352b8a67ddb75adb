"""MobileNet v1 with a width multiplier: 4,231,976 parameters at width 1 and 1000 classes."""

from __future__ import annotations

from torch import nn

# maps and stride of the thirteen depthwise-separable blocks
BLOCKS = (
    *((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2)),
    *((512, 1),) * 5,
    *((1024, 2), (1024, 1)),
)


def mobilenet_v1(num_classes: int = 1000, *, in_channels: int = 3, width: float = 1.0) -> nn.Sequential:
    """Images [N, in_channels, H, W], usually 224x224, to logits [N, num_classes]; PyTorch's default initialisers.

    Howard et al., "MobileNets", 2017: batch normalisation and ReLU after both convolutions of a block.

    Args:
        num_classes: outputs.
        in_channels: image channels.
        width: factor of the maps of every layer, each rounded to a whole number of at least 1.

    Raises:
        ValueError: a width that is not above 0.
    """
    if not width > 0:
        raise ValueError(f"`width` is {width}, but must be greater than 0; 1 is the published network")

    def scaled(maps: int) -> int:
        return max(1, round(width * maps))

    inputs = scaled(32)
    layers = [*_conv(in_channels, inputs, 3, stride=2)]
    for maps, stride in BLOCKS:
        layers += [*_conv(inputs, inputs, 3, stride, groups=inputs), *_conv(inputs, scaled(maps), 1)]
        inputs = scaled(maps)
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(inputs, num_classes))


def _conv(inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1) -> tuple[nn.Module, ...]:
    convolution = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False)
    return convolution, nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)
