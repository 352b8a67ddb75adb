"""LeNet-5 as the classic ImageNet collection has it: 61,706 parameters at gray 32x32 images and 10 classes."""

from __future__ import annotations

from torch import nn

SMALLEST = 32  # pixels: the third convolution needs a map of 5x5


def lenet5(num_classes: int = 10, *, in_channels: int = 1, image_size: int = 32) -> nn.Sequential:
    """Images [N, in_channels, image_size, image_size] to logits [N, num_classes]; PyTorch's default initialisers.

    LeCun et al., "Gradient-based learning applied to document recognition", Proc. IEEE 86 (1998), without three things
    of the paper: the second convolution sees all maps, pooling has no coefficients to train, and the output is linear.

    Args:
        num_classes: outputs.
        in_channels: image channels.
        image_size: side of the images in pixels, at least 32; smaller images are padded or enlarged by the caller.
    """
    if image_size < SMALLEST:
        raise ValueError(
            f"`image_size` is {image_size}, but lenet5 needs at least {SMALLEST} pixels; set image_size=32"
        )
    side = ((image_size - 4) // 2 - 4) // 2 - 4
    return nn.Sequential(
        *(nn.Conv2d(in_channels, 6, 5), nn.Tanh(), nn.AvgPool2d(2), nn.Tanh()),
        *(nn.Conv2d(6, 16, 5), nn.Tanh(), nn.AvgPool2d(2), nn.Tanh()),
        *(nn.Conv2d(16, 120, 5), nn.Tanh(), nn.Flatten()),
        *(nn.Linear(120 * side**2, 84), nn.Tanh(), nn.Linear(84, num_classes)),
    )
