"""The coupled Newton-Schulz iteration of `inverse_root` by matrix products, in few operations each way.

On a GPU an operation that is started costs more than the work of a small matrix, so two products that belong together
are one operation on two matrices: with Y, T and Z one after the other in memory, (Y, T) times (T, Z) is (Y T, T Z), the
whole of a step but for its T = (3 I - Z Y) / 2. Left out are the products that are trivial: Z = I at first, and the last
Y. The order of the factors is that of the iteration and matters: with Z T in place of T Z rounding grows from step to
step (Higham, "Functions of Matrices", 2008, chapter 6).

The backward pass is written out. With P and Q the transposed gradients of Y and Z, and P', Q' those after the step,

    U = P' Y + Z Q',    P = T P' - U Z / 2,    Q = Q' T - Y U / 2,

where (Q', T) times (T, P') and (Y, U) times (U, Z) are one operation each.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

Y, T, Z = range(3)  # their places among the three matrices of a step


def by_pairs(matrix: Tensor, iterations: int, identity: Tensor | None = None) -> Tensor:
    """`isqrt_newton_schulz` of float32 or float64 matrices [..., n, n]; `identity` [n, n] is made if None."""
    if identity is None:
        identity = torch.eye(matrix.shape[-1], dtype=matrix.dtype, device=matrix.device)
    root: Tensor = _ByPairs.apply(matrix, iterations, identity)
    return root


class _ByPairs(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, matrix: Tensor, iterations: int, identity: Tensor) -> Tensor:
        n = matrix.shape[-1]
        a = matrix.reshape(-1, n, n)
        square = _inner(a, a)  # of the norm, [groups, 1, 1]
        x = a * square.pow(-0.5)
        steps = x.new_empty(3 * (iterations - 1), *x.shape)  # Y, T and Z of every step but the first
        z = torch.lerp(identity, x, -0.5) if iterations == 1 else _steps(x, steps, identity)
        ctx.save_for_backward(x, square, z, steps)
        return (z * square.pow(-0.25)).view(matrix.shape)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        x, square, z, steps = ctx.saved_tensors
        of_z = grad.reshape(x.shape)
        of_x = _back(of_z, x, steps) if len(steps) else -0.5 * of_z.mT
        # The result is z(A / a) / sqrt(a): how it changes with the norm a alone, and the norm changes by A / a, which is
        # symmetric, so that the transposed gradient serves as well.
        by_norm = _inner(x, of_x).baddbmm_(of_z.reshape(len(x), 1, -1), z.reshape(len(x), -1, 1), alpha=0.5)
        of_matrix = torch.addcmul(of_x, by_norm, x, value=-1) * square.pow(-0.75)
        return of_matrix.mT.reshape(grad.shape), None, None


def _steps(x: Tensor, steps: Tensor, identity: Tensor) -> Tensor:
    """The last Z; fills in `steps` [3 steps, groups, n, n]."""
    torch.lerp(identity, x, -0.5, out=steps[Z])  # (3 I - X) / 2
    torch.bmm(x, steps[Z], out=steps[Y])
    for at in range(0, len(steps), 3):
        y, z = steps[at + Y], steps[at + Z]
        t = torch.baddbmm(identity, z, y, beta=1.5, alpha=-0.5, out=steps[at + T])
        if at + 3 < len(steps):
            _products(steps, (at + Y, at + T), (at + T, at + Z), (at + 3 + Y, at + 3 + Z), beta=0)
    return t @ z


def _back(grad: Tensor, x: Tensor, steps: Tensor) -> Tensor:
    """The gradient of X = A / a, transposed, given that of the last Z."""
    # Q twice, the steps, P twice: now and after the step. U takes the place of T.
    room = x.new_empty(len(steps) + 4, *x.shape)
    room[2:-2] = steps
    q, p = 0, len(room) - 2
    at = len(room) - 5
    y, t, z = room[at + Y], room[at + T], room[at + Z]
    q_after = grad.mT
    torch.bmm(q_after, t, out=room[q])
    torch.bmm(z, q_after, out=t)
    torch.baddbmm(t, t, z, beta=0, alpha=-0.5, out=room[p])
    room[q].baddbmm_(y, t, alpha=-0.5)
    while at > 2:
        at -= 3
        after_q, after_p, q, p = q, p, 1 - q, 2 * len(room) - 3 - p
        _products(room, (after_q, at + T), (at + T, after_p), (q, p), beta=0)
        y, u, z = room[at + Y], room[at + T], room[at + Z]
        torch.bmm(room[after_p], y, out=u)
        u.baddbmm_(z, room[after_q])
        _products(room, (at + Y, at + T), (at + T, at + Z), (q, p), alpha=-0.5)
    # The first step: T = (3 I - X) / 2, Y = X T, Z = T.
    u = room[q].baddbmm_(room[p], x)
    return u.baddbmm_(room[2 + Z], room[p], beta=-0.5)


def _products(
    room: Tensor, left: tuple[int, int], right: tuple[int, int], out: tuple[int, int], beta: float = 1, alpha: float = 1
) -> None:
    """Two products of matrices in `room` [places, groups, n, n], added to beta times what is there; places ascend."""
    if room.shape[1] == 1:
        a, b, c = (room[first : last + 1 : last - first, 0] for first, last in (left, right, out))
        torch.baddbmm(c, a, b, beta=beta, alpha=alpha, out=c)
    else:
        for first, second, result in zip(left, right, out, strict=True):
            torch.baddbmm(room[result], room[first], room[second], beta=beta, alpha=alpha, out=room[result])


def _inner(one: Tensor, other: Tensor) -> Tensor:
    """The sums of the products of two matrices' entries, [groups, 1, 1]."""
    return one.reshape(len(one), 1, -1) @ other.reshape(len(one), -1, 1)
