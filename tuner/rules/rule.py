"""What a rule is: the protocol that a file of this folder implements, and what a rule is asked about.

A rule says what a trial is told when it arrives at a rung, and which trials that wait there the arrival lets go on or ends.
It holds no state: everything it may look at is the rung. The memory is `tuner.rules.rungs.Rungs`.
"""

from __future__ import annotations

import bisect
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol

from tuner.rules import ranking, seeds

if TYPE_CHECKING:
    from tuner.records.manifest import Manifest

Action = Literal["continue", "stop", "wait"]
DEFAULT = "asha"  # also of experiments from before there was a choice
BASELINE = 0  # index of the trial that holds the paper's values


@dataclass(frozen=True)
class Rule:
    """What an experiment goes by: the objective, the rungs, the bracket knobs, and by its name the file that decides."""

    metric: str
    mode: str
    epochs: int
    grace: int
    reduction: float
    rank_window: int = 1  # epochs of the running median that trials are ranked by
    bracket: tuple[str, ...] = ()  # knobs whose values trials must share to be compared
    name: str = DEFAULT  # of `tuner.rules.registry.NAMES`
    seeds: Mapping[int, int] = field(
        default_factory=dict
    )  # rung -> seeds whose median counts; empty: all at every rung

    @property
    def rungs(self) -> tuple[int, ...]:
        return ranking.rungs(self.epochs, self.grace, self.reduction)


def rule_of(manifest: Manifest) -> Rule:
    """The rule of an experiment."""
    budget, objective = manifest.budget, manifest.objective
    return Rule(
        objective.metric,
        objective.mode,
        budget.epochs,
        budget.grace,
        budget.reduction,
        budget.rank_window,
        tuple(manifest.bracket),
        budget.rule,
        seeds.by_rung(manifest),
    )


@dataclass(frozen=True)
class Arrival:
    """A trial that has trained to a rung, and what it is ranked by there; the worst value if it has diverged."""

    trial: int
    value: float


@dataclass
class Rung:
    """One rung of one bracket: who has arrived there so far, with which value, and who waits there.

    Attributes:
        epoch: where it lies.
        rule: of the experiment.
        bracket: whose trials meet here; empty if all do.
        values: trial -> value, in order of arrival.
        scores: the values so that larger is better, ascending; one that is not finite is -inf.
        waiting: the trials that were told to wait here and have neither gone on nor ended.
    """

    epoch: int
    rule: Rule
    bracket: str = ""
    values: dict[int, float] = field(default_factory=dict)
    scores: list[float] = field(default_factory=list)
    waiting: set[int] = field(default_factory=set)
    _order: list[tuple[float, int, int]] = field(default_factory=list)  # (-score, place in order of arrival, trial)

    def enter(self, arrival: Arrival) -> None:
        score = ranking.score(arrival.value, self.rule.mode)
        bisect.insort(self._order, (-score, len(self.values), arrival.trial))
        bisect.insort(self.scores, score)
        self.values[arrival.trial] = arrival.value

    def top(self, count: int) -> list[int]:
        """The best `count` trials with a finite value, the best first; of equal ones the first to arrive."""
        return [trial for negative, _, trial in self._order[:count] if negative < math.inf]

    def not_worse(self, value: float) -> int:
        """How many of the trials have a value that is better than this one, or equal to it."""
        return len(self.scores) - bisect.bisect_left(self.scores, ranking.score(value, self.rule.mode))

    def place(self, trial: int) -> int:
        """Counted from 1, the best; of equal ones the first to arrive stands first."""
        return 1 + next(place for place, (*_, other) in enumerate(self._order) if other == trial)

    def shown(self, value: float) -> str:
        """A value for people: over how many epochs it is the median, if over several, and of how many seeds, if that differs
        from rung to rung."""
        return ranking.ranked_by(value, self.rule.rank_window, self.rule.seeds.get(self.epoch))

    @property
    def within(self) -> str:
        """Among which trials a decision falls, for people; empty if among all."""
        return f" with {self.bracket}" if self.bracket else ""


@dataclass(frozen=True)
class Told:
    """What a rule says of an arrival.

    Attributes:
        action: what the trial is told: go on to the next rung, stop for good, or wait at this one.
        cutoff: the value the action hangs on; None if there is nothing to compare with.
        of: values that were compared, its own included.
        reason: the action in one sentence for people.
        released: trials that waited at this rung and go on now, each with its sentence.
        ended: trials that waited at this rung and stop now, each with its sentence.
    """

    action: Action
    cutoff: float | None
    of: int
    reason: str
    released: Mapping[int, str] = field(default_factory=dict)
    ended: Mapping[int, str] = field(default_factory=dict)


class Algorithm(Protocol):
    """What a file of this folder offers under the name `RULE`.

    The memory sees to what is the same for all: brackets, the rank window, diverged trials (stopped), the baseline (never
    stopped, never waits, though it counts), and trials that still wait when nothing else is left to train (ended).
    """

    title: str  # for people, as in "ASHA saves 80 % of the epochs"
    summary: str  # one clause for help pages
    pauses: bool  # whether it ever tells a trial to wait; then trials are checkpointed at every rung

    def arrive(self, rung: Rung, arrival: Arrival) -> Told:
        """Decide about a trial that arrives at a rung, which does not hold it yet.

        Called in order of arrival, once for each trial and rung. About 1 / `rung.rule.reduction` of those who arrive
        should go on, at once or later: the time left counts on that.
        """
        ...
