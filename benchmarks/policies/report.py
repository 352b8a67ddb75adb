"""results/policies.md: every policy on every table, what follows, and the figures of an earlier replay beside these."""

from __future__ import annotations

import textwrap
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np

from benchmarks.harness import hardware
from benchmarks.policies import earlier, sampling, spaces
from benchmarks.policies import table as tables
from benchmarks.policies.judge import Judgment, as_often, front, judge, no_worse
from benchmarks.policies.policies import POLICIES, TODAY
from benchmarks.policies.simulate import Policy

RESULT = Path(__file__).parents[1] / "results" / "policies.md"
COLUMNS = "| policy | cost | regret | P | flattered | makespan | |\n|---|---|---|---|---|---|---|"
SHARE = 8  # policies that one process judges at a time
CHEAP = 0.1  # the cost that a policy is looked for below

Judged = dict[str, list[Judgment]]


def report(bootstraps: int, workers: int) -> str:
    """Judge every policy on every table and write what came out."""
    begun = time.perf_counter()
    every = tuple(dict.fromkeys((*POLICIES, *spaces.POLICIES)))
    judged = _judged(every, bootstraps, workers)
    text = written(judged, bootstraps, workers, time.perf_counter() - begun)
    RESULT.write_text(text)
    return text


def _judged(policies: Sequence[Policy], bootstraps: int, workers: int) -> Judged:
    """By table, in as many processes as there are cores: every few policies see the same bootstrapped searches."""
    shares = [policies[start : start + SHARE] for start in range(0, len(policies), SHARE)]
    with ProcessPoolExecutor() as pool:
        found = {
            name: [pool.submit(judge, tables.Table.load(name), share, bootstraps, workers) for share in shares]
            for name in tables.names()
        }
        return {name: [one for share in each for one in share.result()] for name, each in found.items()}


def written(judged: Judged, bootstraps: int, workers: int, seconds: float) -> str:
    """The document."""
    lines = [
        "# Policies: who goes on, and with how many seeds",
        "",
        f"* Date: {time.strftime('%Y-%m-%d')}. Hardware: {hardware()}; replayed in {seconds:.0f} s, no Ray.",
        f"* Command: `python -m benchmarks.policies --bootstraps {bootstraps} --workers {workers}`; the tables are real",
        "  trainings of `python -m benchmarks.policies build`, kept in `results/policies/`.",
        "* Cost: epochs of single seeds, of those that all trials take with five seeds to the end. Regret: points of accuracy",
        "  below the best configuration of the search, by all ten seeds. P: how often that is within one standard error of the",
        "  difference. Flattered: points by which the reported median is above what the winner reaches on the other five seeds.",
        "  Makespan: epochs of a single seed. *: on the Pareto front of cost and P. No worse: costs less than today's at a",
        "  regret no worse within its error.",
        "",
        "## What follows",
        "",
        *_conclusion(judged),
        *_left_open(judged),
        "",
        *_sampling(),
        *spaces.told(judged),
        *earlier.compared(judged),
    ]
    for name, every in judged.items():
        found = [one for one in every if one.policy in POLICIES]
        best = front(found)
        today = _today(found)
        loaded = tables.Table.load(name)
        size = " x ".join(map(str, loaded.values.shape))
        about = f"{loaded.about}; {size} (configurations x seeds x epochs). {_correlations(loaded)}"
        lines += [f"## {name}", "", *textwrap.wrap(about, 118), "", COLUMNS]
        lines += [_line(one, one in best, no_worse(one, today)) for one in sorted(found, key=lambda one: one.cost)]
        lines += [""]
    return "\n".join(lines)


def _correlations(table: tables.Table) -> str:
    """How well an epoch tells the order at the end."""
    means = np.nan_to_num(table.values).mean(axis=1)
    ranks = means.argsort(axis=0).argsort(axis=0)
    told = [f"{np.corrcoef(ranks[:, epoch - 1], ranks[:, -1])[0, 1]:.2f}" for epoch in (1, 2, 3, 9)]
    return f"Rank correlation with the last epoch after epochs 1, 2, 3 and 9: {', '.join(told[:-1])} and {told[-1]}."


def _sampling() -> list[str]:
    """What came out of model-based sampling, where that has been judged."""
    if not sampling.RESULT.exists():
        return []
    _, _, told = sampling.RESULT.read_text().partition(sampling.VERDICT)
    return [
        "## Model-based sampling",
        "",
        sampling.VERDICT + told.partition("\n\n")[0],
        "",
        "See policies-sampling.md.",
        "",
    ]


def _left_open(judged: Judged) -> list[str]:
    """What these tables cannot say."""
    from benchmarks.policies.build import SOURCES

    absent = [f"`{name}` ({source.about})" for name, source in SOURCES.items() if name not in judged]
    return ["", *textwrap.wrap(f"Not built yet: {'; '.join(absent)}.", 118)] if absent else []


def _line(one: Judgment, best: bool, cheaper: bool) -> str:
    marks = " ".join([*(["*"] if best else []), *(["no worse"] if cheaper else [])])
    regret = f"{one.regret:.3f} ± {one.regret_error:.3f}"
    shown = f"{one.cost:.1%} | {regret} | {one.within:.2f} ± {one.within_error:.2f} | {one.flattered:+.2f} | {one.makespan:,.0f}"
    return f"| {one.policy.name}{' (today)' if one.policy == TODAY else ''} | {shown} | {marks} |"


def _conclusion(judged: Judged) -> list[str]:
    """Which policies are cheaper at a regret no worse on every table, and which are cheap at a P no worse."""
    of = f"on every table ({', '.join(judged)})"
    cheaper = _on_every(judged, no_worse)
    cheap = _on_every(judged, lambda one, today: one.cost <= CHEAP and as_often(one, today))
    return [
        f"At most {CHEAP:.0%} {of} at a P no worse than today's within its error:",
        "",
        *(cheap or ["* none."]),
        "",
        f"Cheaper than today's {of} at a regret no worse within its error:",
        "",
        *(cheaper or ["* none."]),
    ]


def _on_every(judged: Judged, holds: Callable[[Judgment, Judgment], bool]) -> list[str]:
    """The policies of which something holds beside today's on every table, the cheapest first."""
    fit = []
    for each in zip(*judged.values(), strict=True):
        if all(holds(one, _today(found)) for one, found in zip(each, judged.values(), strict=True)):
            costs = ", ".join(f"{one.cost:.1%}" for one in each)
            regrets = ", ".join(f"{one.regret:.3f}" for one in each)
            chances = ", ".join(f"{one.within:.2f}" for one in each)
            line = f"* {each[0].policy.name}: cost {costs}; regret {regrets}; P {chances}."
            fit.append((max(one.cost for one in each), line))
    return [line for _, line in sorted(fit)]


def _today(found: list[Judgment]) -> Judgment:
    return next(one for one in found if one.policy == TODAY)
