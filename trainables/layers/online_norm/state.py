"""The state of an online normalisation layer, and which step of training may move it: each step once.

A layer's forward pass may run twice for one step of training (activation checkpointing runs it again to get back what
it did not keep), and so may its backward pass (`retain_graph`). Each forward pass therefore belongs to a `Step`, which
knows where the state was when it began.
"""

from __future__ import annotations

from collections import deque
from typing import Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor

from trainables.layers.online_norm import planes
from trainables.layers.online_norm.scan import Array

ErrorCompensation = Literal["ls", "ac", "none"]


class Settings(NamedTuple):
    """The numbers of a step; `OnlineNorm2d` says what they mean."""

    afwd: float
    abkw: float
    eps: float
    ecm: ErrorCompensation
    ls_eps: float
    clamp_val: float
    loss_scale: float


class Step:
    """Where one step began: the streams before its forward pass, and the controls before its first backward pass."""

    __slots__ = ("mu", "sum_input", "u", "v", "var")

    def __init__(self, sum_input: Array, mu: Array, var: Array) -> None:
        self.sum_input = sum_input  # [C], by which the step is recognised
        self.mu = mu
        self.var = var
        self.u: Array | None = None
        self.v: Array | None = None


class State(NamedTuple):
    """The four state tensors [C] of a layer, float32 or float64 and moved in place, and its latest steps."""

    mu: Tensor
    var: Tensor
    u: Tensor
    v: Tensor
    steps: deque[Step]

    @property
    def recomputing(self) -> bool:
        """Whether this is a forward pass within a backward pass, which belongs to an earlier step."""
        return bool(self.steps) and torch._C._current_graph_task_id() != -1

    def recalled(self, sum_input: Array) -> Step:
        """The step that had the same inputs, the latest one if there are several.

        The nearest inputs count as the same, because a GPU may round otherwise the second time.
        """
        return min(reversed(self.steps), key=lambda step: float(abs(step.sum_input - sum_input).sum()))

    def begun(self, step: Step) -> Step:
        """Keep a new step, so that it can be recalled."""
        self.steps.append(step)
        return step

    def begin(self, sum_input: Array) -> tuple[Step, bool]:
        """The step that a forward pass belongs to, and whether it is a new one, which is to move the streams."""
        if self.recomputing:
            return self.recalled(sum_input), False
        return self.begun(Step(sum_input, self.array(self.mu) + 0, self.array(self.var) + 0)), True

    def begin_backward(self, step: Step) -> tuple[Array, Array, bool]:
        """u and v at the beginning of the step's backward pass, and whether it is the first, which is to move them."""
        first = step.u is None
        if first:
            step.u, step.v = self.array(self.u) + 0, self.array(self.v) + 0
        return step.u, step.v, first

    def move_streams(self, mu: Array, var: Array) -> None:
        _move((self.mu, self.var), (mu, var))

    def move_controls(self, u: Array, v: Array) -> None:
        _move((self.u, self.v), (u, v))

    def array(self, tensor: Tensor) -> Array:
        """The numbers of a tensor in the type of the state, as `online_scan` takes them; memory is shared if possible."""
        tensor = cast_like(tensor.detach() if tensor.requires_grad else tensor, self.mu)
        return tensor.numpy() if planes.on_cpu(tensor) else tensor


def tensor_like(array: Array, like: Tensor) -> Tensor:
    """The numbers of an array in the type of a tensor; memory is shared if possible."""
    return cast_like(array if isinstance(array, Tensor) else torch.from_numpy(array), like)


def cast_like(tensor: Tensor, like: Tensor) -> Tensor:
    """The tensor in the type of another. To compare costs less than a conversion that does nothing."""
    return tensor if tensor.dtype == like.dtype else tensor.to(like.dtype)


def _move(tensors: tuple[Tensor, Tensor], arrays: tuple[Array, Array]) -> None:
    """Overwrite both tensors, or neither where an array is not finite: one bad batch must not spoil all that follow."""
    if isinstance(arrays[0], np.ndarray):
        if np.isfinite(arrays[0] + arrays[1]).all():
            for tensor, array in zip(tensors, arrays, strict=True):
                tensor.copy_(torch.from_numpy(array))
        return
    finite = (arrays[0] + arrays[1]).isfinite().all()  # stays on the device: to look at it would wait for the device
    for tensor, array in zip(tensors, arrays, strict=True):
        tensor.copy_(torch.where(finite, array, tensor))
