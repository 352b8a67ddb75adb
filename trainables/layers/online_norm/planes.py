"""The passes over whole activations that a normalisation of each (sample, channel) plane needs, few and fused.

A plane is the [H, W] of one channel of one sample; activations are [B, C, H, W], or [B, C] where a plane is one number.
What a plane is multiplied by or added to comes as [B, C]. All numbers are float32 or float64.

On a CPU a contiguous batch is seen as one sample of B*C channels, [1, B*C, H*W], for which torch has vectorised kernels
that do in one pass what broadcasting does in two or three: batch norm in evaluation mode for scale and shift, its
backward pass for two sums, and group norm for the moments. Every other layout or device takes broadcasting, which keeps
the memory format of its input.
"""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor

# Added to a variance under the root, so that a constant plane has a finite deviation, and then taken off again.
TINY = 1e-12


def moments(x: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and biased variance of each plane, whatever the mean."""
    if x.dim() == 2:
        return x, torch.zeros_like(x)
    if not on_cpu(x):
        variance, mean = torch.var_mean(x, (2, 3), correction=0)
        return mean, variance
    if not fused(x):
        mean = x.mean((2, 3))
        return mean, (x - _planes(mean)).square_().mean((2, 3))
    batch, channels, height, width = x.shape
    _, mean, reciprocal = torch.native_group_norm(x, None, None, batch, channels, height * width, channels, TINY)
    return mean, reciprocal.reciprocal_().square_().sub_(TINY).clamp_(min=0)


def sums(g: Tensor, x: Tensor, center: Tensor | None) -> tuple[Tensor, Tensor]:
    """The sums over each plane of `g` and of `g * (x - center)`; no center is 0."""
    if x.dim() == 2:
        return g, g * (x if center is None else x - center)
    if not fused(x):
        return g.sum((2, 3)), (g * x if center is None else (x - _planes(center)).mul_(g)).sum((2, 3))
    shape = x.shape[:2]
    mean = _filled(0.0, shape.numel(), x.dtype) if center is None else center.reshape(-1)
    variance = _filled(1.0, shape.numel(), x.dtype)
    _, dot, total = torch.ops.aten.native_batch_norm_backward(
        _channels(g.contiguous()), _channels(x), None, mean, variance, None, None, False, 0.0, [False, True, True]
    )
    return total.view(shape), dot.view(shape)


def affine(x: Tensor, scale: Tensor, center: Tensor, shift: Tensor) -> Tensor:
    """`scale * (x - center) + shift`, in the memory format of `x`."""
    if x.dim() == 2:
        return torch.addcmul(shift, scale, x - center)
    if not fused(x):
        return (x - _planes(center)).mul_(_planes(scale)).add_(_planes(shift))
    result, unused = torch.empty_like(x), x.new_empty(0)
    scale, center, shift = scale.reshape(-1), center.reshape(-1), shift.reshape(-1)
    variance = _filled(1.0, scale.numel(), x.dtype)
    torch.native_batch_norm(
        _channels(x), scale, shift, center, variance, False, 0.0, 0.0, out=(_channels(result), unused, unused)
    )
    return result


def combined(g: Tensor, a: Tensor, x: Tensor, b: Tensor, center: Tensor, c: Tensor) -> Tensor:
    """`a * g + b * (x - center) + c`, in the memory format of `x`."""
    result = affine(x, b, center, c)
    if x.dim() == 2:
        return result.addcmul_(a, g)
    if not fused(x):
        return result.addcmul_(_planes(a), g)
    rows = (a.numel(), -1)  # a row times one number is vectorised, a plane times one number broadcast twice is not
    result.view(rows).addcmul_(g.contiguous().view(rows), a.reshape(-1, 1))
    return result


def fused(x: Tensor) -> bool:
    """Whether the passes over `x` take the kernels for a CPU."""
    return on_cpu(x) and x.dim() == 4 and x.is_contiguous()


def on_cpu(x: Tensor) -> bool:
    return x.is_cpu


@lru_cache(maxsize=64)
def _filled(value: float, size: int, dtype: torch.dtype) -> Tensor:
    """A constant statistic of batch norm; never written to."""
    return torch.full((size,), value, dtype=dtype)


def _channels(x: Tensor) -> Tensor:
    return x.view(1, x.shape[0] * x.shape[1], -1)


def _planes(values: Tensor) -> Tensor:
    return values[:, :, None, None]
