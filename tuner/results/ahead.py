"""The rest of a running search, simulated under its rule: how long it will train yet.

A trial that is known keeps the rank that its medians gave it; one that has no median yet may have any. So late survivors
are good ones, as they are in a search, and no number of trials let pass is assumed.
"""

from __future__ import annotations

import heapq
import random
import statistics
from bisect import insort
from collections import defaultdict
from collections.abc import Sequence

from tuner.results.history import History, Trial
from tuner.rules import asha
from tuner.rules.brackets import bracket_of

_RUNS = 20  # simulations of a small search; their median counts
_TRIALS = 2000  # simulated for one estimate, all runs together, but each run simulates all trials
_RECENT = 3  # epochs of a trial whose median counts


def seconds(history: History, concurrent: int, mean_step: float) -> float:
    """Seconds until the last trial of a search ends, without what lies between the steps.

    Args:
        history: of a search that runs.
        concurrent: trials at the same time.
        mean_step: seconds of a step of a trial that has none of its own yet.
    """
    rest = _Rest(history, mean_step)
    runs = min(_RUNS, max(1, _TRIALS // max(1, len(rest.unfinished))))
    generator = random.Random(0)
    return statistics.median(rest.simulate(concurrent, generator) for _ in range(runs))


class _Rest:
    """What is known of a search, as a simulation of its rest needs it."""

    def __init__(self, history: History, mean_step: float) -> None:
        self._history = history
        self._rungs = history.rungs
        self._reduction = history.manifest.budget.reduction
        knobs = tuple(history.manifest.bracket)
        self._bracket = {trial.index: bracket_of(trial.config, knobs) for trial in history.trials}
        self._ranks: dict[int, float] = {}  # trial -> its rank, from 0 (worst) to 1
        self._arrived: dict[tuple[str, int], list[float]] = defaultdict(list)  # bracket and rung -> ranks, ascending
        self._read_ranks()
        # Those under way come first, as they do in a session.
        self.unfinished = [trial for trial in history.trials if not trial.has_ended]
        self.unfinished.sort(key=lambda trial: (trial.status != "running", not trial.epochs, trial.index))
        self._step = {trial.index: step_of(trial, mean_step) for trial in self.unfinished}

    def simulate(self, concurrent: int, generator: random.Random) -> float:
        """Seconds that one possible rest of the search takes."""
        arrived = {place: list(ranks) for place, ranks in self._arrived.items()}
        ranks = {trial.index: self._ranks.get(trial.index, generator.random()) for trial in self.unfinished}
        waiting = iter(self.unfinished)
        busy: list[tuple[float, int, int]] = []  # seconds from now, number of the trial, its epoch then
        now = 0.0

        def begin(trial: Trial, epoch: int) -> None:
            rung = next((rung for rung in self._rungs if rung > epoch), epoch)
            heapq.heappush(busy, (now + (rung - epoch) * self._step[trial.index], trial.index, rung))

        def start() -> None:
            trial = next(waiting, None)
            if trial is not None:
                begin(trial, trial.last_epoch)

        trials = {trial.index: trial for trial in self.unfinished}
        for _ in range(concurrent):
            start()
        while busy:
            now, index, rung = heapq.heappop(busy)
            recorded = arrived.setdefault((self._bracket[index], rung), [])
            passes = trials[index].baseline or self._passes(recorded, ranks[index])
            insort(recorded, ranks[index])
            if passes and rung < self._rungs[-1]:
                begin(trials[index], rung)
            else:
                start()
        return now

    def _passes(self, recorded: Sequence[float], rank: float) -> bool:
        """`asha.decide` on values that are in order."""
        if not recorded:
            return True
        at = (len(recorded) - 1) * (1 - 1 / self._reduction)
        below = int(at)
        above = min(below + 1, len(recorded) - 1)
        return rank >= recorded[below] + (at - below) * (recorded[above] - recorded[below])

    def _read_ranks(self) -> None:
        """Rank all trials that a rung has seen: by their values at the first one, and among those of a higher one by theirs."""
        sign = 1 if self._history.mode == "max" else -1
        seen: dict[tuple[str, int], list[tuple[float, int]]] = defaultdict(list)
        for trial in self._history.trials:
            for decision in trial.decisions:
                value = decision.get("value")
                worst = asha.worst(self._history.mode)
                value = sign * float(worst if value is None else value)
                seen[self._bracket[trial.index], int(decision["rung"])].append((value, trial.index))
        for place in sorted(seen, key=lambda place: place[1]):
            indices = [index for _, index in sorted(seen[place])]
            known = sorted(self._ranks[index] for index in indices if index in self._ranks)
            if len(known) < len(indices):
                known = [(number + 0.5) / len(indices) for number in range(len(indices))]
            self._ranks.update(zip(indices, known, strict=True))
        for place, values in seen.items():
            self._arrived[place] = sorted(self._ranks[index] for _, index in values)


def step_of(trial: Trial, otherwise: float) -> float:
    """Seconds of a typical step of a trial, by its latest ones."""
    latest = (trial.epochs.get(epoch) for epoch in range(trial.last_epoch, trial.last_epoch - _RECENT, -1))
    steps = [record["step_seconds"] for record in latest if record is not None and record.get("step_seconds")]
    return float(statistics.median(steps)) if steps else otherwise
