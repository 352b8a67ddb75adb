"""Optimizers and learning-rate schedules.

A schedule is a function of the epoch alone, so there is no state to resume; the one that follows a metric has its memory in
the optimizer, where checkpoints find it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import nn
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


def sgd(config: TrainingConfig, model: nn.Module) -> torch.optim.SGD:
    """SGD with momentum and L2 penalty on every parameter, as the published training loops use it."""
    return torch.optim.SGD(model.parameters(), lr=config.lr, momentum=config.momentum, weight_decay=config.weight_decay)


def set_hyperparameters(optimizer: torch.optim.Optimizer, values: Mapping[str, float]) -> None:
    """Set values such as `lr` and `momentum` in every parameter group."""
    for group in optimizer.param_groups:
        group.update(values)
