"""PyTorch's compiler, left alone where nothing is compiled.

The methods of optimizers are wrapped for it, and the first call of any wrapper imports `torch._dynamo`, SymPy and more with it:
longer than a worker takes for the first epochs of a small network, and some 100 MB of memory.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import torch
from torch.optim import Optimizer

_WRAPPED = ("add_param_group", "zero_grad", "state_dict", "load_state_dict")


def leave_alone(*optimizers: type[Optimizer]) -> None:
    """Let these kinds of optimizers call what is wrapped for the compiler directly, unless something is being compiled.

    What is computed is the same function in either case, so the numbers are.
    """
    for name in _WRAPPED:
        _replace(Optimizer, name, inspect.unwrap(getattr(Optimizer, name)))
    for kind in optimizers:
        _replace(kind, "step", torch.no_grad()(inspect.unwrap(kind.step)))


def _replace(kind: type[Optimizer], name: str, plain: Callable[..., Any]) -> None:
    wrapped: Callable[..., Any] = getattr(kind, name)

    def method(self: Optimizer, *given: Any, **named: Any) -> Any:
        return (wrapped if torch.compiler.is_compiling() else plain)(self, *given, **named)

    method.__name__, method.__qualname__, method.__doc__ = name, wrapped.__qualname__, wrapped.__doc__
    setattr(kind, name, method)
