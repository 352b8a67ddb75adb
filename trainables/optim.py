"""Optimizers and learning-rate schedules. A schedule is a function of the epoch alone, so there is no state to resume."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import nn

from trainables.config.training import TrainingConfig


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
