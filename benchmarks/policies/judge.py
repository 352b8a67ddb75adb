"""Policies side by side on a table: cost, regret and how often the winner is as good as the best, over bootstrapped searches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.policies.curves import Curves
from benchmarks.policies.simulate import Found, Policy, search
from benchmarks.policies.table import Table

SEEDS = 5  # of a full trial; the others of a table judge what it found


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
    found: list[list[tuple[float, ...]]] = [[] for _ in policies]
    for draw in _draws(table, bootstraps):
        curves = Curves(table.values[:, draw.seeds], draw.configs.tolist())
        for rows, policy in zip(found, policies, strict=True):
            rows.append(_judge(search(curves, policy, workers), policy, draw, final))
    return [_mean(policy, np.array(rows)) for policy, rows in zip(policies, found, strict=True)]


def _draws(table: Table, count: int) -> Iterator[_Draw]:
    generator = np.random.default_rng(0)
    configs, seeds, _ = table.values.shape
    for _ in range(count):
        order = generator.permutation(seeds)
        yield _Draw(generator.integers(configs, size=(configs,)), order[:SEEDS], order[SEEDS:])


def _judge(found: Found, policy: Policy, draw: _Draw, final: np.ndarray) -> tuple[float, ...]:
    """Cost, regret, whether that is within the error, flattered by, makespan."""
    winner = draw.configs[found.winner]
    best = draw.configs[np.argmax(final[draw.configs].mean(axis=1))]
    apart = final[best] - final[winner]
    return (
        found.cost * policy.seeds[-1] / SEEDS,
        100 * float(apart.mean()),
        float(apart.mean() <= apart.std(ddof=1) / np.sqrt(len(apart))),
        100 * (found.reported - float(final[winner, draw.others].mean())),
        found.makespan,
    )


def _mean(policy: Policy, rows: np.ndarray) -> Judgment:
    cost, regret, within, flattered, makespan = map(float, rows.mean(axis=0))
    _, regret_error, within_error, *_ = map(float, rows.std(axis=0) / np.sqrt(len(rows)))
    return Judgment(policy, cost, regret, regret_error, within, within_error, flattered, makespan)


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


def as_often(one: Judgment, today: Judgment) -> bool:
    """Whether its winner is as often within the noise of the best as today's, within the error of both."""
    return one.within >= today.within - float(np.hypot(one.within_error, today.within_error))
