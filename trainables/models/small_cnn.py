"""A small convolutional network for 8x8 to 32x32 images: seconds to train on a CPU, good enough to tell settings apart."""

from __future__ import annotations

from torch import nn


def small_cnn(channels: int = 1, size: int = 16, classes: int = 10) -> nn.Sequential:
    """conv 3x3 to 16 and to 32 maps, each with BatchNorm, ReLU and 2x2 max-pooling, then one linear layer.

    Args:
        channels: image channels.
        size: side of the square images in pixels, at least 4; pooling rounds down.
        classes: outputs.
    """
    if size < 4:
        raise ValueError(f"`image_size` is {size}, but small_cnn needs at least 4 pixels; enlarge the images")
    return nn.Sequential(
        *_block(channels, 16),
        *_block(16, 32),
        nn.Flatten(),
        nn.Linear(32 * (size // 4) ** 2, classes),
    )


def _block(inputs: int, outputs: int) -> tuple[nn.Module, ...]:
    return (
        nn.Conv2d(inputs, outputs, 3, padding=1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(2),
    )
