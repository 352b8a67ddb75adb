"""Online Normalization of one batch on a GPU: six kernels a layer and step, where single operations would be two hundred.

`operators` starts the kernels of `kernels`. Where Triton is missing or cannot build a kernel, the layer goes
by single operations, and says so once.
"""

from __future__ import annotations

import warnings
from collections import deque
from functools import lru_cache

import torch
from torch import Tensor

from trainables.layers.online_norm import operators as online_operators
from trainables.layers.online_norm.operators import OPERATORS
from trainables.layers.online_norm.state import Settings, State, Step

CHANNELS = 4096  # at most: a program holds the numbers of all channels of its pixels


def takes(x: Tensor) -> bool:
    """Whether the kernels train on `x`."""
    return x.is_cuda and x.shape[1] <= CHANNELS and usable(x.device)


@lru_cache
def usable(device: torch.device) -> bool:
    """Whether Triton is there and builds the kernels for a device: tried on two samples, once in a process."""
    try:
        online_operators.load()
        _try(device)
    except torch.OutOfMemoryError:
        raise  # which says nothing about the kernels
    except Exception as error:  # whatever a compiler may meet
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        warnings.warn(
            f"Online Normalization trains by single operations, several times slower: Triton has no kernels for {device} "
            f"({reason}); install Triton and a C compiler",
            stacklevel=2,
        )
        return False
    return True


def _try(device: torch.device) -> None:
    mu, var, u, v = torch.zeros(4, 2, device=device).unbind(0)
    state = State(mu, var, u, v, deque())
    settings = Settings(0.9, 0.9, 1e-5, "ls", 1e-5, 5.0, 1.0)
    x = torch.zeros(2, 2, 2, 2, device=device)
    weight = torch.ones(2, device=device)
    _, saved, step = forward(x, weight, weight, state, settings)
    backward(x, x, weight, weight, saved, state, step, settings, x_needed=True)


def forward(
    x: Tensor, weight: Tensor | None, bias: Tensor | None, state: State, settings: Settings
) -> tuple[Tensor, tuple[Tensor, ...], Step]:
    """The result, what the backward pass needs beside `x`, and the step; the streams have moved if the step is new."""
    mean, variance = OPERATORS.online_moments(x, state.mu)
    step = state.recalled(mean.sum(0)) if state.recomputing else None
    mu, var = (state.mu, state.var) if step is None else (step.mu, step.var)
    center, reciprocal, begin, end = OPERATORS.online_walk(mean, variance, mu, var, settings.afwd, settings.eps)
    numbers = (mean, variance, center, reciprocal)
    out, layer = OPERATORS.online_normalise(
        *(x, *numbers, weight, bias, end, state.mu, state.var, step is None),
        *(settings.ecm, settings.ls_eps, settings.clamp_val),
    )
    if step is None:
        mu, var, sum_input = begin.unbind(0)
        step = state.begun(Step(sum_input, mu, var))
    return out, (*numbers, layer), step


def backward(
    grad: Tensor,
    x: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    saved: tuple[Tensor, ...],
    state: State,
    step: Step,
    settings: Settings,
    x_needed: bool,
) -> tuple[Tensor | None, Tensor, Tensor]:
    """The gradients of `x`, or None where it is not needed, and of weight and bias in the type of the state."""
    grad = _like(grad, x)
    *numbers, layer = saved
    ecm, clamp = settings.ecm, settings.clamp_val
    sums, products, along = OPERATORS.online_sums(grad, x, *numbers, weight, bias, layer, ecm, clamp)
    first = step.u is None
    u, v = (state.u, state.v) if step.u is None or step.v is None else (step.u, step.v)
    pixels = x.numel() // numbers[0].numel()
    of_y, constant, begin, end, grad_weight, grad_bias = OPERATORS.online_controls(
        *(sums, products, *numbers, layer, weight, u, v, settings.abkw, settings.loss_scale, pixels, ecm)
    )
    if not x_needed:
        return None, grad_weight, grad_bias
    if first:
        step.u, step.v = begin.unbind(0)
    _, _, center, reciprocal = numbers
    grad_x = OPERATORS.online_gradient(
        *(grad, x, center, reciprocal, layer, along, weight, bias, of_y, constant, end),
        *(state.u, state.v, first, ecm, clamp),
    )
    return grad_x, grad_weight, grad_bias


def _like(grad: Tensor, x: Tensor) -> Tensor:
    """A gradient in the memory format of `x`."""
    return grad if grad.stride() == x.stride() else torch.empty_like(x, dtype=grad.dtype).copy_(grad)
