"""What a family's panel is made of, and the trials it is made from."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tuner.results.history import Trial
from tuner.results.leaderboard import Leaderboard

SHOWN = 8  # curves that one figure can bear


@dataclass(frozen=True)
class Figure:
    """One chart: plotly traces and layout, without colours; `note` says in a sentence what it shows and what is missing."""

    title: str
    note: str
    data: list[dict[str, Any]] = field(default_factory=list)
    layout: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Panel:
    """The title of the tab and its figures; one without data says in its note what it waits for."""

    title: str
    figures: list[Figure]


def ranked(board: Leaderboard) -> list[Trial]:
    """The valid trials, best first."""
    found = [board.history.trial(row.trial) for row in board.rows if row.valid]
    return [trial for trial in found if trial is not None]


def leading(board: Leaderboard, count: int = SHOWN) -> list[Trial]:
    """The best valid trials, as many as a figure can bear, and the baseline."""
    trials = ranked(board)
    return trials[:count] + [trial for trial in trials[count:] if trial.baseline]


def label(trial: Trial) -> str:
    """What a trial is called in a legend."""
    return f"trial {trial.index}{' (baseline)' if trial.baseline else ''}"


def error_bars(medians: list[float | None], extremes: list[tuple[float | None, float | None]]) -> dict[str, Any]:
    """plotly's error bars from the medians to the extremes of the replicates."""
    above = [_gap(high, median) for median, (_, high) in zip(medians, extremes, strict=True)]
    below = [_gap(median, low) for median, (low, _) in zip(medians, extremes, strict=True)]
    return {"type": "data", "symmetric": False, "array": above, "arrayminus": below, "thickness": 1, "width": 3}


def _gap(upper: float | None, lower: float | None) -> float:
    return 0.0 if upper is None or lower is None else max(0.0, upper - lower)
