"""One search replayed on a table: a policy, its trials in some order, some workers. The rungs are those of live searches."""

from __future__ import annotations

import heapq
import math
from collections import deque
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from scipy.stats import rankdata

from benchmarks.policies.curves import Curves, Kind, Noise
from trainables.trial.seeds import Seeds
from tuner.rules import ranking
from tuner.rules.rule import Rule
from tuner.rules.rungs import Rungs


@dataclass(frozen=True)
class Policy:
    """Who goes on, and with how many seeds.

    Attributes:
        ranked: what a trial is ranked by at a rung.
        race: 0, or how many standard errors from the cutoff a value is too close to decide; then the trial first trains more
            seeds to the rung, one or two at a time up to the last count of `seeds`.
        sure: 0, or the rank correlation of a rung with a later one that must have been seen before it stops anyone: so the
            first rung that decides is chosen on the fly. Only where trials stop.
    """

    rule: str = "asha"
    reduction: float = 3.0
    grace: int = 1
    seeds: tuple[int, ...] = (5,)
    ranked: Kind = "median"
    race: float = 0.0
    sure: float = 0.0

    @property
    def name(self) -> str:
        counts = ",".join(map(str, self.seeds))
        told = f"{self.rule}, reduction {self.reduction:g}, grace {self.grace}, seeds {counts}"
        if self.ranked != "median":
            told += f", by {self.ranked}"
        if self.sure:
            told += f", from a correlation of {self.sure:g} on"
        return f"{told}, racing within {self.race:g} errors" if self.race else told


@dataclass(frozen=True)
class Found:
    """What one search found.

    Attributes:
        cost: epochs of single seeds, of those that all trials with all seeds take.
        winner: the best trial at the highest rung that any reached.
        reported: its median there.
        makespan: epochs of a single seed that the search takes with its workers.
    """

    cost: float
    winner: int
    reported: float
    makespan: float


class Foresight:
    """How well a rung has foretold so far the order at the highest one that enough of its trials came to."""

    LEAST = 8  # trials at both

    def __init__(self) -> None:
        self._at: dict[int, dict[int, float]] = {}

    def add(self, trial: int, rung: int, value: float) -> None:
        """A trial came to a rung; a value that is not a number is the worst there is."""
        self._at.setdefault(rung, {})[trial] = value if math.isfinite(value) else -math.inf

    def is_sure(self, rung: int, least: float) -> bool:
        """Whether there is such a rung, and the two orders correlate so much (Spearman; ties share their rank)."""
        here = self._at.get(rung, {})
        for later in sorted(self._at, reverse=True):
            both = [trial for trial in self._at[later] if trial in here]
            if later > rung and len(both) >= self.LEAST:
                ranks = [rankdata([self._at[level][trial] for trial in both]) for level in (rung, later)]
                return all(rank.std() > 0 for rank in ranks) and float(np.corrcoef(*ranks)[0, 1]) >= least
        return False


class Sampler(Protocol):
    """Who proposes configurations by what was told of others, in the order in which it was."""

    def propose(self, trial: int) -> int:
        """The configuration of a new trial."""
        ...

    def arrived(self, trial: int, epoch: int, value: float, ended: bool) -> None:
        """What a trial is ranked by at a rung, and whether it stops or waits there or is complete."""
        ...


def search(curves: Curves, policy: Policy, workers: int, sampler: Sampler | None = None) -> Found:
    """Replay a policy.

    Args:
        curves: of the trials.
        policy: at most so many seeds as there are.
        workers: trials at the same time.
        sampler: says which configuration a trial is, once it begins; without one they are as the curves have them.
    """
    trials, epochs = len(curves.trials), curves.values.shape[-1]
    levels = ranking.rungs(epochs, policy.grace, policy.reduction)
    following = dict(zip((0, *levels), levels, strict=False))
    seeds = Seeds.by_rung(policy.seeds, levels, policy.seeds[-1])
    needed = {level: seeds.at(level) for level in levels}
    memory = Rungs(Rule("accuracy", "max", epochs, policy.grace, policy.reduction, name=policy.rule), exempt=None)
    for trial in range(trials):
        memory.announce(trial)
    promoted: list[tuple[int, int, int]] = []  # (-rung, how manieth, trial)
    new, reached, trained = deque(range(trials)), [0] * trials, [0] * trials
    first: dict[int, int] = {}  # rung -> who came first
    noise = {level: Noise() for level in levels}
    foresight = Foresight()
    busy: list[tuple[float, int, int]] = []  # (when, trial, rung)
    work, now = 0, 0.0

    def occupy(trial: int, rung: int, stage: int) -> None:
        nonlocal work
        work += stage
        heapq.heappush(busy, (now + stage, trial, rung))

    def begin(trial: int) -> None:
        before, had = reached[trial], trained[trial]
        if sampler and not before:
            curves.trials[trial] = sampler.propose(trial)
        rung = following[before]
        count = trained[trial] = max(had, needed[rung])
        occupy(trial, rung, (count - had) * before + count * (rung - before))

    def give() -> None:
        """Free workers take who was promoted to the highest rung, then a new trial."""
        while len(busy) < workers and (promoted or new):
            begin(heapq.heappop(promoted)[-1] if promoted else new.popleft())

    def value(trial: int, rung: int) -> float:
        return curves.ranked(policy.ranked, trial, rung, trained[trial], first.setdefault(rung, trial))

    def close(trial: int, rung: int) -> bool:
        """Whether more seeds might decide otherwise."""
        count = trained[trial]
        if not policy.race or count == seeds.most:
            return False
        value_now = value(trial, rung)
        cutoff = memory.ask(trial, "", rung, value_now).cutoff
        return cutoff is None or abs(value_now - cutoff) <= policy.race * noise[rung].error(count)

    give()
    while busy:
        now, trial, rung = heapq.heappop(busy)
        reached[trial] = rung
        if rung < epochs and close(trial, rung):
            more = min(seeds.most, trained[trial] + (1 if trained[trial] < 3 else 2)) - trained[trial]
            trained[trial] += more
            occupy(trial, rung, more * rung)
            continue
        if rung < epochs:
            if policy.race:
                noise[rung].add(curves.seeds(trial, rung, trained[trial]))
            told = memory.place(trial, "", rung, value(trial, rung))
            for released in told.released:
                heapq.heappush(promoted, (-rung, trials + work, released))
            if sampler:
                sampler.arrived(trial, rung, told.value, ended=told.action != "continue")
            foresight.add(trial, rung, told.value)
            if told.action == "continue" or (policy.sure and not foresight.is_sure(rung, policy.sure)):
                begin(trial)
        else:
            foresight.add(trial, rung, value(trial, rung))
            if sampler:
                sampler.arrived(trial, rung, value(trial, rung), ended=True)
        give()
    winner = max(
        range(trials), key=lambda trial: (reached[trial], curves.median(trial, reached[trial], trained[trial]))
    )
    full = trials * seeds.most * epochs
    return Found(work / full, winner, curves.median(winner, reached[winner], trained[winner]), now)
