"""What the fresh seeds of a confirmation say of the trials that a search had picked."""

from __future__ import annotations

from dataclasses import dataclass

from tuner.records.paths import ExperimentPaths
from tuner.results.history import History
from tuner.results.leaderboard import Leaderboard
from tuner.results.significance import LEVEL, beats, corrected, sign_test


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


@dataclass(frozen=True)
class Claim:
    """A trial against the baseline on fresh seeds: on how many of the paired seeds it is `ahead`, the two-sided p of the sign
    test corrected for as many `looks`, and whether that separates it, as the `better` one."""

    trial: int
    looks: int
    ahead: int
    p: float
    better: bool


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


def claims(board: Leaderboard, confirmation: Leaderboard) -> list[Claim]:
    """What fresh seeds say against the baseline; nothing while the confirmation is not finished.

    First of the trial that the search ranked highest of those confirmed: it was named before these seeds were looked at, so it
    is one look. Then of the best one on fresh seeds, where that is another: it is the best of as many looks as were confirmed.
    """
    history, best, baseline = confirmation.history, confirmation.best, confirmation.baseline
    fresh = {row.trial: row for row in confirmation.rows if not row.baseline}
    if history.state != "finished" or best is None:
        return []
    picked = next((row.trial for row in board.rows if row.valid and row.trial in fresh), None)
    asked = {} if picked is None else {picked: 1}
    asked.setdefault(best.trial, len(fresh))
    found = []
    for trial, looks in asked.items():
        row = fresh.get(trial)
        if row is not None and len(row.values) == len(baseline.values):
            pairs = list(zip(row.values, baseline.values, strict=True))
            ahead = sum(beats(ours, theirs, history.mode) for ours, theirs in pairs)
            behind = sum(beats(theirs, ours, history.mode) for ours, theirs in pairs)
            p = corrected(sign_test(row.values, baseline.values, history.mode), looks)
            found.append(Claim(row.trial, looks, ahead, p, row.valid and ahead > behind and p <= LEVEL))
    return found


def beats_baseline(board: Leaderboard, confirmation: Leaderboard) -> bool | None:
    """Whether fresh seeds separate any trial from the baseline, and above it; None while they cannot say."""
    if confirmation.history.state != "finished" or confirmation.best is None:
        return None
    return any(claim.better for claim in claims(board, confirmation))
