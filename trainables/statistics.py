"""The median over the replicates of a trial, and what a failed replicate counts as."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

ALWAYS = ("train_loss", "train_accuracy", "val_loss", "val_accuracy")  # reported at every epoch, whoever failed
# What a result says of an epoch beside its metrics, ours and Ray's: no metric of a user's own code may be called so.
RESERVED = (
    *("epoch", "metrics", "scalars", "failures", "errors", "learning_rate", "diverged", "finished", "failed"),
    *(
        "replicates_ok",
        "epoch_seconds",
        "step_seconds",
        "strategy",
        "strategy_reason",
        "precision",
        "replayed",
        "first",
    ),
    *("images_per_second", "samples_per_second", "interrupted", "untrained", "done", "config", "training_iteration"),
    *("timestamp", "date", "pid", "hostname", "node_ip", "trial_id", "experiment_tag", "time_total_s"),
    *("time_this_iter_s", "time_since_restore", "iterations_since_restore", "should_checkpoint"),
)


def is_late(result: Mapping[str, Any]) -> bool:
    """Whether a result is an epoch of seeds that catch up, a whole number; a metric of a user's own called `late` is none."""
    return isinstance(result.get("late"), int)


def worst(mode: str) -> float:
    """What a replicate counts as once it has failed: no finite value is worse."""
    if mode not in ("max", "min"):
        raise ValueError(f"`mode` is {mode!r}, but must be 'max' or 'min'")
    return -math.inf if mode == "max" else math.inf


def mode_of(metric: str) -> str:
    """Which direction of a metric is better: losses fall, everything else rises."""
    return "min" if metric.endswith("loss") else "max"


def alive(values: Sequence[float | None]) -> int:
    """How many of the replicates have a finite value."""
    return sum(1 for value in values if _is_finite(value))


def has_majority(count_alive: int, count: int) -> bool:
    """Whether strictly more than half of the replicates live: 3 of 5, 2 of 3, 3 of 4."""
    return 2 * count_alive > count


def median(values: Sequence[float | None], mode: str = "max") -> float:
    """Median over the replicates, a failed one counting as the worst value.

    Args:
        values: one value a replicate; None, NaN and both infinities mean that the replicate failed.
        mode: "max" if larger is better, "min" if smaller is.

    Returns:
        The middle value; the midpoint of the middle two for an even count; the worst value (-inf for "max", +inf for
        "min") when no majority of the replicates lives or there are none.
    """
    floor = worst(mode)
    if not has_majority(alive(values), len(values)):
        return floor
    ordered = sorted(float(value) if value is not None and _is_finite(value) else floor for value in values)
    middle = len(ordered) // 2
    if len(ordered) % 2:
        return ordered[middle]
    # Halve before adding: the sum of two large values may overflow.
    return ordered[middle - 1] / 2 + ordered[middle] / 2


def improves(medians: Sequence[float], mode: str) -> bool:
    """Whether the last of these medians is finite and better than each one before it."""
    sign = 1.0 if mode == "max" else -1.0
    last = medians[-1]
    return math.isfinite(last) and all(sign * last > sign * before for before in medians[:-1])


def _is_finite(value: float | None) -> bool:
    return value is not None and math.isfinite(value)
