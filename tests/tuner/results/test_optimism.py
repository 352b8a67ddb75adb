"""The figure that selects flatters: by how much is estimated from the records."""

import random
import statistics

import pytest

from tests.tuner.experiments import finished
from tuner.results import leaderboard, optimism


def trials(count, spread, noise, draw):
    qualities = [draw.gauss(0, spread) for _ in range(count)]
    return qualities, [[quality + draw.gauss(0, noise) for _ in range(5)] for quality in qualities]


def test_trials_whose_seeds_agree_do_not_flatter():
    assert optimism.flattered([[0.9] * 5, [0.8] * 5, [0.7] * 5], "max") == 0.0


@pytest.mark.parametrize("spread", [0.0, 1.0])
def test_it_is_of_the_size_by_which_the_best_of_many_is_too_good(spread):
    """Among trials that are alike as much as seeds differ; among those that differ less."""
    draw = random.Random(3)
    real, said = [], []
    for _ in range(60):
        qualities, values = trials(8, spread, 1.0, draw)
        medians = [statistics.median(of_trial) for of_trial in values]
        best = max(range(8), key=lambda trial: medians[trial])
        real.append(medians[best] - qualities[best])
        said.append(optimism.flattered(values, "max"))
    assert statistics.fmean(said) == pytest.approx(statistics.fmean(real), rel=0.5)


def test_a_loss_flatters_downwards_and_by_as_much():
    _, values = trials(6, 0.5, 1.0, random.Random(1))
    assert optimism.flattered([[-value for value in of_trial] for of_trial in values], "min") == pytest.approx(
        optimism.flattered(values, "max")
    )


def test_failed_seeds_never_make_it_infinite():
    assert 0 <= optimism.flattered([[0.9, 0.8, 0.7, None, None], [0.6, 0.5, 0.9, 0.4, None]], "max") < 1


def test_the_leaderboard_says_it_and_nothing_of_a_single_trial(tmp_path):
    board = leaderboard.load(finished(tmp_path).paths)
    said = optimism.sentence(board)
    alone = [row for row in board.rows if row.valid and row.rung == board.best.rung]
    assert (said is None) == (len(alone) < 2)
    if said:
        assert f"the median of trial {board.best.trial} is expected to flatter by" in said
    board.rows = [row for row in board.rows if row is board.best]
    assert optimism.expected(board) is None
