"""Online Normalization of one batch as one node of the graph: two passes over activations each way, the state moved once.

`online_recurrences` holds the mathematics, `planes` the passes, `online_state` what moves; on a GPU `online_triton` does
all three in a few kernels.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from trainables.layers.online_norm import on_triton as online_triton
from trainables.layers.online_norm import planes
from trainables.layers.online_norm.recurrences import (
    Normalised,
    Streams,
    gradient,
    normalise,
    run_controls,
    run_streams,
    through_layer,
)
from trainables.layers.online_norm.scan import Array
from trainables.layers.online_norm.state import Settings, State, Step, cast_like, tensor_like

# A plane's variance may be its mean square less its squared mean where the latter is at most OFFSET s^2 and the plane has
# at most PIXELS. In float32 it is then off by less than 1e-5 s^2 at worst; beyond, cancellation and rounding cost more.
OFFSET = 16.0
PIXELS = 1024


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
        ctx.state, ctx.settings, ctx.by_kernels = state, settings, online_triton.takes(x)
        if ctx.by_kernels:
            result, saved, ctx.step = online_triton.forward(x, weight, bias, state, settings)
            ctx.save_for_backward(x, weight, bias, *saved)
            return result
        elements = _elements(x)
        gamma, beta = _scale_and_bias(weight, bias, state)
        with np.errstate(all="ignore"):  # what is not finite passes without a warning, as it does in torch
            step, streams = _streams(elements, state, settings)
            scale, shift, norm = normalise(streams, gamma, beta, settings)
        terms = (tensor_like(array, elements) for array in (scale, streams.mean, shift))
        out = planes.affine(elements, *terms)
        if settings.ecm == "ac":
            out.clamp_(-settings.clamp_val, settings.clamp_val)
        ctx.save_for_backward(x, weight, bias, *(None if a is None else tensor_like(a, state.mu) for a in norm))
        ctx.step = step
        return cast_like(out, x)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        """The gradients of `x`, `weight` and `bias`, in their types."""
        x, weight, bias, *saved = ctx.saved_tensors
        state: State = ctx.state
        settings: Settings = ctx.settings
        x_needed, weight_needed, bias_needed = ctx.needs_input_grad[:3]
        if ctx.by_kernels:
            found = online_triton.backward(grad, x, weight, bias, tuple(saved), state, ctx.step, settings, x_needed)
            of_weight = cast_like(found[1], weight) if weight_needed else None
            return found[0], of_weight, cast_like(found[2], bias) if bias_needed else None, None, None
        gamma, beta = _scale_and_bias(weight, bias, state)
        norm = Normalised(*(None if tensor is None else state.array(tensor) for tensor in saved))

        elements = _elements(x)
        g, center = cast_like(grad, elements), cast_like(saved[0], elements)
        if settings.ecm == "ac":
            scale, shift = tensor_like(gamma * norm.reciprocal, g), tensor_like(beta, g).expand_as(center)
            z = planes.affine(elements, scale, center, shift)
            g = torch.ops.aten.hardtanh_backward(g, z, -settings.clamp_val, settings.clamp_val)
        total, dot = (state.array(sums) for sums in planes.sums(g, elements, center))
        with np.errstate(all="ignore"):
            do, doy, along = through_layer(total, dot * norm.reciprocal, gamma, beta, norm)
            layer = 1.0 if norm.layer is None else norm.layer
            grad_weight = tensor_like((layer * doy).sum(0), weight) if weight_needed else None
            grad_bias = tensor_like((layer * do).sum(0), bias) if bias_needed else None
            if not x_needed:
                return None, grad_weight, grad_bias, None, None
            pixels = x.numel() // center.numel()
            to_y = layer * ((settings.abkw - 1) / pixels) * gamma
            u, v, first = state.begin_backward(ctx.step)
            constant, of_y, u, v = run_controls(to_y * do, to_y * doy, norm, u, v, settings)
            if first:
                state.move_controls(u, v)
            along = None if along is None else along / pixels
            of_g, of_x, constant = gradient(constant, of_y, along, gamma, beta, norm)
        grad_x = planes.combined(
            g, tensor_like(of_g, g), elements, tensor_like(of_x, g), center, tensor_like(constant, g)
        )
        return cast_like(grad_x, x), grad_weight, grad_bias, None, None


def _streams(x: Tensor, state: State, settings: Settings) -> tuple[Step, Streams]:
    """The step that `x` belongs to, and the moments of `x` with the streams that they meet; a new step moves them."""
    quick = planes.fused(x) and x.shape[2] * x.shape[3] <= PIXELS
    mean, variance = _quick_moments(x, state) if quick else map(state.array, planes.moments(x))
    step, new = state.begin(mean.sum(0))
    streams, mu, var = run_streams(mean, variance, step.mu, step.var, settings)
    if quick and (mean * mean > OFFSET * streams.square_s).any():
        mean, variance = map(state.array, planes.moments(x))
        streams, mu, var = run_streams(mean, variance, step.mu, step.var, settings)
    if new:
        state.move_streams(mu, var)
    return step, streams


def _quick_moments(x: Tensor, state: State) -> tuple[Array, Array]:
    """Mean and variance of each plane from the sums of its values and squares, one pass that writes nothing.

    The variance is off by about the rounding of the squared mean.
    """
    pixels = x.shape[2] * x.shape[3]
    total, squares = map(state.array, planes.sums(x, x, None))
    mean, variance = total / pixels, squares / pixels
    variance -= mean * mean
    return mean, np.maximum(variance, 0, out=variance)


def _scale_and_bias(weight: Tensor | None, bias: Tensor | None, state: State) -> tuple[Array, Array]:
    """gamma and beta, [C]; 1 and 0 where the layer has none."""
    gamma = torch.ones_like(state.mu) if weight is None else weight
    beta = torch.zeros_like(state.mu) if bias is None else bias
    return state.array(gamma), state.array(beta)


def _elements(x: Tensor) -> Tensor:
    """`x` in the type in which activations are computed: half types in float32."""
    return x if x.dtype in (torch.float32, torch.float64) else x.float()
