"""The median over replicates and what a failed replicate counts as."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainables.statistics import alive, has_majority, median, mode_of

FINITE = st.floats(allow_nan=False, allow_infinity=False, width=32)


@given(st.lists(FINITE, min_size=1, max_size=12), st.sampled_from(["max", "min"]))
def test_median_of_finite_values_is_numpys(values, mode):
    assert median(values, mode) == float(np.median(np.array(values, dtype=np.float64)))


@pytest.mark.parametrize("failed", [math.nan, math.inf, -math.inf, None])
@pytest.mark.parametrize(("mode", "expected"), [("max", 0.7), ("min", 0.9)])
def test_two_failures_of_five_count_as_the_two_worst_values(failed, mode, expected):
    assert median([0.9, failed, 0.8, failed, 0.7], mode) == expected


def test_four_of_five_crashed_replicates_never_look_good():
    assert median([0.99, math.nan, math.nan, math.nan, math.nan], "max") == -math.inf
    assert median([0.01, None, None, None, None], "min") == math.inf


def test_even_count_gives_the_midpoint():
    assert median([0.1, 0.2, 0.4, 0.8]) == pytest.approx(0.3)


def test_half_alive_is_no_majority():
    assert not has_majority(2, 4)
    assert has_majority(3, 5)
    assert median([0.9, 0.9, math.nan, math.nan]) == -math.inf


def test_no_values_give_the_worst():
    assert median([], "max") == -math.inf
    assert median([], "min") == math.inf


def test_alive_counts_finite_values_only():
    assert alive([1.0, math.nan, None, -math.inf, 0.0]) == 2


def test_midpoint_of_two_huge_values_does_not_overflow():
    assert median([1.7e308, 1.7e308]) == 1.7e308


def test_losses_are_better_when_small_and_everything_else_when_large():
    assert [mode_of(name) for name in ("val_loss", "val_accuracy", "test_loss", "val_accuracy_sigma_4")] == [
        "min",
        "max",
        "min",
        "max",
    ]


def test_an_unknown_mode_is_refused():
    with pytest.raises(ValueError, match="`mode` is 'maximum'"):
        median([1.0], "maximum")
