"""AlexNet in one tower with local response normalisation: V1 has 62,378,344 parameters, V2 has 61,838,248."""

from __future__ import annotations

from torch import nn

from trainables.models.classic.response_norm import response_norm
from trainables.models.classic.starts import start

# maps of the five convolutions
MAPS = {"alexnet_v1": (96, 256, 384, 384, 256), "alexnet_v2": (64, 192, 384, 384, 256)}
SMALLEST = 63  # pixels that leave one after the third pooling


def alexnet(
    arch: str,
    num_classes: int = 1000,
    *,
    in_channels: int = 3,
    image_size: int = 224,
    dropout: float = 0.5,
    lrn: str = "channels",
    lrn_k: float = 1.0,
    init: str = "default",
    init_bias: float = 0.0,
) -> nn.Sequential:
    """Images [N, in_channels, image_size, image_size] to logits [N, num_classes].

    V1: Krizhevsky, Sutskever and Hinton, NeurIPS 2012, without the split over two GPUs. V2: Krizhevsky, "One weird trick",
    2014; torchvision's has 256 maps in the fourth convolution and no response normalisation.

    Args:
        arch: alexnet_v1 or alexnet_v2.
        num_classes: outputs.
        in_channels: image channels.
        image_size: side of the images in pixels, at least 63; the first linear layer sees a map of 6x6 at 224.
        dropout: probability, before the first and the second linear layer.
        lrn: window of the response normalisation after the first two convolutions, see `response_norm`.
        lrn_k: its additive constant.
        init, init_bias: see `trainables.models.classic.starts`.

    Raises:
        ValueError: images too small, unknown `lrn` or `init`.
    """
    if image_size < SMALLEST:
        raise ValueError(
            f"`image_size` is {image_size}, but {arch} needs at least {SMALLEST} pixels; set image_size=64"
        )
    one, two, three, four, five = MAPS[arch]
    side = _pooled(_pooled(_pooled((image_size + 4 - 11) // 4 + 1)))
    model = nn.Sequential(
        nn.Sequential(
            *(nn.Conv2d(in_channels, one, 11, 4, 2), nn.ReLU(inplace=True), response_norm(one, lrn, lrn_k)),
            nn.MaxPool2d(3, 2),
            *(nn.Conv2d(one, two, 5, padding=2), nn.ReLU(inplace=True), response_norm(two, lrn, lrn_k)),
            nn.MaxPool2d(3, 2),
            *(nn.Conv2d(two, three, 3, padding=1), nn.ReLU(inplace=True)),
            *(nn.Conv2d(three, four, 3, padding=1), nn.ReLU(inplace=True)),
            *(nn.Conv2d(four, five, 3, padding=1), nn.ReLU(inplace=True)),
            nn.MaxPool2d(3, 2),
        ),
        nn.Flatten(),
        nn.Sequential(
            *(nn.Dropout(dropout), nn.Linear(five * side**2, 4096), nn.ReLU(inplace=True)),
            *(nn.Dropout(dropout), nn.Linear(4096, 4096), nn.ReLU(inplace=True)),
            nn.Linear(4096, num_classes),
        ),
    )
    start(model, init, init_bias)
    return model


def _pooled(side: int) -> int:
    return (side - 3) // 2 + 1
