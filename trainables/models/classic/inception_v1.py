"""Inception v1 (GoogLeNet) without batch normalisation: 13,378,280 parameters, 6,998,552 without its auxiliary heads."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from trainables.models.classic.response_norm import response_norm
from trainables.models.classic.starts import start

# maps of each module: 1x1; 3x3 and the reduction before it; 5x5 and the reduction before it; after pooling
MODULES = {
    "3a": (64, 96, 128, 16, 32, 32),
    "3b": (128, 128, 192, 32, 96, 64),
    "4a": (192, 96, 208, 16, 48, 64),
    "4b": (160, 112, 224, 24, 64, 64),
    "4c": (128, 128, 256, 24, 64, 64),
    "4d": (112, 144, 288, 32, 64, 64),
    "4e": (256, 160, 320, 32, 128, 128),
    "5a": (256, 160, 320, 32, 128, 128),
    "5b": (384, 192, 384, 48, 128, 128),
}
POOLED_BEFORE = ("4a", "5a")
AUXILIARY_AFTER = ("4a", "4d")
SMALLEST = 32
SMALLEST_WITH_AUX = 79  # the auxiliary heads average over 5x5 of a map 16 times smaller than the image


class InceptionV1(nn.Module):
    """Szegedy et al., "Going deeper with convolutions", CVPR 2015, with a bias in every convolution.

    Images [N, in_channels, image_size, image_size] to logits [N, num_classes]; in training mode, with auxiliary heads, to
    three of them: the output and those after modules 4a and 4d.

    Args:
        num_classes: outputs.
        in_channels: image channels.
        image_size: side of the images in pixels; at least 32, with auxiliary heads at least 79.
        dropout: probability before the last layer.
        aux: whether there are auxiliary heads.
        aux_dropout: probability in the heads.
        lrn, lrn_k: see `response_norm`.
        init, init_bias: see `trainables.models.classic.starts`.

    Raises:
        ValueError: images too small, unknown `lrn` or `init`.
    """

    def __init__(
        self,
        num_classes: int = 1000,
        *,
        in_channels: int = 3,
        image_size: int = 224,
        dropout: float = 0.4,
        aux: bool = True,
        aux_dropout: float = 0.7,
        lrn: str = "channels",
        lrn_k: float = 1.0,
        init: str = "xavier",
        init_bias: float = 0.0,
    ) -> None:
        super().__init__()
        smallest = SMALLEST_WITH_AUX if aux else SMALLEST
        if image_size < smallest:
            heads = " with auxiliary heads" if aux else ""
            raise ValueError(
                f"`image_size` is {image_size}, but inception_v1{heads} needs at least {smallest} pixels; enlarge the images"
            )
        self.stem = nn.Sequential(
            *(*_conv(in_channels, 64, 7, stride=2), nn.MaxPool2d(3, 2, ceil_mode=True), response_norm(64, lrn, lrn_k)),
            *(*_conv(64, 64, 1), *_conv(64, 192, 3), response_norm(192, lrn, lrn_k)),
            nn.MaxPool2d(3, 2, ceil_mode=True),
        )
        widths = [192, *(_Inception.outputs(plan) for plan in MODULES.values())]
        self.modules_3a_to_5b = nn.ModuleDict(
            {name: _Inception(inputs, plan) for (name, plan), inputs in zip(MODULES.items(), widths, strict=False)}
        )
        self.pool = nn.MaxPool2d(3, 2, ceil_mode=True)
        side = ((image_size + 1) // 16 - 5) // 3 + 1
        self.auxiliary = nn.ModuleDict(
            {
                name: _auxiliary(_Inception.outputs(MODULES[name]), side, num_classes, aux_dropout)
                for name in AUXILIARY_AFTER
                if aux
            }
        )
        self.classifier = nn.Sequential(
            nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(dropout), nn.Linear(widths[-1], num_classes)
        )
        start(self, init, init_bias)

    def forward(self, images: Tensor) -> Tensor | tuple[Tensor, ...]:
        maps = self.stem(images)
        auxiliary = []
        for name, module in self.modules_3a_to_5b.items():
            maps = module(self.pool(maps) if name in POOLED_BEFORE else maps)
            if self.training and name in self.auxiliary:
                auxiliary.append(self.auxiliary[name](maps))
        logits: Tensor = self.classifier(maps)
        return (logits, *auxiliary) if auxiliary else logits


class _Inception(nn.Module):
    """Four branches side by side: maps [N, inputs, H, W] to [N, `outputs(plan)`, H, W]."""

    def __init__(self, inputs: int, plan: tuple[int, ...]) -> None:
        super().__init__()
        one, reduced3, three, reduced5, five, pooled = plan
        self.branches = nn.ModuleList(
            [
                nn.Sequential(*_conv(inputs, one, 1)),
                _chain(inputs, (reduced3, 1), (three, 3)),
                _chain(inputs, (reduced5, 1), (five, 5)),
                nn.Sequential(nn.MaxPool2d(3, 1, 1), *_conv(inputs, pooled, 1)),
            ]
        )

    @staticmethod
    def outputs(plan: tuple[int, ...]) -> int:
        one, _, three, _, five, pooled = plan
        return one + three + five + pooled

    def forward(self, maps: Tensor) -> Tensor:
        return torch.cat([branch(maps) for branch in self.branches], dim=1)


def _chain(inputs: int, *steps: tuple[int, int]) -> nn.Sequential:
    widths = [inputs, *(maps for maps, _ in steps)]
    layers = [_conv(*ends, kernel) for ends, (_, kernel) in zip(pairwise(widths), steps, strict=True)]
    return nn.Sequential(*(module for layer in layers for module in layer))


def _conv(inputs: int, outputs: int, kernel: int, stride: int = 1) -> tuple[nn.Module, ...]:
    return nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2), nn.ReLU(inplace=True)


def _auxiliary(inputs: int, side: int, num_classes: int, dropout: float) -> nn.Sequential:
    return nn.Sequential(
        *(nn.AvgPool2d(5, 3), *_conv(inputs, 128, 1), nn.Flatten()),
        *(nn.Linear(128 * side**2, 1024), nn.ReLU(inplace=True), nn.Dropout(dropout), nn.Linear(1024, num_classes)),
    )
