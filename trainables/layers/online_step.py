"""One training step of an online normalisation layer: forward and backward in closed form, the state moved once.

Chiley et al., "Online Normalization for Training Neural Networks", NeurIPS 2019. The samples t of a batch pass in order
and every channel has four numbers of state: the streams mu, var of the forward pass and the controls u, v of the
backward pass. With the decays a and b, k = 1 - b, and m_t, w_t the mean and the biased variance of x_t over its plane,

    y_t = (x_t - mu) / s_t,   s_t = sqrt(var + eps)       g'_t = g_t - k v y_t,          v <- v + mean(g'_t y_t)
    var <- a var + (1-a) w_t + a (1-a) (m_t - mu)^2       dx_t = g'_t / s_t - k u,       u <- u + mean(dx_t)
    mu  <- mu + (1-a) (m_t - mu)

where every right-hand side has the state before sample t, and g_t is the gradient of y_t. The means of y_t and y_t^2
follow from m_t and w_t, those of g_t and g_t y_t from two sums; so all four are recurrences of [B, C] numbers:

    v <- (1 - k mean(y_t^2)) v + mean(g_t y_t)            u <- b u + (mean(g_t) - k v mean(y_t)) / s_t

Scale, bias and layer scaling are affine in x_t for each plane as well, z = gamma y + beta and o = z / zeta with
zeta^2 = mean(z^2) + ls_eps over all channels of a sample. What is left of activation size is one pass for the moments
and one affine pass forward, one pass for two sums and one three-term pass backward.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from trainables.layers import planes
from trainables.layers.online_scan import Array, scan

ErrorCompensation = Literal["ls", "ac", "none"]


@dataclass(frozen=True)
class Settings:
    """The numbers of a step; `OnlineNorm2d` says what they mean."""

    afwd: float
    abkw: float
    eps: float
    ecm: ErrorCompensation
    ls_eps: float
    clamp_val: float
    loss_scale: float


@dataclass(eq=False)
class Step:
    """Where one step began: the streams before its forward pass, and the controls before its first backward pass."""

    sum_input: Array  # [C], by which the step is recognised
    mu: Array
    var: Array
    controls: tuple[Array, Array] | None = None


@dataclass(frozen=True, eq=False)
class State:
    """What a step moves in place: the four state tensors [C] of a layer, float32 or float64, and its latest steps."""

    mu: Tensor
    var: Tensor
    u: Tensor
    v: Tensor
    steps: deque[Step]

    def step(self, sum_input: Array) -> tuple[Step, bool]:
        """The step that a forward pass belongs to, and whether it is a new one.

        A forward pass within a backward pass is how activation checkpointing recomputes what it did not keep. It belongs
        to the step that had the same inputs, the latest one if there are several; the nearest inputs count as the same,
        because a GPU may round otherwise the second time.
        """
        if self.steps and torch._C._current_graph_task_id() != -1:
            return min(reversed(self.steps), key=lambda step: float(abs(step.sum_input - sum_input).sum())), False
        step = Step(sum_input, self.array(self.mu) + 0, self.array(self.var) + 0)
        self.steps.append(step)
        return step, True

    def array(self, tensor: Tensor) -> Array:
        """The numbers of a tensor in the type of the state, as `online_scan` takes them; memory is shared if it can be."""
        tensor = _as(tensor.detach(), self.mu)
        return tensor.numpy() if tensor.is_cpu else tensor


class Saved(NamedTuple):
    """What the backward pass needs of the forward pass: [B, C], in the type of the state."""

    center: Array  # mu before each sample
    reciprocal: Array  # 1 / s
    mean_y: Array
    square_y: Array  # the mean of y^2
    layer: Array | None  # 1 / zeta, [B, 1]; None without layer scaling


class OnlineNormFunction(torch.autograd.Function):
    """Normalisation, scale and bias, and error compensation of one batch; moves the state that it is given.

    The streams move in the forward pass and the controls in the first backward pass, each only if it ends finite. A
    recomputed forward pass and another backward pass through the same graph give the same numbers again and move
    nothing. Without a gradient of `x` the controls stay. The gradient itself has no derivative.

    [B, C] numbers are computed in the type of the state, activations in that of `x` but at least in float32.
    """

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor | None, bias: Tensor | None, state: State, settings: Settings
    ) -> Tensor:
        """`x` is [B, C, H, W] or [B, C] of a floating type; the result has its shape, type and memory format."""
        moments = planes.moments(_elements(x))
        gamma, beta = _scale_and_bias(weight, bias, state)
        with np.errstate(all="ignore"):  # what is not finite passes without a warning, as it does in torch
            step, scale, z, saved = _normalise(
                state.array(moments.mean), state.array(moments.variance), gamma, beta, state, settings
            )
        out = planes.rescaled(moments, _tensor(scale, moments.mean), _tensor(z, moments.mean))
        if settings.ecm == "ac":
            out.clamp_(-settings.clamp_val, settings.clamp_val)
        ctx.save_for_backward(x, weight, bias, *(None if a is None else _tensor(a, state.mu) for a in saved))
        ctx.state, ctx.step, ctx.settings = state, step, settings
        return _as(out, x)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        """The gradients of `x`, `weight` and `bias`, in their types."""
        x, weight, bias, *tensors = ctx.saved_tensors
        state: State = ctx.state
        settings: Settings = ctx.settings
        x_needed, weight_needed, bias_needed = ctx.needs_input_grad[:3]
        gamma, beta = _scale_and_bias(weight, bias, state)
        saved = Saved(*(None if tensor is None else state.array(tensor) for tensor in tensors))

        elements = _elements(x)
        g, center = _as(grad, elements), _as(tensors[0], elements)
        if settings.ecm == "ac":
            z = planes.affine(
                elements, _tensor(gamma * saved.reciprocal, g), center, _tensor(beta, g).expand_as(center)
            )
            g = torch.ops.aten.hardtanh_backward(g, z, -settings.clamp_val, settings.clamp_val)
        mean_g, mean_gx = (state.array(mean) for mean in planes.means(g, elements, center))
        with np.errstate(all="ignore"):
            dz, dzy, pull = _through_layer(mean_g, mean_gx * saved.reciprocal, gamma, beta, saved)
            pixels = x.numel() // center.numel()
            grad_weight = _tensor(dzy.sum(0) * pixels, weight) if weight_needed else None
            grad_bias = _tensor(dz.sum(0) * pixels, bias) if bias_needed else None
            if not x_needed:
                return None, grad_weight, grad_bias, None, None
            u, v = _controls(gamma * dz, gamma * dzy, saved, state, ctx.step, settings)
            of_g, of_x, constant = _terms(u, v, pull, gamma, beta, saved, settings)
        grad_x = planes.combined(g, _tensor(of_g, g), elements, _tensor(of_x, g), center, _tensor(constant, g))
        return _as(grad_x, x), grad_weight, grad_bias, None, None


def _normalise(
    mean: Array, variance: Array, gamma: Array, beta: Array, state: State, settings: Settings
) -> tuple[Step, Array, Array, Saved]:
    """The forward pass of [B, C] numbers: the step, o as `scale (x - mean) + z`, and what is to be saved."""
    step, new = state.step(mean.sum(0))
    a = settings.afwd
    center, mu = scan(a, (1 - a) * mean, step.mu)
    distance = mean - center
    entering = distance * distance
    entering *= a
    entering += variance
    entering *= 1 - a
    before, var = scan(a, entering, step.var)
    if new:
        _move((state.mu, mu), (state.var, var))

    reciprocal = 1 / _sqrt(before + settings.eps)
    mean_y = distance * reciprocal
    variance_y = variance * reciprocal
    variance_y *= reciprocal
    scale, z, layer = gamma * reciprocal, gamma * mean_y, None
    z += beta
    if settings.ecm == "ls":
        layer = 1 / _sqrt(_mean(z * z + gamma * gamma * variance_y) + settings.ls_eps)
        scale *= layer
        z *= layer
    variance_y += mean_y * mean_y
    return step, scale, z, Saved(center, reciprocal, mean_y, variance_y, layer)


def _through_layer(do: Array, doy: Array, gamma: Array, beta: Array, saved: Saved) -> tuple[Array, Array, Array | None]:
    """From the means of the gradient of o, and of that times y, to those of the gradient of z.

    With layer scaling the gradient of z is do / zeta - pull z, where pull [B, 1] is mean(do o) / zeta^2 over C, H, W.
    """
    if saved.layer is None:
        return do, doy, None
    pull = _mean(gamma * doy + beta * do) * (saved.layer * saved.layer * saved.layer)
    dz, dzy = do * saved.layer, doy * saved.layer
    dz -= pull * (gamma * saved.mean_y + beta)
    dzy -= pull * (gamma * saved.square_y + beta * saved.mean_y)
    return dz, dzy, pull


def _controls(dy: Array, dyy: Array, saved: Saved, state: State, step: Step, settings: Settings) -> tuple[Array, Array]:
    """u and v before each sample, [B, C], from the means of the gradient of y, and of that times y; they move once."""
    first = step.controls is None
    if step.controls is None:
        step.controls = state.array(state.u) + 0, state.array(state.v) + 0
    # The state is kept in units of the loss without its scale; the recurrences are linear in the gradient.
    u, v = (settings.loss_scale * control for control in step.controls)
    k = 1 - settings.abkw
    v_before, v = scan(1 - k * saved.square_y, dyy, v)
    entering = v_before * saved.mean_y
    entering *= -k
    entering += dy
    entering *= saved.reciprocal
    u_before, u = scan(settings.abkw, entering, u)
    if first:
        _move((state.u, u / settings.loss_scale), (state.v, v / settings.loss_scale))
    return u_before, v_before


def _terms(
    u: Array, v: Array, pull: Array | None, gamma: Array, beta: Array, saved: Saved, settings: Settings
) -> tuple[Array, Array, Array]:
    """The gradient of x as `of_g g + of_x (x - center) + constant`; overwrites `u` and `v`."""
    of_g, of_x, constant = gamma * saved.reciprocal, v, u
    of_x *= settings.abkw - 1
    constant *= settings.abkw - 1
    if pull is not None:
        of_x -= gamma * gamma * pull
        constant -= pull * of_g * beta
        of_g *= saved.layer
    of_x *= saved.reciprocal
    of_x *= saved.reciprocal
    return of_g, of_x, constant


def _move(*moves: tuple[Tensor, Array]) -> None:
    """Overwrite each tensor by the array beside it, or none where something is not finite; never waits for a GPU."""
    if isinstance(moves[0][1], np.ndarray):
        if all(np.isfinite(array).all() for _, array in moves):
            for tensor, array in moves:
                tensor.copy_(torch.from_numpy(array))
        return
    finite = torch.stack([array for _, array in moves]).isfinite().all()
    for tensor, array in moves:
        tensor.copy_(torch.where(finite, array, tensor))


def _scale_and_bias(weight: Tensor | None, bias: Tensor | None, state: State) -> tuple[Array, Array]:
    """gamma and beta, [C]; 1 and 0 where the layer has none."""
    gamma = torch.ones_like(state.mu) if weight is None else weight
    beta = torch.zeros_like(state.mu) if bias is None else bias
    return state.array(gamma), state.array(beta)


def _elements(x: Tensor) -> Tensor:
    """`x` in the type in which activations are computed: half types in float32."""
    return x if x.dtype in (torch.float32, torch.float64) else x.float()


def _tensor(array: Array, like: Tensor) -> Tensor:
    return _as(array if isinstance(array, Tensor) else torch.from_numpy(array), like)


def _as(tensor: Tensor, like: Tensor) -> Tensor:
    """The tensor in the type of another; the question costs less than a conversion that does nothing."""
    return tensor if tensor.dtype == like.dtype else tensor.to(like.dtype)


def _sqrt(array: Array) -> Array:
    return array.sqrt() if isinstance(array, Tensor) else np.sqrt(array)


def _mean(array: Array) -> Array:
    """The mean over the channels, [B, 1]; through a sum, because NumPy's own mean takes twice the time."""
    return array.sum(1)[:, None] / array.shape[1]
