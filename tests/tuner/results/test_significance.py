"""The sign test over paired seeds, and what is claimed from it."""

import pytest

from tuner.results.significance import corrected, pairs_needed, separated, sign_test

LOW = [0.1, 0.2, 0.3, 0.4, 0.5]
HIGH = [0.2, 0.3, 0.4, 0.5, 0.6]


@pytest.mark.parametrize(("wins", "p"), [(5, 0.0625), (4, 0.375), (3, 1.0), (0, 0.0625)])
def test_the_p_value_of_five_pairs_is_the_exact_binomial_one(wins, p):
    assert sign_test(HIGH[:wins] + LOW[wins:], LOW[:wins] + HIGH[wins:]) == p


def test_five_of_five_pairs_separate_and_four_of_five_do_not():
    assert separated(HIGH, LOW)
    assert not separated([*HIGH[:4], 0.4], LOW)


def test_a_draw_is_left_out_so_that_four_wins_and_a_draw_separate_nothing():
    assert sign_test([*HIGH[:4], 0.5], LOW) == 0.125


def test_equal_trials_have_a_p_value_of_one():
    assert sign_test(LOW, LOW) == 1.0


@pytest.mark.parametrize("mode", ["max", "min"])
def test_a_failed_replicate_loses_its_pair_in_either_mode(mode):
    better, worse = (HIGH, LOW) if mode == "max" else (LOW, HIGH)
    assert separated(better, [*worse[:4], None], mode)
    assert not separated([*better[:4], None], worse, mode)
    assert sign_test([None] * 5, [None] * 5, mode) == 1.0


@pytest.mark.parametrize(("replicates", "needed"), [(1, None), (4, None), (5, 5), (6, 6), (9, 8), (10, 9)])
def test_the_number_of_agreeing_pairs_needed_follows_from_the_level(replicates, needed):
    assert pairs_needed(replicates) == needed


def test_sixty_looks_leave_nothing_of_five_pairs_and_ask_for_more_seeds():
    assert corrected(0.0625, 60) == 1.0
    assert corrected(0.0009765625, 60) == pytest.approx(0.05859375)
    assert [pairs_needed(seeds, 60) for seeds in (5, 9, 11, 15)] == [None, None, 11, 14]
