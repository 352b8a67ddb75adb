"""What a search cost and what early stopping saved, in hours of the processors that its trials hold."""

from __future__ import annotations

from typing import Any

from tuner.results.history import History, Trial


def cost(history: History) -> dict[str, Any]:
    """Keys: wall_seconds, unit ("GPU-hours", or "CPU-hours" where trials hold no GPU), spent, saved, full (in that unit).

    A trial's hours are those of its workers, repeated epochs included, times the GPUs (or CPUs) it holds. Saved is what
    the trials that ended early would have trained yet, each at its own mean pace; one that reported no epoch has none.
    """
    budget = history.manifest.budget
    gpus = budget.gpus_per_trial
    held = gpus or budget.cpus_per_trial or 1.0
    spent = sum(trial.seconds for trial in history.trials) * held / 3600
    saved = sum(_ahead(history, trial) for trial in history.trials if trial.has_ended) * held / 3600
    return {
        "wall_seconds": history.seconds,
        "unit": "GPU-hours" if gpus else "CPU-hours",
        "spent": spent,
        "saved": saved,
        "full": spent + saved,
    }


def _ahead(history: History, trial: Trial) -> float:
    """Seconds from where a trial ended to its full budget."""
    seconds = [float(record.get("epoch_seconds") or 0.0) for record in trial.epochs.values()]
    left = history.budget - trial.last_epoch
    return left * sum(seconds) / len(seconds) if seconds and left > 0 else 0.0
