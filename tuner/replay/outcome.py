"""What a replayed setting would have done with the curves: its decisions, what they saved and what they lost."""

from __future__ import annotations

from dataclasses import dataclass

from tuner.replay.settings import Setting
from tuner.rules.rule import Action


@dataclass(frozen=True)
class ReplayDecision:
    """What a rule said of one curve at one rung; `value` is what it was ranked by, `of` how many were compared."""

    model: str
    rung: int
    action: Action
    value: float
    cutoff: float | None
    of: int
    reason: str


@dataclass(frozen=True)
class Replay:
    """What a setting would have done with the curves.

    Attributes:
        setting: that was replayed.
        winner: the survivor with the best final value; where none is left, the best of those that were trained longest.
        epochs: trained in all, running survivors to the last epoch; with seeds by rung those of all its seeds, so that one of
            a single seed is a part of one.
        models: how many curves there are.
        last: the last epoch.
        regret: the best final value minus the winner's, in the metric's unit, counted so that it is never negative; NaN
            when the winner's record ends early, so that nobody knows.
        best: the curve with the best final value.
        rungs: the epochs at which curves were judged.
        decisions: in the order they were made.
        unknown: curves that the setting would have trained beyond the end of their record; they count to that end.
    """

    setting: Setting
    winner: str
    epochs: float
    models: int
    last: int
    regret: float
    best: str
    rungs: tuple[int, ...]
    decisions: tuple[ReplayDecision, ...]
    unknown: tuple[str, ...]

    @property
    def full_epochs(self) -> int:
        """What all curves take without stopping."""
        return self.models * self.last

    @property
    def saved(self) -> float:
        """The share of the full training that was not done."""
        return 1 - self.epochs / self.full_epochs

    @property
    def lost_at(self) -> int | None:
        """The rung at which the best curve was stopped; None if it went through."""
        stops = (told.rung for told in self.decisions if told.model == self.best and told.action == "stop")
        return next(stops, None)
