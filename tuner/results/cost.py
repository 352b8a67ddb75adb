"""What a search cost and what early stopping saved, in hours of the processors that its trials hold."""

from __future__ import annotations

from typing import Any

from tuner.machines.allocation import Allocator
from tuner.results.history import History, Trial
from tuner.rules.seeds import seeds_of


def cost(history: History) -> dict[str, Any]:
    """Keys: wall_seconds, unit ("GPU-hours", or "CPU-hours" where no trial holds a GPU), spent, saved, full (in that unit).

    A trial's hours are those of its workers, repeated epochs included, times the GPUs (or CPUs) that it holds itself: a
    space may give one configuration more than another. Saved is what the trials that ended early would have trained yet,
    each at its own mean pace; one that reported no epoch has none.
    """
    unit, hours = held(history)
    spent = _spent(history, hours)
    saved = sum(hours[trial.index] * _ahead(history, trial) for trial in history.trials if trial.has_ended)
    return {
        "wall_seconds": history.seconds,
        "unit": unit,
        "spent": spent,
        "saved": saved,
        "full": spent + saved,
    }


def spent(history: History) -> tuple[float, str]:
    """`spent` and `unit` of `cost`, without the work of what was saved."""
    unit, hours = held(history)
    return _spent(history, hours), unit


def held(history: History) -> tuple[str, dict[int, float]]:
    """The unit, and of each trial the hours of that unit in a second of its workers: the GPUs (or CPUs) it holds / 3600."""
    allocator = Allocator.recorded(history.manifest)
    shares = {trial.index: allocator.whole(trial.config) for trial in history.trials}
    gpus = any(gpus > 0 for _, gpus in shares.values()) if shares else allocator.gpus > 0
    hours = {index: (of_gpus if gpus else cpus or 1.0) / 3600 for index, (cpus, of_gpus) in shares.items()}
    return "GPU-hours" if gpus else "CPU-hours", hours


def _spent(history: History, hours: dict[int, float]) -> float:
    return sum(hours[trial.index] * trial.seconds for trial in history.trials)


def _ahead(history: History, trial: Trial) -> float:
    """Seconds from where a trial ended to its full budget."""
    seconds = [float(record.get("epoch_seconds") or 0.0) for record in (*trial.epochs.values(), *trial.late)]
    # In epochs of all replicates: those that are to join yet train from the beginning.
    trained = sum(seeds_of(record) for record in (*trial.epochs.values(), *trial.late)) / history.replicates
    left = history.budget - trained if history.seeds.grow else history.budget - trial.last_epoch
    return left * sum(seconds) / (trained if history.seeds.grow else len(seconds)) if seconds and left > 0 else 0.0
