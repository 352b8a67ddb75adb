"""What the fresh seeds of a confirmation say of the trials that a search had picked."""

from __future__ import annotations

from dataclasses import dataclass

from tuner.records.paths import ExperimentPaths
from tuner.results.history import History
from tuner.results.leaderboard import Leaderboard
from tuner.results.significance import separated


@dataclass(frozen=True)
class Confirmed:
    """A trial in both: its median as it was picked, and on fresh seeds; `change` is how far the former flattered, negated."""

    trial: int
    baseline: bool
    selection: float | None
    fresh: float | None
    low: float | None
    high: float | None

    @property
    def change(self) -> float | None:
        return None if self.selection is None or self.fresh is None else self.fresh - self.selection


def load(searched: ExperimentPaths) -> Leaderboard | None:
    """The confirmation of a search; None where there is none."""
    return Leaderboard(History.load(searched.confirmation)) if searched.confirmation.manifest.exists() else None


def side_by_side(board: Leaderboard, confirmation: Leaderboard) -> list[Confirmed]:
    """The trials that reached the full budget on fresh seeds, the best of them first; selection at the full budget only."""
    picked = {row.trial: row for row in board.rows if row.epoch >= board.history.budget}
    return [
        Confirmed(
            row.trial,
            row.baseline,
            picked[row.trial].median if row.trial in picked else None,
            row.median,
            row.low,
            row.high,
        )
        for row in confirmation.rows
        if row.valid and row.epoch >= confirmation.history.budget
    ]


def beats_baseline(confirmation: Leaderboard) -> bool | None:
    """Whether fresh seeds separate the best trial from the baseline; None while the confirmation is not finished."""
    history, best = confirmation.history, confirmation.best
    if history.state != "finished" or best is None:
        return None
    return not best.baseline and separated(best.values, confirmation.baseline.values, history.mode)
