"""The rest of a running search, simulated under its rule: how long it will train yet.

A trial that is known keeps the rank that its medians gave it; one that has no median yet may have any. So late survivors
are good ones, as they are in a search, and no number of trials let pass is assumed.
"""

from __future__ import annotations

import copy
import heapq
import random
import statistics
from collections import defaultdict, deque
from collections.abc import Sequence

from trainables.statistics import worst
from tuner.records.lines import Record
from tuner.results.history import History, Trial
from tuner.rules.ranking import bracket_of
from tuner.rules.rule import Rule
from tuner.rules.rungs import Rungs
from tuner.rules.seeds import seeds_of

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
        self._last = history.rungs[-1]
        self._rungs = history.rungs
        knobs = tuple(history.manifest.bracket)
        self._bracket = {trial.index: bracket_of(trial.config, knobs) for trial in history.trials}
        self._ranks: dict[int, float] = {}  # trial -> its rank, from 0 (worst) to 1
        self._memory = self._remembered(self._read_ranks())
        self._trials = {trial.index: trial for trial in history.trials if not trial.has_ended}
        # Those under way come first, as they do in a session; those who wait may yet be let go on.
        self.unfinished = [trial for trial in self._trials.values() if trial.index not in self._memory.waiting]
        self.unfinished.sort(key=lambda trial: (trial.status != "running", not trial.epochs, trial.index))
        self._at_once = history.manifest.budget.placement == "spread"
        self._step = {index: step_of(trial, mean_step) for index, trial in self._trials.items()}

    def simulate(self, concurrent: int, generator: random.Random) -> float:
        """Seconds that one possible rest of the search takes."""
        memory = copy.deepcopy(self._memory)
        ranks = {index: self._ranks.get(index, generator.random()) for index in self._trials}
        queue = deque(trial.index for trial in self.unfinished)
        busy: list[tuple[float, int, int]] = []  # seconds from now, number of the trial, its epoch then
        reached = {index: trial.last_epoch for index, trial in self._trials.items()}
        now = 0.0

        def begin(index: int) -> None:
            epoch = reached[index]
            rung = next((rung for rung in self._rungs if rung > epoch), epoch)
            heapq.heappush(busy, (now + self._steps(index, epoch, rung) * self._step[index], index, rung))

        for _ in range(min(concurrent, len(queue))):
            begin(queue.popleft())
        while busy:
            now, index, rung = heapq.heappop(busy)
            reached[index] = rung
            if rung < self._last:
                decision = memory.place(index, self._bracket[index], rung, ranks[index])
                queue.extendleft(decision.released)
                if decision.action == "continue":
                    queue.appendleft(index)
            if queue:
                begin(queue.popleft())
        return now

    def _steps(self, index: int, epoch: int, rung: int) -> float:
        """How many of its steps, of as many seeds as its latest one, a trial takes from an epoch to a rung."""
        seeds = self._history.seeds
        if not seeds.grow:
            return rung - epoch
        trial = self._trials[index]
        newest = trial.late[-1] if trial.late else None
        caught_up = newest["epoch"] if newest and newest["rung"] == trial.last_epoch == epoch else 0
        joining = seeds.joining(epoch)
        if self._at_once:  # a worker each: all seeds that train take a step together
            return rung - epoch + (max(0, epoch - caught_up) if joining else 0)
        work = seeds.work(epoch, rung) - caught_up * len(joining)
        return work / (seeds.at(trial.last_epoch) if trial.last_epoch else seeds.at(1))

    def _remembered(self, decisions: Sequence[Record]) -> Rungs:
        """The rungs as they are, by the ranks of those who have arrived."""
        budget = self._history.manifest.budget
        rule = Rule("rank", "max", self._last, budget.grace, budget.reduction, name=budget.rule)
        memory = Rungs(rule, levels=self._rungs[:-1])
        for told in decisions:
            trial, rung, bracket = told["trial"], told["rung"], self._bracket[told["trial"]]
            memory.place(trial, bracket, rung, self._ranks[trial])
            memory.note(trial, bracket, rung, told["action"])
        for trial in self._history.trials:
            if trial.has_ended:
                memory.end(trial.index)
            elif not trial.waits or trial.decisions[-1]["event"] == "promote":
                memory.release(trial.index)
        return memory

    def _read_ranks(self) -> list[Record]:
        """Rank all trials that a rung has seen: by their values at the first one, and among those of a higher one by theirs.

        Returns:
            The decisions, in order of arrival.
        """
        sign = 1 if self._history.mode == "max" else -1
        seen: dict[tuple[str, int], list[tuple[float, int]]] = defaultdict(list)
        decisions = [told for trial in self._history.trials for told in trial.decisions if told["event"] == "decision"]
        for told in decisions:
            value = told.get("value")
            value = sign * float(worst(self._history.mode) if value is None else value)
            seen[self._bracket[told["trial"]], int(told["rung"])].append((value, told["trial"]))
        for place in sorted(seen, key=lambda place: place[1]):
            indices = [index for _, index in sorted(seen[place])]
            known = sorted(self._ranks[index] for index in indices if index in self._ranks)
            if len(known) < len(indices):
                known = [(number + 0.5) / len(indices) for number in range(len(indices))]
            self._ranks.update(zip(indices, known, strict=True))
        return sorted(decisions, key=lambda told: float(told["time"]))


def step_of(trial: Trial, otherwise: float) -> float:
    """Seconds of a typical step of a trial, by its latest ones."""
    latest = (trial.epochs.get(epoch) for epoch in range(trial.last_epoch, trial.last_epoch - _RECENT, -1))
    known = [record for record in latest if record is not None and record.get("step_seconds")]
    steps = [record["step_seconds"] for record in known if seeds_of(record) == seeds_of(known[0])]
    return float(statistics.median(steps)) if steps else otherwise
