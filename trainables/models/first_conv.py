"""Finding the convolution that sees the image, in any architecture."""

from __future__ import annotations

from torch import nn


def first_conv(model: nn.Module) -> nn.Conv2d:
    """The first convolution in module order, wrapped or not, with bias or without.

    Raises:
        ValueError: the network has none.
    """
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            return module
    raise ValueError("`mode` is 'fixed-single-step', but the network has no convolution to fix; choose another arch")
