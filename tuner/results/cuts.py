"""The cuts of a search that lie within the noise of its seeds, and the grace or the window with which fewer would."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from tuner.results.history import History
from tuner.rules import ranking, registry
from tuner.rules.ranking import bracket_of
from tuner.rules.rule import Rule, rule_of
from tuner.rules.rungs import Rungs

MANY = 1 / 3  # of the cuts
_LEAST = 4  # cuts of which a share says anything
_WINDOWS = (3, 5)


@dataclass(frozen=True)
class Advice:
    """An option of `tuner launch` with which, replayed over what was recorded, fewer cuts are noise.

    Attributes:
        option, value: of the command line.
        noisy, cuts: of the search as replayed now.
        then_noisy, then_cuts: with the option.
    """

    option: str
    value: int
    noisy: int
    cuts: int
    then_noisy: int
    then_cuts: int


def is_noisy(low: float | None, high: float | None, cutoff: float | None, mode: str) -> bool:
    """Whether a trial with these extremes over its seeds was cut within their noise: a good seed alone would have passed."""
    if low is None or high is None or cutoff is None:
        return False
    return high >= cutoff if mode == "max" else low <= cutoff


def better_setting(history: History) -> Advice | None:
    """What would have been better by replay; None while few cuts are noise, or where nothing at most halves their share.

    Only of a rule that decides on arrival, with the same seeds at every rung.
    """
    now = rule_of(history.manifest)
    if registry.get(now.name).pauses or now.seeds or len(now.rungs) < 2:
        return None
    noisy, cuts = _noisy(history, now)
    if cuts < _LEAST or noisy <= MANY * cuts:
        return None
    best: tuple[float, Advice] | None = None
    for option, value, other in _others(now):
        then_noisy, then_cuts = _noisy(history, other)
        share = then_noisy / then_cuts if then_cuts else 1.0
        if share <= noisy / cuts / 2 and (best is None or share < best[0]):
            best = share, Advice(option, value, noisy, cuts, then_noisy, then_cuts)
    return None if best is None else best[1]


def _others(now: Rule) -> Iterator[tuple[str, int, Rule]]:
    """Of equal merit the cheapest first: a window costs nothing, a later first rung costs epochs."""
    for window in _WINDOWS:
        if now.rank_window < window <= now.epochs:
            yield "--rank-window", window, dataclasses.replace(now, rank_window=window)
    for grace in now.rungs[1:-1]:
        yield "--grace", grace, dataclasses.replace(now, grace=grace)


def _noisy(history: History, rule: Rule) -> tuple[int, int]:
    """How many of the cuts that a rule makes of the recorded trials are noise, and how many it makes; rung by rung, the
    trials in their order, each as far as it was trained."""
    memory = Rungs(rule)
    noisy = cuts = 0
    alive = list(history.trials)
    for rung in memory.levels:
        for trial in [trial for trial in alive if all(epoch in trial.epochs for epoch in range(1, rung + 1))]:
            medians = [trial.median(epoch) for epoch in range(1, rung + 1)]
            told = memory.arrive(trial.index, bracket_of(trial.config, rule.bracket), rung, _numbers(medians))
            if told is None or told.action != "stop":
                continue
            alive.remove(trial)
            if told.cutoff is None or medians[-1] is None:
                continue
            by_seed = zip(*(trial.values(epoch) for epoch in range(1, rung + 1)), strict=False)
            each = [ranking.ranking_value(_numbers(one), rule.rank_window, rule.mode) for one in by_seed]
            known = [value for value in each if math.isfinite(value)]
            cuts += 1
            noisy += bool(known) and is_noisy(min(known), max(known), told.cutoff, rule.mode)
    return noisy, cuts


def _numbers(values: Iterable[float | None]) -> list[float]:
    return [math.nan if value is None else value for value in values]
