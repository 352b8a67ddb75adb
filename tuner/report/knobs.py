"""The knobs that were searched: each trial's values beside its objective at every rung."""

from __future__ import annotations

import math
from typing import Any

from tuner.report.curves import significant
from tuner.report.trials import is_numeric, shown, values
from tuner.results.leaderboard import Leaderboard

ENOUGH = 20  # trials at a rung from which it is the one that is shown first
_DECADE_AND_A_HALF = 30.0


def knobs(board: Leaderboard) -> dict[str, Any]:
    """Keys: axes (name, numeric, log, one value a trial), trials (their indices), rungs and first.

    `rungs` has for each rung that a trial reached the medians of the trials there, None for those that did not: trials
    compare at the same epoch only. `first` is the position of the rung to show at first: the highest with at least
    twenty trials, else the lowest.
    """
    history = board.history
    trials = sorted((row for row in board.rows if row.epoch), key=lambda row: row.trial)
    axes = []
    for name in board.varying():
        numeric = is_numeric(values(board, name))
        found = [shown(row.config[name], numeric) if name in row.config else None for row in trials]
        axes.append({"name": name, "numeric": numeric, "log": numeric and _spans_decades(found), "values": found})
    medians = {rung: medians_at(board, rung) for rung in history.rungs}
    reached = {rung: found for rung, found in medians.items() if any(median is not None for median in found)}
    return {
        "axes": axes,
        "trials": [row.trial for row in trials],
        "rungs": [{"epoch": rung, "medians": found} for rung, found in reached.items()],
        "first": first_rung([sum(median is not None for median in found) for found in reached.values()]),
    }


def medians_at(board: Leaderboard, rung: int) -> list[float | None]:
    """The objective of every trial that reported anything, by index, at a rung."""
    indices = sorted(row.trial for row in board.rows if row.epoch)
    found = [board.history.trial(index) for index in indices]
    return [significant(trial.median(rung)) if trial else None for trial in found]


def first_rung(counts: list[int]) -> int | None:
    """Which of the rungs to show first, given the trials at each: the highest with enough of them, else the lowest."""
    enough = [position for position, count in enumerate(counts) if count >= ENOUGH]
    return enough[-1] if enough else (0 if counts else None)


def _spans_decades(found: list[Any]) -> bool:
    """Whether the values are all positive and far apart: such a knob is read on a logarithmic axis."""
    there = [value for value in found if value is not None]
    return (
        bool(there) and min(there) > 0 and math.isfinite(max(there)) and max(there) / min(there) >= _DECADE_AND_A_HALF
    )
