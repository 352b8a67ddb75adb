"""Plain convolutions with the geometry of another one, and products of whitened numbers, in the type of the weights.

Folded weights are large numbers that cancel: in bfloat16 a whitening convolution keeps several times the rounding error of
a plain one (`benchmarks/whitening_precision.py`). So autocast is off for them.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def convolve(like: nn.Conv2d, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """`x` under these numbers and in their type, at the stride, padding, dilation and groups of `like`."""
    x = without_autocast(x, weight.dtype)
    with torch.autocast(x.device.type, enabled=False):
        return F.conv2d(x, weight, bias, like.stride, like.padding, like.dilation, like.groups)


def linear(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """`x` under these numbers and in their type."""
    x = without_autocast(x, weight.dtype)
    with torch.autocast(x.device.type, enabled=False):
        return F.linear(x, weight, bias)


def without_autocast(x: Tensor, dtype: torch.dtype) -> Tensor:
    """What `x` is in `dtype`, where autocast may have made it narrower; elsewhere `x` itself, of whatever type."""
    return x.to(dtype) if torch.is_autocast_enabled(x.device.type) else x


def plain_conv(like: nn.Conv2d, weight: Tensor, bias: Tensor | None) -> nn.Conv2d:
    """A plain convolution with the geometry of `like` and these numbers."""
    conv = nn.Conv2d(
        like.in_channels,
        like.out_channels,
        like.kernel_size,  # type: ignore[arg-type]
        like.stride,  # type: ignore[arg-type]
        like.padding,  # type: ignore[arg-type]
        like.dilation,  # type: ignore[arg-type]
        like.groups,
        bias=bias is not None,
        dtype=weight.dtype,
        device=weight.device,
    )
    with torch.no_grad():
        conv.weight.copy_(weight)
        if bias is not None:
            conv.bias.copy_(bias)  # type: ignore[union-attr]
    return conv
