"""The approximate inverse square root of symmetric matrices by coupled Newton-Schulz iteration.

Network Deconvolution (Ye et al., ICLR 2020) whitens with a few steps of this iteration. For a positive definite A with
Frobenius norm a, from Y = A / a and Z = I,

    T = (3 I - Z Y) / 2,    Y <- Y T,    Z <- T Z,

and the result is Z / sqrt(a). It tends to A^(-1/2), but after n steps no eigenvalue has grown by more than 1.5^n: a few
steps whiten the strong directions and leave the weak ones, with their noise, small.

Every iterate is a polynomial of A and shares its eigenvectors. With w = zy the recursion of one eigenvalue x of A / a is

    w = x, z = 1;    t = (3 - w) / 2,    z <- z t,    w <- w t^2,

so a symmetric eigen-decomposition gives the same numbers as the matrix products, and their derivative too: in the
eigenbasis it multiplies entry (i, j) by the divided difference of z between the eigenvalues i and j. These obey the
product rule p[i,j] q_j + p_i q[i,j], a recursion without any division, hence exact also where eigenvalues coincide.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from trainables.layers.deconv.newton_schulz import by_pairs

# From this many features and steps on, one decomposition costs less on a CPU than the products that it replaces.
EIGEN_FEATURES = 128
EIGEN_ITERATIONS = 3


def isqrt_newton_schulz(matrix: Tensor, iterations: int = 5, identity: Tensor | None = None) -> Tensor:
    """The inverse square root of `matrix` by `iterations` steps of the coupled Newton-Schulz iteration.

    Differentiable once, through the norm as well; the derivative is exact for the approximation, whatever its error. On
    a CPU large matrices go through a symmetric eigen-decomposition, elsewhere all go through products in pairs, which
    give the same numbers up to rounding. Half precision is computed in float32, outside autocast.

    Args:
        matrix: [..., n, n], symmetric and positive definite (or semi-definite), of a floating type.
        iterations: steps, at least 1; published are 5, and 10 or 15 for the first layer of a network.
        identity: [n, n], at least float32, for who keeps one; made if None.

    Returns:
        [..., n, n], symmetric, in the type of `matrix`; filled with NaN where `matrix` isn't finite.

    Raises:
        ValueError: `iterations` below 1, or `matrix` not square or not floating point.
    """
    check_iterations(iterations)
    if matrix.dim() < 2 or matrix.shape[-1] != matrix.shape[-2]:
        raise ValueError(
            f"the matrix has shape {list(matrix.shape)}, but must be square, [..., n, n]; pass a covariance"
        )
    if not matrix.is_floating_point():
        raise ValueError(f"the matrix is {matrix.dtype}, but must be floating point; convert it with `.float()`")
    with torch.autocast(matrix.device.type, enabled=False):
        wide = matrix.to(torch.promote_types(matrix.dtype, torch.float32))
        if not wide.is_cpu:
            root = by_pairs(wide, iterations, identity)
        elif wide.shape[-1] >= EIGEN_FEATURES and iterations >= EIGEN_ITERATIONS:
            root = by_eigenvalues(wide, iterations)
        else:
            root = by_products(wide, iterations)
    return root.to(matrix.dtype)


def check_iterations(iterations: int, name: str = "iterations") -> None:
    """Refuse a number of steps below 1."""
    if iterations < 1:
        raise ValueError(f"`{name}` is {iterations}, but must be at least 1; published is 5")


def by_products(matrix: Tensor, iterations: int) -> Tensor:
    """The iteration by matrix products, without the three that are trivial: Z = I at first, and the last Y.

    For small matrices on a CPU, where it is 15 % faster than in pairs.
    """
    norm = torch.linalg.matrix_norm(matrix, keepdim=True)
    y = matrix / norm
    three = 3 * torch.eye(matrix.shape[-1], dtype=matrix.dtype, device=matrix.device)
    z = (three - y) / 2
    if iterations > 1:
        y = y @ z
    for step in range(1, iterations):
        t = (three - z @ y) / 2
        if step < iterations - 1:
            y = y @ t
        z = t @ z
    root: Tensor = z / norm.sqrt()
    return root


def by_eigenvalues(matrix: Tensor, iterations: int) -> Tensor:
    """The same by a symmetric eigen-decomposition and the recursion of single eigenvalues."""
    root: Tensor = _ByEigenvalues.apply(matrix, iterations)
    return root


class _ByEigenvalues(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, matrix: Tensor, iterations: int) -> Tensor:
        ctx.iterations = iterations
        if not bool(torch.isfinite(matrix).all()):
            # A decomposition would raise, but a run that diverges must show it as numbers.
            ctx.save_for_backward()
            return torch.full_like(matrix, torch.nan)
        norm = torch.linalg.matrix_norm(matrix, keepdim=True).squeeze(-1)
        values, vectors = torch.linalg.eigh(matrix)
        z = _recursion(values / norm, iterations)[-1][1]
        ctx.save_for_backward(values, vectors, norm)
        root: Tensor = (vectors * (z / norm.sqrt()).unsqueeze(-2)) @ vectors.mT
        return root

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        if not ctx.saved_tensors:
            return torch.full_like(grad, torch.nan), None
        values, vectors, norm = ctx.saved_tensors
        x = values / norm
        steps = _recursion(x, ctx.iterations)
        difference = _divided_difference(steps)
        inner = vectors.mT @ grad @ vectors
        diagonal = inner.diagonal(dim1=-2, dim2=-1)
        slope = difference.diagonal(dim1=-2, dim2=-1)
        # The result is z(A / a) / sqrt(a): how it changes with the norm a alone, and the norm changes by A / a.
        by_norm = -(diagonal * (x * slope + steps[-1][1] / 2)).sum(-1, keepdim=True) * norm**-1.5
        inner = inner.mul_(difference).mul_((norm**-1.5).unsqueeze(-1))
        inner.diagonal(dim1=-2, dim2=-1).add_(by_norm * x)
        return vectors @ inner @ vectors.mT, None


def _recursion(x: Tensor, iterations: int) -> list[tuple[Tensor, Tensor]]:
    """(w, z) of every eigenvalue before each step and after the last: `iterations` + 1 pairs of [..., n]."""
    w, z = x, torch.ones_like(x)
    steps = [(w, z)]
    for _ in range(iterations):
        t = (3 - w) / 2
        w, z = w * t * t, z * t
        steps.append((w, z))
    return steps


def _divided_difference(steps: list[tuple[Tensor, Tensor]]) -> Tensor:
    """(z_i - z_j) / (x_i - x_j) for all pairs, [..., n, n], by the product rule alone."""
    w, _ = steps[0]
    difference_w = w.new_ones((*w.shape, w.shape[-1]))
    difference_z = torch.zeros_like(difference_w)
    for step, (w, z) in enumerate(steps[:-1]):
        t = (3 - w) / 2
        # z' = z t, where t[i,j] = -w[i,j] / 2.
        difference_z.mul_(t.unsqueeze(-2)).addcmul_(difference_w, (z / 2).unsqueeze(-1), value=-1)
        if step < len(steps) - 2:
            # w' = w t^2, whose t^2 has the divided difference (t_i + t_j) t[i,j].
            rows, columns = (t * w / 2).unsqueeze(-1), (t * t).unsqueeze(-2)
            factor = torch.addcmul(columns - rows, (w / 2).unsqueeze(-1), t.unsqueeze(-2), value=-1)
            difference_w.mul_(factor)
    return difference_z
