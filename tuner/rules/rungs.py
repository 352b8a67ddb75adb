"""The rungs of a search: a rule with its memory. Judge, verification, replay and forecast drive the same object.

What it says is a function of the order in which trials arrived and ended, and of nothing else.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from tuner.rules import ranking, registry
from tuner.rules.rule import BASELINE, Action, Arrival, Rule, Rung, Told


@dataclass(frozen=True)
class Decision:
    """What is said of a trial at a rung, and of those who waited there (see `tuner.rules.rule.Told`)."""

    trial: int
    rung: int
    bracket: str
    action: Action
    value: float
    cutoff: float | None
    of: int
    reason: str
    released: Mapping[int, str]
    ended: Mapping[int, str]
    seeds: int | None = None  # whose median the value is, where that differs from rung to rung


class Rungs:
    """Who has arrived at which rung, who waits, and who is still to come.

    Args:
        rule: of the experiment.
        levels: epochs of the rungs, where they are not those of the rule; the full budget is none of them.
        exempt: the trial that is compared like the others but never stopped and never waits; None if there is none.
    """

    def __init__(self, rule: Rule, *, levels: Sequence[int] | None = None, exempt: int | None = BASELINE) -> None:
        self.rule = rule
        self.levels = tuple(rule.rungs[:-1] if levels is None else levels)
        self.waiting: dict[int, int] = {}  # trial -> the rung at which it waits, in order of arrival
        self._exempt = exempt
        self._algorithm = registry.get(rule.name)
        self._rungs: dict[tuple[int, str], Rung] = {}
        self._brackets: dict[int, str] = {}  # of the trials that wait
        self._at_work: set[int] = set()  # announced, neither ended nor waiting
        self._ended: set[int] = set()

    @property
    def values(self) -> dict[int, dict[int, float]]:
        """rung -> trial -> what it was ranked by there."""
        found: dict[int, dict[int, float]] = {}
        for (level, _), rung in self._rungs.items():
            found.setdefault(level, {}).update(rung.values)
        return found

    def value(self, trial: int, epoch: int, bracket: str) -> float:
        """What a trial of a bracket was ranked by at a rung it has reached."""
        return self._rungs[epoch, bracket].values[trial]

    def announce(self, trial: int) -> None:
        """A trial that is to be trained: while it is at work, those who wait may hope."""
        if trial not in self._ended and trial not in self.waiting:
            self._at_work.add(trial)

    def arrive(self, trial: int, bracket: str, epoch: int, medians: Sequence[float]) -> Decision | None:
        """Decide about a trial that has trained to `epoch`; None where there is no rung.

        Args:
            trial: its index.
            bracket: of the trials it is compared with.
            epoch: the last it has trained.
            medians: of the objective at epochs 1, 2, ... `epoch`; the last one not finite if it has diverged.
        """
        if epoch not in self.levels:
            return None
        return self.place(trial, bracket, epoch, ranking.ranking_value(medians, self.rule.rank_window, self.rule.mode))

    def place(self, trial: int, bracket: str, epoch: int, value: float) -> Decision:
        """Decide about a trial at a rung by the value it is ranked by."""
        told = self.ask(trial, bracket, epoch, value)
        self._rungs[epoch, bracket].enter(Arrival(trial, value))
        action, reason = told.action, told.reason
        if not math.isfinite(value):
            # Whatever it is compared with, also when it is the first to arrive.
            action, reason = "stop", f"rung {epoch}: diverged"
        elif trial == self._exempt and action != "continue":
            reason = f"{reason}, but the baseline {'never waits' if action == 'wait' else 'is never stopped'}"
            action = "continue"
        self.note(trial, bracket, epoch, action)
        for released in told.released:
            self.release(released)
        for ended in told.ended:
            self.end(ended)
        moved = told.released, told.ended
        seeds = self.rule.seeds.get(epoch)
        return Decision(trial, epoch, bracket, action, value, told.cutoff, told.of, reason, *moved, seeds)

    def ask(self, trial: int, bracket: str, epoch: int, value: float) -> Told:
        """What the rule says of a trial at a rung, which does not take it in yet."""
        rung = self._rungs.get((epoch, bracket))
        if rung is None:
            rung = self._rungs[epoch, bracket] = Rung(epoch, self.rule, bracket)
        return self._algorithm.arrive(rung, Arrival(trial, value))

    def note(self, trial: int, bracket: str, epoch: int, action: Action) -> None:
        """Enter what a trial was told at a rung."""
        self.release(trial)
        if action == "wait":
            self._at_work.discard(trial)
            self.waiting[trial] = epoch
            self._brackets[trial] = bracket
            self._rungs[epoch, bracket].waiting.add(trial)

    def release(self, trial: int) -> None:
        """A trial that waited goes on."""
        self._leave(trial)
        if trial not in self._ended:
            self._at_work.add(trial)

    def end(self, trial: int) -> None:
        """A trial will never train again."""
        self._leave(trial)
        self._at_work.discard(trial)
        self._ended.add(trial)

    def hopeless(self) -> dict[int, str]:
        """The trials that wait although nothing is left to train that could let them go on, each with its sentence."""
        return {} if self._at_work else self.left_behind(self.waiting)

    def left_behind(self, waiting: Iterable[int]) -> dict[int, str]:
        """Why these trials, which wait, end: one sentence each."""
        return {trial: self._why_ended(trial, self.waiting[trial]) for trial in waiting}

    def _why_ended(self, trial: int, epoch: int) -> str:
        rung = self._rungs[epoch, self._brackets[trial]]
        place = f"place {rung.place(trial)} of {len(rung.values)}{rung.within}"
        return f"rung {epoch}: {rung.shown(rung.values[trial])} stayed {place}, and nothing is left to train"

    def _leave(self, trial: int) -> None:
        epoch = self.waiting.pop(trial, None)
        if epoch is not None:
            self._rungs[epoch, self._brackets.pop(trial)].waiting.discard(trial)
