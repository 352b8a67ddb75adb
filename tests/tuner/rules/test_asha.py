"""Where the rungs lie and who passes one."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ray.tune.schedulers.async_hyperband import AsyncHyperBandScheduler

from tuner.rules.asha import decide
from tuner.rules.ranking import rungs


@pytest.mark.parametrize(
    ("epochs", "grace", "reduction", "expected"),
    [
        (9, 1, 3, (1, 3, 9)),
        (100, 1, 4, (1, 4, 16, 64, 100)),
        (60, 16, 2, (16, 32, 60)),
        (243, 1, 3, (1, 3, 9, 27, 81, 243)),  # a logarithm in floating point loses the rung at 81 or 243
        (1000, 1, 10, (1, 10, 100, 1000)),
        (10, 3, 1.5, (3, 5, 7, 10)),
        (9, 9, 3, (9,)),
        (1, 1, 2, (1,)),
    ],
)
def test_rungs_are_grace_times_powers_of_the_reduction_and_the_full_budget(epochs, grace, reduction, expected):
    assert rungs(epochs, grace, reduction) == expected


@pytest.mark.parametrize(("grace", "reduction"), [(1, 1), (1, 1 + 1e-12), (1, math.nan), (1, 0.5), (0, 3), (-1, 3)])
def test_rungs_without_an_end_are_refused(grace, reduction):
    with pytest.raises(ValueError, match=r"grace must be at least 1, reduction at least 1\.01"):
        rungs(9, grace, reduction)


class _RayTrial:
    def __init__(self, index):
        self.trial_id = str(index)


@given(
    st.lists(st.floats(-5, 5, allow_nan=False).map(lambda value: round(value, 2)), min_size=1, max_size=40),
    st.sampled_from([1.5, 2, 2.5, 3, 4]),
    st.sampled_from(["max", "min"]),
)
def test_every_decision_on_finite_values_is_rays(values, reduction, mode):
    ray = AsyncHyperBandScheduler("epoch", "m", mode, max_t=10, grace_period=1, reduction_factor=reduction)
    seen = []
    for index, value in enumerate(values):
        trial = _RayTrial(index)
        ray.on_trial_add(None, trial)
        theirs = ray.on_trial_result(None, trial, {"epoch": 1, "m": value})
        assert decide(seen, value, reduction, mode).action.upper() == theirs
        seen.append(value)


def test_the_first_to_arrive_always_passes():
    assert decide([], 0.01, 3).action == "continue"
    assert decide([], 0.01, 3).cutoff is None


def test_a_value_equal_to_the_cutoff_passes():
    assert decide([0.5, 0.5], 0.5, 2).action == "continue"


def test_nan_is_the_worst_value_and_never_passes_a_comparison():
    for bad in (math.nan, math.inf, -math.inf):
        assert decide([0.1, 0.2], bad, 3, "max").action == "stop"
        assert decide([0.1, 0.2], bad, 3, "min").action == "stop"
        assert decide([bad, bad], bad, 3, "max").action == "stop"


def test_a_recorded_infinity_does_not_raise_the_cutoff_for_everyone():
    assert decide([math.inf, 0.4, 0.5], 0.45, 2, "max").action == "continue"


def test_worst_values_among_the_recorded_leave_a_usable_cutoff():
    decision = decide([math.nan, math.nan, 0.5, 0.6], 0.55, 2, "max")
    assert decision.cutoff == -math.inf
    assert decision.action == "continue"


def test_in_minimisation_larger_values_are_stopped():
    assert decide([0.1, 0.2, 0.3], 0.35, 3, "min").action == "stop"
    assert decide([0.1, 0.2, 0.3], 0.05, 3, "min").action == "continue"
