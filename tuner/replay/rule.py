"""Re-run a scheduler over recorded learning curves, without Ray: what it would have stopped, cost and found.

The rules of `tuner.rules` decide here by the same memory as in a live search; synchronous successive halving stands beside
them (Jamieson and Talwalkar, "Non-stochastic Best Arm Identification and Hyperparameter Optimization", AISTATS 2016).
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

from trainables.trial.seeds import Seeds
from tuner.errors import BadInput
from tuner.replay.curves import Curves, by_model
from tuner.replay.outcome import Replay, ReplayDecision
from tuner.replay.settings import HALVING, Setting
from tuner.rules import ranking
from tuner.rules.rule import Action, Rule
from tuner.rules.rungs import Rungs

if TYPE_CHECKING:
    import pandas

    Judge = Callable[[dict[str, float], int, Setting, Curves, str], list[ReplayDecision]]


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
    medians = {count: _of_first(curves, count) for count in {*counts.values()}}
    judge = partial(_halve, counts) if setting.rule == HALVING else _asked(curves, alive, rungs, setting, counts)
    decisions: list[ReplayDecision] = []
    epochs = {model: len(curve) for model, curve in curves.values.items()}
    for rung in rungs:
        ranked: dict[str, dict[str, float]] = {}  # by bracket, in order of arrival
        known = medians[counts[rung]] if counts else values
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
    whole = len(values[winner]) == last and math.isfinite(values[winner][-1])
    trained: float = sum(epochs.values())
    if setting.seeds is not None:
        trained = sum(seeds.work(0, epoch) for epoch in epochs.values()) / seeds.most
    return Replay(
        setting=setting,
        winner=winner,
        epochs=trained,
        models=len(values),
        last=last,
        regret=sign * (values[best][-1] - values[winner][-1]) if whole else math.nan,
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


def _halve(
    counts: Mapping[int, int], values: dict[str, float], rung: int, setting: Setting, curves: Curves, bracket: str
) -> list[ReplayDecision]:
    """Synchronous halving of all who reached the rung."""
    kept = max(1, math.floor(len(values) / setting.reduction))
    ordered = sorted(values, key=lambda model: values[model], reverse=curves.mode == "max")
    within = f" with {bracket}" if bracket else ""
    decisions = []
    for place, model in enumerate(ordered, start=1):
        action: Action = "continue" if place <= kept else "stop"
        shown = ranking.ranked_by(values[model], setting.window, counts.get(rung))
        reason = f"rung {rung}: {shown} is place {place} of {len(values)}{within}; the best {kept} go on"
        if action == "stop" and model == curves.baseline:
            action, reason = "continue", f"{reason}, but the baseline is never stopped"
        cutoff = values[ordered[kept - 1]]
        decisions.append(ReplayDecision(model, rung, action, values[model], cutoff, len(values), reason))
    return decisions


def _asked(
    curves: Curves, models: Sequence[str], rungs: Sequence[int], setting: Setting, counts: Mapping[int, int]
) -> Judge:
    """A rule of `tuner.rules` with its memory, in order of arrival."""
    models = tuple(models)
    numbers = {model: number for number, model in enumerate(models)}
    rule = Rule("", curves.mode, 0, setting.grace, setting.reduction, setting.window, name=setting.rule, seeds=counts)
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
