"""Policies judged on tables of real trainings, written to results/policies.md.

    python -m benchmarks.policies build [TABLE ...] [--images CIFAR_FOLDER] [--jobs 2] [--configurations 64]
    python -m benchmarks.policies [--bootstraps 500] [--workers 4]

`build` trains what is missing; `cifar-crops` needs the images of CIFAR-10 as files, train/CLASS/*.jpg and test/CLASS/*.jpg.
"""

from __future__ import annotations

import argparse
import sys
import textwrap
import time
from pathlib import Path

from benchmarks.harness import hardware
from benchmarks.policies import table as tables
from benchmarks.policies.judge import POLICIES, TODAY, Judgment, front, judge, no_worse

RESULT = Path(__file__).parents[1] / "results" / "policies.md"
COLUMNS = "| policy | cost | regret | P | flattered | makespan | |\n|---|---|---|---|---|---|---|"


def main(arguments: list[str]) -> None:
    from benchmarks.policies.build import CONFIGURATIONS, SOURCES, build

    parser = argparse.ArgumentParser()
    parser.add_argument("--bootstraps", type=int, default=500)
    parser.add_argument("--workers", type=int, default=4)
    verbs = parser.add_subparsers(dest="verb")
    building = verbs.add_parser("build")
    building.add_argument("tables", nargs="*", metavar="TABLE")
    building.add_argument("--images", type=Path)
    building.add_argument("--jobs", type=int, default=2)
    building.add_argument("--configurations", type=int, default=CONFIGURATIONS)
    given = parser.parse_args(arguments)
    if given.verb is None:
        report(given.bootstraps, given.workers)
        return
    for name in given.tables or SOURCES:
        if SOURCES[name].images and given.images is None:
            print(f"{name} left out: give --images")
        else:
            print(build(name, given.images, given.jobs, given.configurations))


def report(bootstraps: int, workers: int) -> None:
    """Judge every policy on every table and write what came out."""
    begun = time.perf_counter()
    judged: dict[str, list[Judgment]] = {}
    about = {}
    for name in tables.names():
        loaded = tables.Table.load(name)
        about[name] = f"{loaded.about}; {' x '.join(map(str, loaded.values.shape))} (configurations x seeds x epochs)"
        judged[name] = judge(loaded, POLICIES, bootstraps, workers)
    lines = [
        "# Policies: who goes on, and with how many seeds",
        "",
        f"* Date: {time.strftime('%Y-%m-%d')}. Hardware: {hardware()}; replayed in {time.perf_counter() - begun:.0f} s, no Ray.",
        f"* Command: `python -m benchmarks.policies --bootstraps {bootstraps} --workers {workers}`; the tables are real",
        "  trainings of `python -m benchmarks.policies build`, kept in `results/policies/`.",
        "* Cost: epochs of single seeds, of those that all trials take with five seeds to the end. Regret: points of accuracy",
        "  below the best configuration of the search, by all ten seeds. P: how often that is within one standard error of the",
        "  difference. Flattered: points by which the reported median is above what the winner reaches on the other five seeds.",
        "  Makespan: epochs of a single seed. *: on the Pareto front of cost and P.",
        "",
    ]
    for name, found in judged.items():
        best = front(found)
        today = next(one for one in found if one.policy == TODAY)
        lines += [f"## {name}", "", *textwrap.wrap(f"{about[name]}.", 118), "", COLUMNS]
        lines += [_line(one, one in best, no_worse(one, today)) for one in sorted(found, key=lambda one: one.cost)]
        lines += [""]
    lines += ["## What follows", "", *_conclusion(judged), *_left_open(judged)]
    RESULT.write_text("\n".join(lines) + "\n")
    print(RESULT.read_text())


def _left_open(judged: dict[str, list[Judgment]]) -> list[str]:
    """What these tables cannot say."""
    from benchmarks.policies.build import SOURCES

    absent = [f"`{name}` ({source.about})" for name, source in SOURCES.items() if name not in judged]
    if not absent:
        return []
    told = "So nothing is said yet of curves that cross late. `blur search` has few seeds before its rung for what that saves."
    return ["", *textwrap.wrap(f"Not built yet: {'; '.join(absent)}. {told}", 118)]


def _line(one: Judgment, best: bool, cheaper: bool) -> str:
    marks = " ".join([*(["*"] if best else []), *(["no worse"] if cheaper else [])])
    regret = f"{one.regret:.3f} ± {one.regret_error:.3f}"
    shown = f"{one.cost:.1%} | {regret} | {one.within:.2f} ± {one.within_error:.2f} | {one.flattered:+.2f} | {one.makespan:,.0f}"
    return f"| {one.policy.name}{' (today)' if one.policy == TODAY else ''} | {shown} | {marks} |"


def _conclusion(judged: dict[str, list[Judgment]]) -> list[str]:
    """Which policies cost less than today's on every table at a regret no worse within its error."""
    fit = []
    for position, policy in enumerate(POLICIES):
        found = [each[position] for each in judged.values()]
        todays = [each[POLICIES.index(TODAY)] for each in judged.values()]
        if all(no_worse(one, today) for one, today in zip(found, todays, strict=True)):
            costs = ", ".join(f"{one.cost:.1%}" for one in found)
            chances = ", ".join(f"{one.within:.2f}" for one in found)
            fit.append((max(one.cost for one in found), f"* {policy.name}: cost {costs}; P {chances}."))
    if not fit:
        return ["No policy costs less than today's on every table at a regret no worse within its error."]
    told = f"Cheaper than today's on every table ({', '.join(judged)}) at a regret no worse within its error:"
    return [told, "", *(line for _, line in sorted(fit))]


if __name__ == "__main__":
    main(sys.argv[1:])
