"""VGG-16 and VGG-19 without batch normalisation: torchvision's layers, with dropout where the classic runs had it."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import torchvision
from torch import nn

from trainables.models.classic.starts import start

SMALLEST = 32


def vgg(
    arch: str,
    num_classes: int = 1000,
    *,
    in_channels: int = 3,
    image_size: int = 224,
    dropout: float = 0.5,
    init: str = "xavier",
    init_bias: float = 0.0,
) -> nn.Module:
    """Images [N, in_channels, image_size, image_size] to logits [N, num_classes].

    Simonyan and Zisserman, ICLR 2015, configurations D (138,357,544 parameters) and E (143,667,240). Dropout comes
    before the first and the second linear layer, on the pooled features too; torchvision's comes after them. Parameters
    have torchvision's names, so its weights fit.

    Args:
        arch: vgg16 or vgg19.
        num_classes: outputs.
        in_channels: image channels.
        image_size: side of the images in pixels, at least 32; the first linear layer sees a map of 7x7 at 224.
        dropout: probability.
        init, init_bias: see `trainables.models.classic.starts`.

    Raises:
        ValueError: images too small, or unknown `init`.
    """
    if image_size < SMALLEST:
        raise ValueError(
            f"`image_size` is {image_size}, but {arch} needs at least {SMALLEST} pixels; set image_size=32"
        )
    model: Any = torchvision.models.get_model(arch, weights=None, num_classes=num_classes, init_weights=False)
    if in_channels != 3:
        model.features[0] = nn.Conv2d(in_channels, 64, 3, padding=1)
    model.avgpool = nn.Identity()
    model.classifier = nn.Sequential(
        OrderedDict[str, nn.Module](
            {
                "before_0": nn.Dropout(dropout),
                "0": nn.Linear(512 * (image_size // 32) ** 2, 4096),
                "1": nn.ReLU(inplace=True),
                "before_3": nn.Dropout(dropout),
                "3": nn.Linear(4096, 4096),
                "4": nn.ReLU(inplace=True),
                "6": nn.Linear(4096, num_classes),
            }
        )
    )
    start(model, init, init_bias)
    network: nn.Module = model
    return network
