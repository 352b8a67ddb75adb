"""Re-run a scheduler over recorded learning curves, without Ray: what it would have stopped, cost and found.

The rules of `tuner.rules` decide here by the same memory as in a live search; synchronous successive halving stands beside
them (Jamieson and Talwalkar, "Non-stochastic Best Arm Identification and Hyperparameter Optimization", AISTATS 2016).
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from search_spaces.budget import MOST_REPLICATES, SMALLEST_REDUCTION, Ascending, written
from trainables.trial.seeds import Seeds
from tuner.errors import BadInput
from tuner.replay.curves import Curves, by_model
from tuner.rules import ranking, registry
from tuner.rules.rule import Action, Rule
from tuner.rules.rungs import Rungs

if TYPE_CHECKING:
    import pandas

    Judge = Callable[[dict[str, float], int, "Setting", Curves, str], list["ReplayDecision"]]

HALVING = "halving"
RULES = (HALVING, *registry.NAMES)


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
            found.append(f"the rule is {self.rule!r}, but must be one of {', '.join(RULES)}; choose one")
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


@dataclass(frozen=True)
class ReplayDecision:
    """What a rule said of one curve at one rung; `value` is what it was ranked by, `of` how many were compared."""

    model: str
    rung: int
    action: Action
    value: float
    cutoff: float | None
    of: int
    reason: str


@dataclass(frozen=True)
class Replay:
    """What a setting would have done with the curves.

    Attributes:
        setting: that was replayed.
        winner: the survivor with the best final value; where none is left, the best of those that were trained longest.
        epochs: trained in all, running survivors to the last epoch; with seeds by rung those of all its seeds, so that one of
            a single seed is a part of one.
        models: how many curves there are.
        last: the last epoch.
        regret: the best final value minus the winner's, in the metric's unit, counted so that it is never negative; NaN
            when the winner's record ends early, so that nobody knows.
        best: the curve with the best final value.
        rungs: the epochs at which curves were judged.
        decisions: in the order they were made.
        unknown: curves that the setting would have trained beyond the end of their record; they count to that end.
    """

    setting: Setting
    winner: str
    epochs: float
    models: int
    last: int
    regret: float
    best: str
    rungs: tuple[int, ...]
    decisions: tuple[ReplayDecision, ...]
    unknown: tuple[str, ...]

    @property
    def full_epochs(self) -> int:
        """What all curves take without stopping."""
        return self.models * self.last

    @property
    def saved(self) -> float:
        """The share of the full training that was not done."""
        return 1 - self.epochs / self.full_epochs

    @property
    def lost_at(self) -> int | None:
        """The rung at which the best curve was stopped; None if it went through."""
        stops = (told.rung for told in self.decisions if told.model == self.best and told.action == "stop")
        return next(stops, None)


def replay(
    curves: pandas.DataFrame,
    rule: str = HALVING,
    grace: int = 1,
    reduction: float = 3.0,
    window: int = 1,
    metric: str = "accuracy",
    mode: str = "max",
    split: str = "val",
    *,
    rungs: Sequence[int] | None = None,
    order: int | None = None,
) -> Replay:
    """Replay one setting over a table in the reference form (see `tuner.replay.curves`).

    Args:
        curves: the table; every model's epochs are 1, 2, ... without gaps.
        rule, grace, reduction, window, rungs, order: see `Setting`.
        metric, split: which rows to replay.
        mode: "max" when larger values are better, "min" when smaller are.

    Raises:
        BadInput: curves that are not of the form, or a setting that makes no sense, every problem at once.
    """
    if mode not in ("max", "min"):
        raise BadInput(f"`mode` is {mode!r}, but must be 'max' or 'min'; choose one")
    setting = Setting(rule, grace, reduction, window, None if rungs is None else tuple(rungs), order)
    return run(Curves(by_model(curves, metric, split), mode), setting)


def run(curves: Curves, setting: Setting) -> Replay:
    """Replay one setting; `BadInput` with every problem of it."""
    values, sign = curves.values, 1 if curves.mode == "max" else -1
    last = max(map(len, values.values()))
    problems = setting.problems(last)
    if problems:
        raise BadInput.listing(problems)
    if setting.seeds is not None:
        values = _of_most_seeds(curves, setting.seeds[-1], last)
    alive = list(values)
    if setting.order is not None:
        random.Random(setting.order).shuffle(alive)
    rungs = setting.rungs_below(last)
    seeds, counts = Seeds.by_rung(setting.seeds, rungs, 1), setting.counts(rungs)
    by_rung = {rung: _of_first(curves, count) for rung, count in counts.items()}
    judge = _halve if setting.rule == HALVING else _asked(curves, alive, rungs, setting)
    decisions: list[ReplayDecision] = []
    epochs = {model: len(curve) for model, curve in curves.values.items()}
    for rung in rungs:
        ranked: dict[str, dict[str, float]] = {}  # by bracket, in order of arrival
        known = by_rung.get(rung, values)
        for model in alive:
            if len(known[model]) >= rung:
                value = ranking.ranking_value(known[model][:rung], setting.window, curves.mode)
                ranked.setdefault(curves.brackets.get(model, ""), {})[model] = value
        told_here = [told for bracket, found in ranked.items() for told in judge(found, rung, setting, curves, bracket)]
        decisions += told_here
        stopped = {told.model: rung for told in told_here if told.action == "stop"}
        epochs |= stopped
        alive = [model for model in alive if model not in stopped]
        if any(told.action == "wait" for told in told_here):  # they arrive at the next rung as they were let go on
            place = {told.model: place for place, told in enumerate(told_here) if told.action == "continue"}
            alive.sort(key=lambda model: place.get(model, -1))

    def final(model: str) -> tuple[bool, float]:
        """Sorts by whether the record reaches the last epoch, then by its final value."""
        value = sign * values[model][-1] if values[model] else -math.inf
        return len(values[model]) == last, value if math.isfinite(value) else -math.inf

    def reached(model: str) -> tuple[int, float]:
        """Sorts by how far it was trained, then by its value there."""
        value = sign * curves.values[model][epochs[model] - 1]
        return epochs[model], value if math.isfinite(value) else -math.inf

    winner, best = max(alive, key=final) if alive else max(values, key=reached), max(values, key=final)
    known = len(values[winner]) == last and math.isfinite(values[winner][-1])
    return Replay(
        setting=setting,
        winner=winner,
        epochs=sum(epochs.values())
        if setting.seeds is None
        else sum(seeds.work(0, trained) for trained in epochs.values()) / seeds.most,
        models=len(values),
        last=last,
        regret=sign * (values[best][-1] - values[winner][-1]) if known else math.nan,
        best=best,
        rungs=rungs,
        decisions=tuple(decisions),
        unknown=tuple(
            model for model in alive if len(values[model]) < last and math.isfinite(curves.values[model][-1])
        ),
    )


def _of_first(curves: Curves, count: int) -> dict[str, list[float]]:
    """By model the medians over its first seeds, as far as so many were recorded."""
    return {model: curves.medians(model, count) for model in curves.values}


def _of_most_seeds(curves: Curves, count: int, last: int) -> dict[str, list[float]]:
    """The curves of all seeds of a setting; one that lacks some ends where they do. `BadInput` where no curve has so many."""
    if not curves.seeds:
        raise BadInput(
            "these curves are not known seed by seed, so seeds by rung cannot be replayed; leave --seeds out"
        )
    found = _of_first(curves, count)
    if max(map(len, found.values())) < last:
        most = max(len(values[-1]) for values in curves.seeds.values() if len(values) == last)
        raise BadInput(
            f"`seeds` end with {count}, but no curve was recorded to its end with more than {most}; lower the last number of "
            "--seeds"
        )
    return found


def _halve(values: dict[str, float], rung: int, setting: Setting, curves: Curves, bracket: str) -> list[ReplayDecision]:
    """Synchronous halving of all who reached the rung."""
    kept = max(1, math.floor(len(values) / setting.reduction))
    ordered = sorted(values, key=lambda model: values[model], reverse=curves.mode == "max")
    within = f" with {bracket}" if bracket else ""
    of = setting.counts(setting.rungs_below(max(map(len, curves.values.values())))).get(rung)
    decisions = []
    for place, model in enumerate(ordered, start=1):
        action: Action = "continue" if place <= kept else "stop"
        shown = ranking.ranked_by(values[model], setting.window, of)
        reason = f"rung {rung}: {shown} is place {place} of {len(values)}{within}; the best {kept} go on"
        if action == "stop" and model == curves.baseline:
            action, reason = "continue", f"{reason}, but the baseline is never stopped"
        cutoff = values[ordered[kept - 1]]
        decisions.append(ReplayDecision(model, rung, action, values[model], cutoff, len(values), reason))
    return decisions


def _asked(curves: Curves, models: Sequence[str], rungs: Sequence[int], setting: Setting) -> Judge:
    """A rule of `tuner.rules` with its memory, in order of arrival."""
    models = tuple(models)
    numbers = {model: number for number, model in enumerate(models)}
    rule = Rule(
        "",
        curves.mode,
        0,
        setting.grace,
        setting.reduction,
        setting.window,
        name=setting.rule,
        seeds=setting.counts(rungs),
    )
    memory = Rungs(rule, levels=rungs, exempt=None if curves.baseline is None else numbers.get(curves.baseline))

    def judge(
        values: dict[str, float], rung: int, setting: Setting, curves: Curves, bracket: str
    ) -> list[ReplayDecision]:
        decisions = []
        for model, value in values.items():
            told = memory.place(numbers[model], bracket, rung, value)
            decisions.append(ReplayDecision(model, rung, told.action, value, told.cutoff, told.of, told.reason))
            moved: list[tuple[Action, Mapping[int, str]]] = [("continue", told.released), ("stop", told.ended)]
            for action, others in moved:
                for number, reason in others.items():
                    other = models[number]
                    decisions.append(ReplayDecision(other, rung, action, values[other], told.cutoff, told.of, reason))
        # Nobody else arrives at this rung of the bracket.
        left = [numbers[model] for model in values if numbers[model] in memory.waiting]
        for number, reason in memory.left_behind(left).items():
            memory.end(number)
            decisions.append(
                ReplayDecision(models[number], rung, "stop", values[models[number]], told.cutoff, told.of, reason)
            )
        return decisions

    return judge
