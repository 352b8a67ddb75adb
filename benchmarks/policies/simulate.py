"""One search replayed on a table: a policy, its trials in some order, some workers. The rungs are those of live searches."""

from __future__ import annotations

import heapq
import math
from collections import deque
from dataclasses import dataclass

import numpy as np

from trainables.trial.seeds import Seeds
from tuner.rules import ranking
from tuner.rules.rule import Rule
from tuner.rules.rungs import Rungs


@dataclass(frozen=True)
class Policy:
    """Who goes on, and with how many seeds."""

    rule: str = "asha"
    reduction: float = 3.0
    grace: int = 1
    seeds: tuple[int, ...] = (5,)

    @property
    def name(self) -> str:
        counts = ",".join(map(str, self.seeds))
        return f"{self.rule}, reduction {self.reduction:g}, grace {self.grace}, seeds {counts}"


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


def search(values: np.ndarray, policy: Policy, workers: int) -> Found:
    """Replay a policy.

    Args:
        values: [trials, seeds, epochs], larger is better, NaN where a seed has failed; trials in the order of their launch.
        policy: at most so many seeds as there are.
        workers: trials at the same time.
    """
    trials, _, epochs = values.shape
    levels = ranking.rungs(epochs, policy.grace, policy.reduction)
    seeds = Seeds.by_rung(policy.seeds, levels, policy.seeds[-1])
    medians = {n: np.median(np.nan_to_num(values[:, :n], nan=-np.inf), axis=1) for n in {seeds.at(e) for e in levels}}
    rule = Rule("accuracy", "max", epochs, policy.grace, policy.reduction, name=policy.rule)
    memory = Rungs(rule, exempt=None)
    for trial in range(trials):
        memory.announce(trial)
    promoted: list[tuple[int, int, int]] = []  # (-rung, how manieth, trial)
    new, reached = deque(range(trials)), dict.fromkeys(range(trials), 0)
    busy: list[tuple[float, int, int]] = []  # (when, trial, rung)
    work, now = 0, 0.0

    def begin(trial: int) -> None:
        nonlocal work
        rung = next(level for level in levels if level > reached[trial])
        stage = seeds.work(reached[trial], rung)
        work += stage
        heapq.heappush(busy, (now + stage, trial, rung))

    def give() -> None:
        """Free workers take who was promoted to the highest rung, then a new trial."""
        while len(busy) < workers and (promoted or new):
            begin(heapq.heappop(promoted)[-1] if promoted else new.popleft())

    give()
    while busy:
        now, trial, rung = heapq.heappop(busy)
        reached[trial] = rung
        if rung < epochs:
            told = memory.place(trial, "", rung, _value(medians, seeds, trial, rung))
            for released in told.released:
                heapq.heappush(promoted, (-rung, len(reached) + work, released))
            if told.action == "continue":
                begin(trial)
        give()
    winner = max(range(trials), key=lambda trial: (reached[trial], _value(medians, seeds, trial, reached[trial])))
    full = trials * seeds.most * epochs
    return Found(work / full, winner, _value(medians, seeds, winner, reached[winner]), now)


def _value(medians: dict[int, np.ndarray], seeds: Seeds, trial: int, rung: int) -> float:
    value = float(medians[seeds.at(rung)][trial, rung - 1])
    return value if math.isfinite(value) else -math.inf
