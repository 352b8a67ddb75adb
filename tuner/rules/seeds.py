"""Seeds by rung: how many of the replicates a trial has when it arrives, whose median is what the rung compares."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from search_spaces.budget import Budget, written
from trainables import statistics
from trainables.trial.seeds import Seeds
from tuner.records.lines import Record
from tuner.rules import ranking

if TYPE_CHECKING:
    from tuner.records.manifest import Manifest


def of_budget(budget: Budget) -> Seeds:
    """The seeds of every trial of a search with this budget."""
    levels = ranking.rungs(budget.epochs, budget.grace, budget.reduction)
    return Seeds.by_rung(budget.seeds, levels, budget.replicates)


def by_rung(manifest: Manifest) -> dict[int, int]:
    """Rung -> seeds whose median it compares; empty where they are the same at every rung."""
    seeds = manifest.seeds
    return {rung: seeds.at(rung) for rung in manifest.rungs} if seeds.grow else {}


def problems(budget: Budget) -> list[str]:
    """What is wrong with the number of rungs that seeds are given for; the rest is for the space to say."""
    seeds = budget.seeds
    try:
        levels = ranking.rungs(budget.epochs, budget.grace, budget.reduction)
    except (TypeError, ValueError, OverflowError):  # said elsewhere
        return []
    if not isinstance(seeds, tuple) or (len(seeds) <= len(levels) and len(levels) > 1):
        return []
    if len(levels) == 1:
        return [
            f"`seeds` is {written(seeds)}, but no rung lies before the full budget of {budget.epochs} epochs, so every trial "
            "trains all its seeds; give --replicates alone, or a smaller --grace"
        ]
    counted = f"{len(levels)} rungs ({', '.join(map(str, levels))})"
    return [f"`seeds` is {written(seeds)}, {len(seeds)} numbers for {counted}; give at most {len(levels)} in --seeds"]


def seeds_of(record: Record) -> int:
    """How many seeds an epoch reports."""
    return next((len(reported["values"]) for reported in record.get("metrics", {}).values()), 0)


class Medians:
    """The objective of each trial at epochs 1, 2, ...: the median over the seeds that it has by now.

    What late seeds report of an epoch changes its median, so that a running median at a rung is over the seeds of that rung.
    """

    def __init__(self, metric: str, mode: str) -> None:
        self._metric, self._mode = metric, mode
        self._of: defaultdict[int, list[float]] = defaultdict(list)
        self._values: defaultdict[int, list[list[float | None]]] = defaultdict(list)

    def __getitem__(self, trial: int) -> list[float]:
        return self._of[trial]

    def add(self, trial: int, median: float, record: Record) -> None:
        """The next epoch of a trial: its record, and the median that it reported."""
        self._of[trial].append(median)
        self._values[trial].append(list(self._reported(record)))

    def join(self, record: Record) -> None:
        """An epoch of seeds that joined the trial."""
        trial, place = record["trial"], record["epoch"] - 1
        if place < len(self._of[trial]):
            self._values[trial][place] += self._reported(record)
            self._of[trial][place] = statistics.median(self._values[trial][place], self._mode)

    def _reported(self, record: Record) -> list[float | None]:
        values: list[float | None] = record["metrics"].get(self._metric, {}).get("values", [])
        return values
