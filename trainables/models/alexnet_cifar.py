"""The AlexNet variant of the blur-training CIFAR-10 experiments: 36,051,786 parameters at 32x32 and 10 classes."""

from __future__ import annotations

from torch import nn


def alexnet_cifar(channels: int = 3, size: int = 32, classes: int = 10) -> nn.Sequential:
    """Five convolutions and three 2x2 poolings, then 4096-4096-classes with dropout 0.5; PyTorch's default initialisers.

    Source: the CIFAR-10 code published with Yoshihara et al., Front. Psychol. 14 (2023).

    Args:
        channels: image channels.
        size: side of the square images in pixels, at least 8.
        classes: outputs.
    """
    if size < 8:
        raise ValueError(f"`image_size` is {size}, but alexnet_cifar needs at least 8 pixels; enlarge the images")
    features = nn.Sequential(
        *_conv(channels, 64, 3),
        nn.MaxPool2d(2),
        *_conv(64, 192, 5),
        nn.MaxPool2d(2),
        *_conv(192, 384, 3),
        *_conv(384, 256, 3),
        *_conv(256, 256, 3),
        nn.MaxPool2d(2),
    )
    classifier = nn.Sequential(
        nn.Dropout(0.5),
        nn.Linear(256 * (size // 8) ** 2, 4096),
        nn.ReLU(inplace=True),
        nn.Dropout(0.5),
        nn.Linear(4096, 4096),
        nn.ReLU(inplace=True),
        nn.Linear(4096, classes),
    )
    return nn.Sequential(features, nn.Flatten(), classifier)


def _conv(inputs: int, outputs: int, kernel: int) -> tuple[nn.Module, ...]:
    return nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2), nn.ReLU(inplace=True)
