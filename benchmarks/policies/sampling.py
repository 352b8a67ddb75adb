"""Model-based sampling against random sampling, on the tables: `python -m benchmarks.policies sampling [--repetitions 40]`.

A proposal stands for the configuration of the table that is nearest to it, with its noise: five of its ten seeds. Both
samplers are Optuna's and draw from the space that the table was trained on; the trials are those of a live search, four at a
time, and the sampler is told the medians in the order in which they arrive. TPE takes running trials for bad ones.
"""

from __future__ import annotations

import argparse
import math
import textwrap
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution
from optuna.trial import TrialState
from ray.tune.search.optuna import OptunaSearch

from benchmarks.harness import hardware
from benchmarks.policies import table as tables
from benchmarks.policies.build import EPOCHS, SOURCES, space_of
from benchmarks.policies.curves import Curves
from benchmarks.policies.judge import SEEDS
from benchmarks.policies.simulate import Policy, search
from search_spaces.space import SearchSpace

RESULT = Path(__file__).parents[1] / "results" / "policies-sampling.md"
POLICIES = (Policy(), Policy("promotion", 4.0, 1, (1, 3, 5)))
TRIALS = (16, 32, 48, 64)
SAVED = 0.2  # of the cost at the same regret: what TPE must save to be built


class Nearest:
    """The configuration of a table that is nearest to a proposal.

    Knobs are compared on a scale of 0 to 1, logarithmic where they are drawn so; categories, and knobs that only one of both
    has, are 0 or 1 apart.
    """

    def __init__(self, space: SearchSpace, configs: Sequence[Mapping[str, Any]]) -> None:
        drawn = OptunaSearch.convert_search_space(dict(space.parameters))
        self.distributions: dict[str, BaseDistribution] = drawn
        self._conditions = space.active_when
        self._configs = configs

    def active(self, knob: str, config: Mapping[str, Any]) -> bool:
        return all(config.get(name) in values for name, values in self._conditions.get(knob, {}).items())

    def index(self, proposal: Mapping[str, Any]) -> int:
        return int(np.argmin([self._apart(proposal, config) for config in self._configs]))

    def _apart(self, one: Mapping[str, Any], other: Mapping[str, Any]) -> float:
        return sum(
            abs(self._scaled(knob, one[knob]) - self._scaled(knob, other[knob]))
            if knob in one and knob in other and isinstance(distribution, FloatDistribution)
            else float(one.get(knob) != other.get(knob))
            for knob, distribution in self.distributions.items()
        )

    def _scaled(self, knob: str, value: float) -> float:
        of = self.distributions[knob]
        assert isinstance(of, FloatDistribution)
        if of.log:
            return math.log(value / of.low) / math.log(of.high / of.low)
        return (value - of.low) / (of.high - of.low)


class Optuna:
    """A sampler of Optuna as that of a replayed search."""

    def __init__(self, sampler: optuna.samplers.BaseSampler, nearest: Nearest) -> None:
        self._study = optuna.create_study(sampler=sampler, direction="maximize")
        self._nearest = nearest
        self._asked: dict[int, optuna.Trial] = {}

    def propose(self, trial: int) -> int:
        asked = self._asked[trial] = self._study.ask()
        proposal: dict[str, Any] = {}
        for knob, of in self._nearest.distributions.items():
            if not self._nearest.active(knob, proposal):
                continue
            if isinstance(of, CategoricalDistribution):
                proposal[knob] = asked.suggest_categorical(knob, of.choices)
            elif isinstance(of, FloatDistribution):
                proposal[knob] = asked.suggest_float(knob, of.low, of.high, log=of.log)
            else:
                raise TypeError(f"{knob}: {of}")
        return self._nearest.index(proposal)

    def arrived(self, trial: int, epoch: int, value: float, ended: bool) -> None:
        self._asked[trial].report(value if math.isfinite(value) else 0.0, epoch)  # nothing is worse than no accuracy
        if ended:
            state = TrialState.PRUNED if epoch < EPOCHS else TrialState.COMPLETE
            self._study.tell(self._asked[trial], value if state is TrialState.COMPLETE else None, state)


@dataclass(frozen=True)
class Reached:
    """Means over repetitions, with the standard error of the regret.

    Attributes:
        cost: epochs of single seeds.
        regret: points of accuracy below the best configuration of the table.
    """

    cost: float
    regret: float
    error: float


