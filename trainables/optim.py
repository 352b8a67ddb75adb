"""Optimizers and learning-rate schedules.

A schedule is a function of the epoch alone, so there is no state to resume; the one that follows a metric has its memory in
the optimizer, where checkpoints find it.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import ReduceLROnPlateau

from trainables.config.training import TrainingConfig

PLATEAU_MEMORY = "plateau"  # key in the optimizer's first parameter group
PLATEAU_MODES = {"accuracy": "max", "loss": "min"}


def plateau_step(optimizer: torch.optim.Optimizer, metric: str, value: float, factor: float, patience: int) -> None:
    """Look at an epoch's value of a metric, and multiply the learning rates by `factor` when it has stood still.

    Still means: more than `patience` epochs in a row not better than the best so far by a relative 1e-4. Counting starts
    anew after a drop. `optimizer.state_dict()` holds all that is remembered.

    Args:
        optimizer: whose parameter groups follow the schedule.
        metric: `accuracy`, to rise, or `loss`, to fall.
        value: after this epoch; its unit does not matter.
        factor: of the learning rate at a drop.
        patience: epochs.
    """
    schedule = ReduceLROnPlateau(optimizer, PLATEAU_MODES[metric], factor=factor, patience=patience)  # type: ignore[arg-type]
    group = optimizer.param_groups[0]
    if PLATEAU_MEMORY in group:
        schedule.best, schedule.num_bad_epochs = group[PLATEAU_MEMORY]
    schedule.step(value)
    group[PLATEAU_MEMORY] = (float(schedule.best), schedule.num_bad_epochs)


def learning_rate_at(config: TrainingConfig, epoch: int) -> float:
    """Learning rate of a 0-based epoch: constant, step (lr * factor^floor(epoch / step)) or cosine (Loshchilov 2017)."""
    match config.lr_schedule:
        case "constant":
            return config.lr
        case "step":
            return config.lr * config.lr_factor ** (epoch // config.lr_step)
        case "cosine":
            return config.lr * (1 + math.cos(math.pi * epoch / config.epochs)) / 2


# How an optimizer computes, which belongs to the device and not to the training: a checkpoint is taken over without it.
IMPLEMENTATION = ("fused", "foreach", "capturable")


def sgd(config: TrainingConfig, model: nn.Module) -> torch.optim.SGD:
    """SGD with momentum and L2 penalty on every parameter, as the published training loops use it."""
    return sgd_of(model.parameters(), lr=config.lr, momentum=config.momentum, weight_decay=config.weight_decay)


def sgd_of(parameters: Iterable[Any], **options: Any) -> torch.optim.SGD:
    """SGD of parameters or groups of them; on a card one kernel for all of them."""
    groups = list(parameters)
    return torch.optim.SGD(groups, **options, fused=True if _on_a_card(groups) else None)


def adam_of(parameters: Iterable[Any], **options: Any) -> torch.optim.Adam:
    """Adam likewise; on a card its counters of steps are there, so that nobody waits for one."""
    groups = list(parameters)
    on_a_card = _on_a_card(groups)
    return torch.optim.Adam(groups, **options, fused=True if on_a_card else None, capturable=on_a_card)


def rmsprop_of(parameters: Iterable[Any], **options: Any) -> torch.optim.RMSprop:
    """RMSprop likewise, in a few kernels."""
    groups = list(parameters)
    on_a_card = _on_a_card(groups)
    return torch.optim.RMSprop(groups, **options, foreach=True if on_a_card else None, capturable=on_a_card)


def set_hyperparameters(optimizer: torch.optim.Optimizer, values: Mapping[str, float]) -> None:
    """Set values such as `lr` and `momentum` in every parameter group."""
    for group in optimizer.param_groups:
        group.update(values)


def load(optimizer: torch.optim.Optimizer, state: Mapping[str, Any]) -> None:
    """Take over the state of an optimizer of any device; how this one computes stays."""
    groups = [
        saved | {name: own[name] for name in IMPLEMENTATION if name in own}
        for saved, own in zip(state["param_groups"], optimizer.param_groups, strict=False)
    ]
    groups += state["param_groups"][len(groups) :]  # too many, which torch's own words say best
    optimizer.load_state_dict({**state, "param_groups": groups})
    # A checkpoint may hold tensors in another memory format, and a step over two formats may round otherwise.
    for parameter, values in optimizer.state.items():
        for name, value in values.items():
            if isinstance(value, Tensor) and value.shape == parameter.shape and value.stride() != parameter.stride():
                values[name] = torch.empty_like(parameter, dtype=value.dtype, device=value.device).copy_(value)


def move(optimizer: torch.optim.Optimizer, device: torch.device) -> None:
    """Take an optimizer's tensors to a device; a counter of steps that the host reads stays with the host."""
    for group in optimizer.param_groups:
        on_the_device = bool(group.get("fused") or group.get("capturable"))
        for parameter in group["params"]:
            values = optimizer.state.get(parameter, {})
            for name, value in values.items():
                if isinstance(value, Tensor) and (name != "step" or on_the_device):
                    values[name] = value.to(device)


def _on_a_card(groups: list[Any]) -> bool:
    parameters = [p for group in groups for p in (group["params"] if isinstance(group, dict) else [group])]
    return bool(parameters) and all(isinstance(p, Tensor) and p.is_cuda for p in parameters)


_WRAPPED = ("add_param_group", "zero_grad", "state_dict", "load_state_dict")


def _uncompiled(*optimizers: type[torch.optim.Optimizer]) -> None:
    """Let these kinds of optimizers call what is wrapped for the compiler directly, unless something is being compiled.

    PyTorch wraps them for it, and the first call of any wrapper imports `torch._dynamo`, SymPy and more with it: longer than a
    worker takes for the first epochs of a small network. What is computed is the same function in either case.
    """
    for name in _WRAPPED:
        _replace(torch.optim.Optimizer, name, inspect.unwrap(getattr(torch.optim.Optimizer, name)))
    for kind in optimizers:
        _replace(kind, "step", torch.no_grad()(inspect.unwrap(kind.step)))


def _replace(kind: type[torch.optim.Optimizer], name: str, plain: Callable[..., Any]) -> None:
    wrapped: Callable[..., Any] = getattr(kind, name)

    def method(self: torch.optim.Optimizer, *given: Any, **named: Any) -> Any:
        return (wrapped if torch.compiler.is_compiling() else plain)(self, *given, **named)

    method.__name__, method.__qualname__, method.__doc__ = name, wrapped.__qualname__, wrapped.__doc__
    setattr(kind, name, method)


_uncompiled(torch.optim.SGD, torch.optim.Adam, torch.optim.RMSprop)
