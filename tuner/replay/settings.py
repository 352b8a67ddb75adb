"""A setting of a scheduler to be replayed, and those that a `tuner replay` command line means: every combination."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

from search_spaces.budget import MOST_REPLICATES, SMALLEST_REDUCTION, Ascending, numbers, written
from trainables.config.wording import among
from trainables.trial.seeds import Seeds
from tuner.errors import BadInput
from tuner.rules import ranking, registry

HALVING = "halving"
RULES = (HALVING, *registry.NAMES)
USUAL_RULES = ("halving", "asha")
WINDOWS = (1, 5)


@dataclass(frozen=True)
class Setting:
    """One setting of a scheduler.

    Attributes:
        rule: "halving" keeps, of all curves that reach a rung, the best floor(n / reduction), at least one; any other is
            a rule of `tuner.rules`: "asha" judges each as it arrives, against those that came before it, and "promotion"
            lets it wait until enough have arrived that are worse.
        grace: the first rung in epochs.
        reduction: larger than 1; rungs lie at grace * reduction^k below the last epoch.
        window: epochs of the running median that curves are ranked by; 1 ranks by the value at the rung.
        rungs: these epochs instead of those that grace and reduction give.
        order: seed that shuffles the order of arrival; None keeps the order of the curves. It matters to all but
            halving, and to that where values are equal.
        seeds: so many up to each rung, as `search_spaces.Budget.seeds`; None ranks by the medians that were recorded.
    """

    rule: str = HALVING
    grace: int = 1
    reduction: float = 3.0
    window: int = 1
    rungs: tuple[int, ...] | None = None
    order: int | None = None
    seeds: tuple[int, ...] | None = None

    def problems(self, epochs: int) -> list[str]:
        """Everything that is wrong with the setting for curves of this many epochs, a sentence each."""
        found = []
        if self.rule not in RULES:
            found.append(f"the rule is {self.rule!r}, but must be {among(self.rule, RULES)}; choose one")
        if not 1 <= self.grace <= epochs:
            found.append(f"`grace` is {self.grace}, but must be 1 to {epochs}, the last epoch; change it")
        if not (math.isfinite(self.reduction) and self.reduction > 1):
            found.append(f"`reduction` is {self.reduction:g}, but must be a number greater than 1; raise it")
        elif self.reduction < SMALLEST_REDUCTION:
            found.append(f"`reduction` is {self.reduction!r}, but must be at least {SMALLEST_REDUCTION}; raise it")
        if self.window < 1:
            found.append(f"`window` is {self.window}, but must be at least 1 epoch; raise it")
        found += [
            f"a rung is at epoch {rung}, but must be at 1 to {epochs}, the last epoch; move it"
            for rung in self.rungs or ()
            if not 1 <= rung <= epochs
        ]
        if self.seeds is not None and not found:
            wrong = Ascending(MOST_REPLICATES).problem("seeds", self.seeds)
            stages = len(self.rungs_below(epochs)) + 1
            found += [f"{wrong} --seeds"] if wrong else []
            if len(self.seeds) > stages:
                found.append(
                    f"`seeds` is {written(self.seeds)}, {len(self.seeds)} numbers for {stages} rungs; give at most {stages}"
                )
        return found

    def counts(self, rungs: Sequence[int]) -> dict[int, int]:
        """Rung -> seeds that it compares; empty where the recorded medians are compared."""
        seeds = Seeds.by_rung(self.seeds, rungs, 1)
        return {} if self.seeds is None else {rung: seeds.at(rung) for rung in rungs}

    def rungs_below(self, epochs: int) -> tuple[int, ...]:
        """The epochs at which curves are judged, ascending; the last epoch is none of them."""
        levels = ranking.rungs(epochs, self.grace, self.reduction) if self.rungs is None else self.rungs
        return tuple(sorted({level for level in levels if level < epochs}))


def product(
    rules: Sequence[str] | None,
    graces: Sequence[int] | None,
    reductions: Sequence[float] | None,
    windows: Sequence[int] | None,
    rungs: Sequence[str] | None,
    order: int | None,
    seeds: Sequence[str] | None = None,
) -> list[Setting]:
    """Every combination; an option that is not given stands for its usual values.

    Args:
        rungs: texts such as "20,40,84", each a choice of rungs in place of those that a grace gives; `BadInput` when one
            is not of that form.
        seeds: texts such as "1,1,3,5", each seeds by rung.
    """
    placed: list[tuple[int, tuple[int, ...] | None]] = [(1, _epochs(text)) for text in rungs or ()]
    placed += [(grace, None) for grace in graces or (() if rungs else (1,))]
    counted: list[tuple[int, ...] | None] = [_seeds(text) for text in seeds or ()] or [None]
    combinations = itertools.product(rules or USUAL_RULES, placed, reductions or (3.0,), windows or WINDOWS, counted)
    return [
        Setting(rule, grace, reduction, window, levels, order, counts)
        for rule, (grace, levels), reduction, window, counts in combinations
    ]


def require_windows(windows: Sequence[int] | None, epochs: int) -> None:
    """BadInput for a window that was asked for and is longer than the longest curve: no rung could ever fill it."""
    too_long = [window for window in windows or () if window > epochs]
    if too_long:
        raise BadInput(
            f"--window is {', '.join(map(str, too_long))}, but must be at most {epochs}, the epochs of the longest curve; "
            "lower it"
        )


def _epochs(text: str) -> tuple[int, ...]:
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isascii() and part.isdigit() for part in parts):
        raise BadInput(f"--rungs is {text!r}, but must be epochs such as 20,40,84; correct it")
    return tuple(map(int, parts))


def _seeds(text: str) -> tuple[int, ...]:
    counts = numbers(text)
    if isinstance(counts, str):
        raise BadInput(f"--seeds is {text!r}, but must be whole numbers such as 1,1,3,5; correct it")
    return counts
