"""Torch's plateau schedule with its memory in the optimizer, where checkpoints find it."""

from __future__ import annotations

import torch
from torch.optim.lr_scheduler import ReduceLROnPlateau

MEMORY = "plateau"  # key in the optimizer's first parameter group
MODES = {"accuracy": "max", "loss": "min"}


def step(optimizer: torch.optim.Optimizer, metric: str, value: float, factor: float, patience: int) -> None:
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
    schedule = ReduceLROnPlateau(optimizer, MODES[metric], factor=factor, patience=patience)  # type: ignore[arg-type]
    group = optimizer.param_groups[0]
    if MEMORY in group:
        schedule.best, schedule.num_bad_epochs = group[MEMORY]
    schedule.step(value)
    group[MEMORY] = (float(schedule.best), schedule.num_bad_epochs)
