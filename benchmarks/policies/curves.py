"""The curves of one replayed search: their medians over the first seeds, and what a trial may be ranked by at a rung."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from tuner.rules import ranking

Kind = Literal["median", "median of 3 epochs", "mean", "difference", "extrapolation"]
"""By the median over the seeds at the rung, as live searches do; by their running median over 3 epochs, as live searches do
with `--rank-window 3`; by the mean over the seeds; by the median of the paired differences to who came first; by what the
median becomes when it rises in the next doubling of epochs as it rose in the last."""


@dataclass
class Curves:
    """Curves of configurations, of which medians are taken once, and which of them each trial is.

    Attributes:
        values: [configurations, seeds, epochs], larger is better, NaN where a seed has failed.
        trials: the configuration of each trial, in the order of their launch.
    """

    values: np.ndarray
    trials: list[int]
    _known: dict[tuple[str, int], list[list[float]]] = field(default_factory=dict)

    def medians(self, count: int) -> list[list[float]]:
        """By configuration and epoch over the first `count` seeds; -inf where that many have failed."""
        return self._of("median", count)

    def median(self, trial: int, epoch: int, count: int) -> float:
        return self.medians(count)[self.trials[trial]][epoch - 1]

    def seeds(self, trial: int, epoch: int, count: int) -> np.ndarray:
        """Of the first `count` seeds."""
        found: np.ndarray = self.values[self.trials[trial], :count, epoch - 1]
        return found

    def ranked(self, kind: Kind, trial: int, rung: int, count: int, first: int) -> float:
        """What a trial with so many seeds is ranked by at a rung to which another one came first."""
        if kind == "median":
            return self.median(trial, rung, count)
        if kind == "median of 3 epochs":
            return ranking.ranking_value(self.medians(count)[self.trials[trial]][:rung], 3)
        if kind == "mean":
            return self._of("mean", count)[self.trials[trial]][rung - 1]
        if kind == "difference":
            mine, theirs = self.seeds(trial, rung, count), self.seeds(first, rung, count)
            found = float(np.median(np.where(np.isnan(mine), -np.inf, mine - np.nan_to_num(theirs))))
            return found if math.isfinite(found) else -math.inf
        now, before = self.median(trial, rung, count), self.median(trial, math.ceil(rung / 2), count)
        return now + (now - before) if math.isfinite(now) and math.isfinite(before) else now

    def _of(self, name: Literal["median", "mean"], count: int) -> list[list[float]]:
        if (name, count) not in self._known:
            known = np.nan_to_num(self.values[:, :count], nan=-np.inf)
            with np.errstate(invalid="ignore"):  # the mean of -inf and -inf
                found = np.median(known, axis=1) if name == "median" else known.mean(axis=1)
            self._known[name, count] = np.nan_to_num(found, nan=-np.inf, posinf=np.inf, neginf=-np.inf).tolist()
        return self._known[name, count]


@dataclass
class Noise:
    """How far seeds of one trial lie apart at a rung: the pooled variance of those that were decided there with several."""

    squares: float = 0.0
    freedom: int = 0

    def add(self, values: np.ndarray) -> None:
        found = values[np.isfinite(values)]
        if len(found) > 1:
            self.squares += float(((found - found.mean()) ** 2).sum())
            self.freedom += len(found) - 1

    def error(self, count: int) -> float:
        """The standard error of a mean over so many seeds; infinite while nothing is known."""
        return math.sqrt(self.squares / self.freedom / count) if self.freedom else math.inf
