"""Policies replayed on a table: by the rungs of live searches, counted in epochs of single seeds."""

import numpy as np
import pytest

from benchmarks.policies.judge import TODAY, front, judge
from benchmarks.policies.simulate import Policy, search
from benchmarks.policies.table import Table, names

RISING = np.linspace(0.1, 1.0, 9)


def curves(trials):
    """[trials, 5, 9]: every seed alike, later trials better."""
    return (np.arange(1, trials + 1)[:, None, None] / trials) * RISING * np.ones((1, 5, 1))


def test_without_rungs_every_seed_of_every_trial_is_trained_to_the_end():
    found = search(curves(6), Policy(grace=9), workers=2)
    assert (found.cost, found.winner, found.makespan) == (1.0, 5, 6 * 5 * 9 / 2)


def test_seeds_by_rung_cost_what_joins_and_catches_up():
    # The best comes first: every other one stops at the first rung, after one epoch of one seed.
    found = search(curves(6)[::-1], Policy(seeds=(1, 3, 5)), workers=1)
    assert found.winner == 0
    assert found.cost == (5 * 9 + 5 * 1) / (6 * 5 * 9)


@pytest.mark.parametrize("rule", ["asha", "promotion"])
def test_the_best_of_trials_that_never_cross_is_found_by_any_number_of_workers(rule):
    for workers in (1, 4, 9):
        found = search(curves(12), Policy(rule, seeds=(1, 5)), workers)
        assert (found.winner, found.reported) == (11, 1.0)


def test_seeds_that_failed_are_the_worst_there_is():
    values = curves(3)
    values[2, :3] = np.nan
    assert search(values, Policy(), workers=1).winner == 1


@pytest.mark.parametrize("name", names())
def test_the_tables_that_are_kept_are_whole_and_can_be_judged(name):
    table = Table.load(name)
    trials, seeds, epochs = table.values.shape
    assert (trials >= 64, seeds, epochs, len(table.configs)) == (True, 10, 27, trials)
    few = Policy("promotion", 4.0, 1, (1, 1, 3, 5))
    judged = judge(table, [TODAY, few], 10, workers=4)
    assert 0.1 < judged[0].cost < 0.3
    assert judged[1].cost < judged[0].cost / 2
    assert judged[1] in front(judged)
