"""Policies replayed on a table: by the rungs of live searches, counted in epochs of single seeds."""

import numpy as np
import pytest
from scipy.stats import spearmanr

import search_spaces
from benchmarks.policies.build import SOURCES, space_of
from benchmarks.policies.curves import Curves
from benchmarks.policies.judge import front, judge
from benchmarks.policies.live import options
from benchmarks.policies.policies import TODAY
from benchmarks.policies.sampling import Nearest
from benchmarks.policies.simulate import Foresight, Policy, search
from benchmarks.policies.spaces import SHAPES
from benchmarks.policies.table import Table, names

RISING = np.linspace(0.1, 1.0, 9)


def curves(trials):
    """[trials, 5, 9]: every seed alike, later trials better."""
    values = (np.arange(1, trials + 1)[:, None, None] / trials) * RISING * np.ones((1, 5, 1))
    return Curves(values, list(range(trials)))


def test_without_rungs_every_seed_of_every_trial_is_trained_to_the_end():
    found = search(curves(6), Policy(grace=9), workers=2)
    assert (found.cost, found.winner, found.makespan) == (1.0, 5, 6 * 5 * 9 / 2)


def test_seeds_by_rung_cost_what_joins_and_catches_up():
    # The best comes first: every other one stops at the first rung, after one epoch of one seed.
    found = search(Curves(curves(6).values, [5, 4, 3, 2, 1, 0]), Policy(seeds=(1, 3, 5)), workers=1)
    assert found.winner == 0
    assert found.cost == (5 * 9 + 5 * 1) / (6 * 5 * 9)


@pytest.mark.parametrize("rule", ["asha", "promotion"])
def test_the_best_of_trials_that_never_cross_is_found_by_any_number_of_workers(rule):
    for workers in (1, 4, 9):
        found = search(curves(12), Policy(rule, seeds=(1, 5)), workers)
        assert (found.winner, found.reported) == (11, 1.0)


def test_seeds_that_failed_are_the_worst_there_is():
    failed = curves(3)
    failed.values[2, :3] = np.nan
    assert search(failed, Policy(), workers=1).winner == 1


def test_a_value_close_to_the_cutoff_is_decided_by_more_seeds():
    # The third is below the first by its first two seeds and above by all five; the second is clear with its third.
    finals = np.array([[0.8] * 5, [0.7, 0.9] * 2 + [0.8], [0.7, 0.8, 0.9, 0.9, 0.9], [0.1] * 5])
    noisy = Curves(finals[:, :, None] * RISING, [0, 1, 2, 3])
    plain = search(noisy, Policy(reduction=4.0, grace=3, seeds=(2, 5)), workers=1)
    raced = search(noisy, Policy(reduction=4.0, grace=3, seeds=(2, 5), race=1.0), workers=1)
    assert (plain.winner, raced.winner) == (0, 2)
    full = 5 * 9
    assert plain.cost == (full + full + 3 * 2 + 3 * 2) / (4 * full)
    assert raced.cost == (full + 3 * 3 + full + 3 * 2) / (4 * full)


def test_a_rung_stops_nobody_before_it_has_foretold_a_later_one():
    # The order of twenty trials turns round after epoch 3: no rung foretells the end.
    early = np.arange(20, 0, -1)[:, None, None] / 20 * np.linspace(0.1, 0.3, 3) * np.ones((1, 5, 1))
    late = np.arange(1, 21)[:, None, None] / 20 * np.linspace(0.4, 1.0, 6) * np.ones((1, 5, 1))
    turning = Curves(np.concatenate([early, late], axis=2), list(range(20)))
    hasty = search(turning, Policy(), workers=1)
    patient = search(turning, Policy(sure=0.8), workers=1)
    assert (hasty.winner, patient.winner) == (0, 19)
    assert patient.cost == 1.0


def test_foresight_is_the_rank_correlation_of_eight_trials_at_two_rungs():
    foresight = Foresight()
    for trial, (early, late) in enumerate(zip([1, 2, 2, 4, 5, 6, 7, 8], [1, 3, 2, 5, 4, 6, 8, -np.inf], strict=True)):
        assert not foresight.is_sure(1, -1.0)
        foresight.add(trial, 1, early)
        foresight.add(trial, 3, late)
    told = spearmanr([1, 2, 2, 4, 5, 6, 7, 8], [1, 3, 2, 5, 4, 6, 8, -9]).statistic
    assert foresight.is_sure(1, told - 1e-9)
    assert not foresight.is_sure(1, told + 1e-9)


@pytest.mark.parametrize(
    ("kind", "value"),
    [("median", 0.5), ("mean", 0.46), ("median of 3 epochs", 0.4), ("difference", 0.1), ("extrapolation", 0.7)],
)
def test_a_trial_is_ranked_by_the_seeds_it_has(kind, value):
    at_rung = np.array([[0.4, 0.4, 0.4, 0.4, 0.4], [0.3, 0.4, 0.5, 0.5, 0.6]])
    some = Curves(at_rung[:, :, None] + np.array([-0.3, -0.2, -0.1, 0.0]), [0, 1])
    assert some.ranked(kind, 1, 4, 5, first=0) == pytest.approx(value)


def test_the_nearest_to_a_configuration_of_the_table_is_that_one():
    table = Table.load("digits")
    nearest = Nearest(space_of(SOURCES["digits"], None), table.configs)
    assert [nearest.index(config) for config in table.configs] == list(range(len(table.configs)))


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.family)
def test_a_search_space_is_judged_with_its_first_rung_and_other_rules_reductions_and_seeds(shape):
    budget = search_spaces.load(shape.family, "search").budget
    assert (shape.grace, shape.epochs) == (budget.grace, budget.epochs)
    assert {one.grace for one in shape.candidates()} == {round(27 * budget.grace / budget.epochs)}
    assert shape.candidates()[0] == shape.before
    assert len(shape.candidates()) >= 12


def test_the_options_of_a_live_search_are_those_of_its_policy():
    given = options(Policy("promotion", 4.0, 1, (1, 3, 5)))
    assert given == ["--rule", "promotion", "--reduction", "4", "--grace", "1", "--seeds", "1,3,5"]


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
