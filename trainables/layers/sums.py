"""Sums and means over the processes of torch's default group, with gradients as if all values were in one process."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, distributed
from torch.autograd.function import once_differentiable


def summed(numbers: Tensor) -> Tensor:
    """`numbers` [...] of all processes added up, on each of them; differentiable. Each process must call it as often."""
    total: Tensor = _Summed.apply(numbers)
    return total


class _Summed(torch.autograd.Function):
    """The gradient of a sum that every process uses is the sum of their gradients."""

    @staticmethod
    def forward(ctx: Any, numbers: Tensor) -> Tensor:
        return all_reduced(numbers)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return all_reduced(gradient)


def all_reduced(numbers: Tensor) -> Tensor:
    """The same without a gradient of its own."""
    total = numbers.detach().clone(memory_format=torch.contiguous_format)
    distributed.all_reduce(total)
    return total


def mean_of_all(x: Tensor, dims: tuple[int, ...]) -> tuple[Tensor, Tensor]:
    """Mean of `x` over `dims` and over all processes, and of how many values each mean is (a number of `x`'s type).

    Args:
        x: of a floating type, at least float32; processes may have different numbers of images.
        dims: dimensions to take it over, removed in the result.
    """
    mine = x.sum(dims)
    sums = summed(torch.cat([mine.flatten(), mine.new_tensor([x.numel() / mine.numel()])]))
    count = sums[-1].detach()
    return (sums[:-1] / count).view(mine.shape), count


def mean_and_variance(x: Tensor, dims: tuple[int, ...]) -> tuple[Tensor, Tensor, Tensor]:
    """Mean and biased variance of `x` over `dims` and over all processes, and the count (see `mean_of_all`)."""
    mean, count = mean_of_all(x, dims)
    shape = [1 if dim in dims else size for dim, size in enumerate(x.shape)]
    variance = summed((x - mean.view(shape)).square().sum(dims)) / count
    return mean, variance, count
