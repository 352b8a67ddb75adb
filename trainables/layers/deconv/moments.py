"""Mean and covariance of sampled features, with one matrix product each way.

With X [q, M] centred in place, Cov = X X^T / M; its gradient G returns to the samples as (G + G^T) X / M, whose rows
sum to zero because those of X do, so the way through the mean needs no term of its own. Where the samples lie in several
processes, every sum and M are taken over all of them, and so is G.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from trainables.layers.deconv.patches import Samples
from trainables.layers.sums import all_reduced, mean_of_all

# A covariance is symmetric: computed in this many stripes, 5/8 of the products of a full one are enough.
STRIPES = 4
STRIPED_FEATURES = 256


def moments(
    x: Tensor,
    samples: Samples,
    groups: int,
    features: int,
    centered: bool = True,
    differentiable: bool = True,
    synchronized: bool = False,
    ridge: tuple[float, Tensor] | None = None,
) -> tuple[Tensor, Tensor]:
    """The mean [groups, features] and the biased covariance [groups, features, features] of samples of `x`.

    Computed at least in float32, outside autocast.

    Args:
        x: an input that `samples` takes.
        samples: what to take from it; its [features, samples] are viewed as [groups, features, -1].
        groups: sets of features with statistics of their own.
        features: of each group.
        centered: subtract the mean; without it the second result is the mean of x x^T.
        differentiable: pass gradients through the covariance; those through the mean pass in any case.
        synchronized: of the samples of all processes of torch's default group.
        ridge: what to add to the diagonal of the covariance, with an identity [features, features].
    """
    with torch.autocast(x.device.type, enabled=False):
        wide = x.to(torch.promote_types(x.dtype, torch.float32))
        mean, covariance = _Moments.apply(
            *(wide, samples, groups, features, centered, differentiable, synchronized, ridge)
        )
    return mean, covariance


class _Moments(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        samples: Samples,
        groups: int,
        features: int,
        centered: bool,
        differentiable: bool,
        synchronized: bool,
        ridge: tuple[float, Tensor] | None,
    ) -> tuple[Tensor, Tensor]:
        rows = samples.extract(x).view(groups, features, -1)
        mean, count = mean_of_all(rows, (2,)) if synchronized else (rows.mean(-1), rows.shape[-1])
        if centered:
            rows.sub_(mean.unsqueeze(-1))
        if ridge is not None and not (synchronized or rows.is_cpu):  # all in one operation
            eps, identity = ridge
            covariance = torch.baddbmm(identity, rows, rows.mT, beta=eps, alpha=1 / rows.shape[-1])
        else:
            gram = _gram(rows)
            covariance = (all_reduced(gram) if synchronized else gram).div_(count)
            if ridge is not None:
                covariance.diagonal(dim1=-2, dim2=-1).add_(ridge[0])
        ctx.set_materialize_grads(False)
        ctx.samples, ctx.shape, ctx.rows_shape = samples, x.shape, rows.shape
        ctx.count, ctx.synchronized = count, synchronized
        if differentiable:
            ctx.save_for_backward(rows)
        else:
            ctx.mark_non_differentiable(covariance)
        return mean, covariance

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_mean: Tensor | None, grad_covariance: Tensor | None) -> tuple[Tensor | None, ...]:
        count = ctx.count
        if ctx.synchronized:
            grad_mean = None if grad_mean is None else all_reduced(grad_mean)
            grad_covariance = None if grad_covariance is None else all_reduced(grad_covariance)
        grad = None
        if grad_covariance is not None and ctx.saved_tensors:
            symmetric = grad_covariance + grad_covariance.mT
            (rows,) = ctx.saved_tensors
            if ctx.synchronized:
                symmetric /= count
                grad_mean = None if grad_mean is None else grad_mean / count
            share = 1 if ctx.synchronized else 1 / count
            shift = rows[..., :1] if grad_mean is None else grad_mean.unsqueeze(-1)  # where None it counts 0 times
            grad = torch.baddbmm(shift, symmetric, rows, beta=0 if grad_mean is None else share, alpha=share)
        elif grad_mean is not None:
            grad = (grad_mean / count).unsqueeze(-1).expand(ctx.rows_shape)
        if grad is None:
            return (None,) * 8
        return ctx.samples.scatter(grad, ctx.shape), *(None,) * 7


def _gram(rows: Tensor) -> Tensor:
    """[groups, features, samples] times its transpose."""
    features = rows.shape[1]
    if not rows.is_cpu or features < STRIPED_FEATURES:
        return rows @ rows.mT
    product = rows.new_empty((rows.shape[0], features, features))
    edges = [features * stripe // STRIPES for stripe in range(STRIPES + 1)]
    for start, end in pairwise(edges):
        product[:, start:end, :end] = rows[:, start:end] @ rows[:, :end].mT
        product[:, :start, start:end] = product[:, start:end, :start].mT
    return product