def samplers(nearest: Nearest, seed: int) -> Iterator[tuple[str, Optuna]]:
    yield "random", Optuna(optuna.samplers.RandomSampler(seed=seed), nearest)
    yield "TPE", Optuna(optuna.samplers.TPESampler(seed=seed, constant_liar=True), nearest)


def compare(table: tables.Table, policy: Policy, repetitions: int) -> dict[str, list[Reached]]:
    """By sampler what searches of so many trials reach."""
    nearest = Nearest(space_of(SOURCES[table.name], Path("images")), table.configs)
    truth = np.nan_to_num(table.values[:, :, -1]).mean(axis=1)
    found: dict[str, list[Reached]] = {}
    for trials in TRIALS:
        rows: dict[str, list[tuple[float, float]]] = {}
        for repetition in range(repetitions):
            seeds = np.random.default_rng(repetition).permutation(table.values.shape[1])[:SEEDS]
            for name, sampler in samplers(nearest, repetition):
                curves = Curves(table.values[:, seeds], [0] * trials)
                one = search(curves, policy, 4, sampler)
                regret = 100 * float(truth.max() - truth[curves.trials[one.winner]])
                rows.setdefault(name, []).append((one.cost * trials * SEEDS * table.values.shape[-1], regret))
        for name, each in rows.items():
            costs, regrets = np.array(each).T
            error = float(regrets.std() / np.sqrt(repetitions))
            found.setdefault(name, []).append(Reached(float(costs.mean()), float(regrets.mean()), error))
    return found


def saved(found: Mapping[str, Sequence[Reached]]) -> float | None:
    """The share of the cost that TPE saves where it first reaches the regret of random sampling with all trials; None if not."""
    goal = found["random"][-1]
    fit = [one for one in found["TPE"] if one.regret <= goal.regret]
    return 1 - fit[0].cost / goal.cost if fit else None


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.policies sampling")
    parser.add_argument("--repetitions", type=int, default=40)
    repetitions = parser.parse_args(arguments).repetitions
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    begun = time.perf_counter()
    rows, verdicts = [], []
    for name in tables.names():
        for policy in POLICIES:
            found = compare(tables.Table.load(name), policy, repetitions)
            for trials, one, other in zip(TRIALS, found["random"], found["TPE"], strict=True):
                shown = " | ".join(f"{each.cost:,.0f} | {each.regret:.3f} ± {each.error:.3f}" for each in (one, other))
                rows.append(f"| {name} | {policy.name} | {trials} | {shown} |")
            share = saved(found)
            verdicts.append(share if share is not None else -math.inf)
            told = "is not reached" if share is None else f"is reached for {share:.0%} less"
            rows.append(f"| {name} | {policy.name} | | the regret of {TRIALS[-1]} random trials | | {told} | |")
    enough = all(share >= SAVED for share in verdicts)
    told = (
        f"TPE reaches the regret of {TRIALS[-1]} random trials for {SAVED:.0%} less cost in "
        f"{sum(share >= SAVED for share in verdicts)} of {len(verdicts)} cases (a table and a policy). "
        + (
            "What remains is to judge it live."
            if enough
            else "So there is no `--sampler tpe`: it had to be all of them."
        )
    )
    lines = [
        "# Model-based sampling against random sampling, on the tables",
        "",
        f"* Date: {time.strftime('%Y-%m-%d')}. Hardware: {hardware()}; {time.perf_counter() - begun:.0f} s, no Ray. Optuna "
        f"{optuna.__version__}.",
        f"* Command: `python -m benchmarks.policies sampling --repetitions {repetitions}`.",
        *textwrap.wrap("* " + " ".join((__doc__ or "").split("\n\n")[1].split()), 118, subsequent_indent="  "),
        "* Cost: epochs of single seeds. Regret: points of accuracy below the best configuration of the table.",
        "",
        *textwrap.wrap(told, 118),
        "",
        "| table | policy | trials | cost, random | regret | cost, TPE | regret |",
        "|---|---|---|---|---|---|---|",
        *rows,
    ]
    RESULT.write_text("\n".join(lines) + "\n")
    print(RESULT.read_text())
