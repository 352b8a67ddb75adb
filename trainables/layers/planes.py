"""The passes over whole activations that a normalisation of each (sample, channel) plane needs, few and fused.

A plane is the [H, W] of one channel of one sample; activations are [B, C, H, W], or [B, C] where a plane is one number.
What a plane is multiplied by or added to comes as [B, C]. All numbers are float32 or float64.

On a CPU a contiguous batch is seen as one sample of B*C channels, [1, B*C, H*W], for which torch has vectorised kernels
that do in one pass what broadcasting does in two or three: group norm for the moments, batch norm in evaluation mode
for scale and shift, and its backward pass for two sums. Every other layout or device takes broadcasting, which keeps
the memory format of its input.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

# Added to a variance under the root, so that a constant plane has a finite deviation, and then taken off again.
TINY = 1e-12


class Moments(NamedTuple):
    """Mean and biased variance of each plane, [B, C], and the planes about their means in memory of their own.

    `x = mean + spread * centered`; where a plane is one number it is its own mean, and `centered` is None.
    """

    mean: Tensor
    variance: Tensor
    centered: Tensor | None
    spread: Tensor | float


def moments(x: Tensor) -> Moments:
    """Mean, variance and centered planes of `x`."""
    if x.dim() == 2:
        return Moments(x, torch.zeros_like(x), None, 1.0)
    if _fused(x):
        batch, channels, height, width = x.shape
        centered, mean, reciprocal = torch.native_group_norm(
            x, None, None, batch, channels, height * width, channels, TINY
        )
        spread = reciprocal.reciprocal_()
        return Moments(mean, spread.square().sub_(TINY).clamp_(min=0), centered, spread)
    mean = x.mean((2, 3))
    centered = x - _planes(mean)
    return Moments(mean, centered.square().mean((2, 3)), centered, 1.0)


def rescaled(x: Moments, scale: Tensor, constant: Tensor) -> Tensor:
    """`scale * (x - mean) + constant`, written over `x.centered`."""
    if x.centered is None:
        return constant
    scale = scale * x.spread
    if _fused(x.centered):
        return _batch_norm(x.centered, scale, torch.zeros_like(scale), constant, out=x.centered)
    return x.centered.mul_(_planes(scale)).add_(_planes(constant))


def affine(x: Tensor, scale: Tensor, center: Tensor, shift: Tensor) -> Tensor:
    """`scale * (x - center) + shift`."""
    if x.dim() == 2:
        return torch.addcmul(shift, scale, x - center)
    if _fused(x):
        return _batch_norm(x, scale, center, shift, out=torch.empty_like(x))
    return (x - _planes(center)).mul_(_planes(scale)).add_(_planes(shift))


def means(g: Tensor, x: Tensor, center: Tensor) -> tuple[Tensor, Tensor]:
    """The means over each plane of `g` and of `g * (x - center)`."""
    if x.dim() == 2:
        return g, g * (x - center)
    if not _fused(x):
        return g.mean((2, 3)), (x - _planes(center)).mul_(g).mean((2, 3))
    ones = center.new_ones(center.numel())
    _, dot, total = torch.ops.aten.native_batch_norm_backward(
        _channels(g.contiguous()),
        _channels(x),
        ones,
        center.reshape(-1),
        ones,
        None,
        None,
        False,
        0.0,
        [False, True, True],
    )
    size = x.shape[2] * x.shape[3]
    return total.div_(size).view_as(center), dot.div_(size).view_as(center)


def combined(g: Tensor, a: Tensor, x: Tensor, b: Tensor, center: Tensor, c: Tensor) -> Tensor:
    """`a * g + b * (x - center) + c`, in the memory format of `x`."""
    result = affine(x, b, center, c)
    if x.dim() == 2:
        return result.addcmul_(a, g)
    if not _fused(x):
        return result.addcmul_(_planes(a), g)
    rows = (a.numel(), -1)  # one plane each: a row times one number is vectorised, two broadcast dimensions are not
    result.view(rows).addcmul_(g.contiguous().view(rows), a.reshape(-1, 1))
    return result


def _batch_norm(x: Tensor, scale: Tensor, center: Tensor, shift: Tensor, out: Tensor) -> Tensor:
    """`scale * (x - center) + shift` through batch norm with a variance of one; `out` may be `x`."""
    scale, center, shift = scale.reshape(-1), center.reshape(-1), shift.reshape(-1)
    ones, none = torch.ones_like(scale), x.new_empty(0)
    torch.native_batch_norm(
        _channels(x),
        scale,
        shift,
        center,
        ones,
        False,
        0.0,
        0.0,
        out=(_channels(out), none, none),
    )
    return out


def _fused(x: Tensor) -> bool:
    return x.device.type == "cpu" and x.is_contiguous()


def _channels(x: Tensor) -> Tensor:
    return x.view(1, x.shape[0] * x.shape[1], -1)


def _planes(values: Tensor) -> Tensor:
    return values[:, :, None, None]
