"""The numbers of an epoch: what is NaN or infinite fails the replicate that reported it."""

from __future__ import annotations

import math

import torch
from torch import Tensor


class NonFinite(ArithmeticError):
    """A loss turned NaN or infinite."""


def require_finite(loss_sum: Tensor) -> None:
    """`NonFinite` where a sum of losses is not."""
    if not torch.isfinite(loss_sum):
        raise NonFinite(f"the training loss became {loss_sum.item()}")


def checked(metrics: dict[str, float]) -> dict[str, float]:
    """The metrics as floats; a family's slip fails this replicate and not the search."""
    for name, value in metrics.items():
        if not isinstance(value, int | float):
            raise TypeError(f"the family reported {name} = {value!r}, but a metric must be a number")
        if not math.isfinite(value):
            raise NonFinite(f"{name} became {value}")
    return {name: float(value) for name, value in metrics.items()}
