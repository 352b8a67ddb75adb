"""Policies side by side on a table: cost, regret and how often the winner is as good as the best, over bootstrapped searches."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.policies.simulate import Policy, search
from benchmarks.policies.table import Table

SEEDS = 5  # of a full trial; the others of a table judge what it found
TODAY = Policy()
_SEEDS = {
    1: ((5,), (1, 1, 3, 5), (1, 3, 5), (1, 2, 5), (3, 5), (1, 5)),
    3: ((5,), (1, 2, 5), (1, 3, 5), (3, 5)),
    9: ((5,), (1, 5)),
}
POLICIES = (
    *(
        Policy(rule, reduction, grace, seeds)
        for rule, reduction, grace in itertools.product(("asha", "promotion"), (3.0, 4.0), _SEEDS)
        for seeds in _SEEDS[grace]
    ),
    Policy("asha", 3.0, 27, (1,)),
    Policy("asha", 3.0, 27, (5,)),
)


@dataclass(frozen=True)
class Judgment:
    """Means over searches, with standard errors.

    Attributes:
        cost: epochs of single seeds, of those that all trials take with five seeds to the end.
        regret: points by which the winner is worse than the best of the search, by all seeds of the table.
        within: how often that is at most one standard error of the difference.
        flattered: points by which the reported median is above what the winner reaches on seeds that took no part.
        makespan: epochs of a single seed.
    """

    policy: Policy
    cost: float
    regret: float
    regret_error: float
    within: float
    within_error: float
    flattered: float
    makespan: float


@dataclass(frozen=True)
class _Draw:
    """One bootstrapped search: which configurations in which order, which seeds take part and which do not."""

    configs: np.ndarray
    seeds: np.ndarray
    others: np.ndarray


def judge(table: Table, policies: Sequence[Policy], bootstraps: int, workers: int) -> list[Judgment]:
    """Each policy over the same bootstrapped searches: configurations drawn with repetition, five of the seeds."""
    final = np.nan_to_num(table.values[:, :, -1])  # a seed that failed reaches nothing
    draws = list(_draws(table, bootstraps))
    return [_judge(table, policy, draws, final, workers) for policy in policies]


def _draws(table: Table, count: int) -> Iterator[_Draw]:
    generator = np.random.default_rng(0)
    configs, seeds, _ = table.values.shape
    for _ in range(count):
        order = generator.permutation(seeds)
        yield _Draw(generator.integers(configs, size=(configs,)), order[:SEEDS], order[SEEDS:])


def _judge(table: Table, policy: Policy, draws: list[_Draw], final: np.ndarray, workers: int) -> Judgment:
    costs, regrets, within, flattered, makespans = [], [], [], [], []
    truth = final.mean(axis=1)
    for draw in draws:
        found = search(table.values[np.ix_(draw.configs, draw.seeds)], policy, workers)
        winner = draw.configs[found.winner]
        best = draw.configs[np.argmax(truth[draw.configs])]
        apart = final[best] - final[winner]
        costs.append(found.cost * policy.seeds[-1] / SEEDS)
        regrets.append(100 * float(apart.mean()))
        within.append(float(apart.mean() <= apart.std(ddof=1) / np.sqrt(len(apart))))
        flattered.append(100 * (found.reported - float(final[winner, draw.others].mean())))
        makespans.append(found.makespan)
    root = np.sqrt(len(draws))
    return Judgment(
        policy,
        float(np.mean(costs)),
        float(np.mean(regrets)),
        float(np.std(regrets) / root),
        float(np.mean(within)),
        float(np.std(within) / root),
        float(np.mean(flattered)),
        float(np.mean(makespans)),
    )


def front(judged: Sequence[Judgment]) -> list[Judgment]:
    """The policies that no other one beats in cost and in how often the winner is as good as the best."""
    return sorted(
        (
            one
            for one in judged
            if not any(
                other.cost <= one.cost
                and other.within >= one.within
                and (other.cost, other.within) != (one.cost, one.within)
                for other in judged
            )
        ),
        key=lambda one: one.cost,
    )


def no_worse(one: Judgment, today: Judgment) -> bool:
    """Whether it costs less at a regret that is within its error of today's."""
    error = float(np.hypot(one.regret_error, today.regret_error))
    return one.cost < today.cost and one.regret <= today.regret + error
