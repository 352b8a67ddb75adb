"""How long the running epochs take yet, from the steps that were measured."""

import pytest

from tuner.experiment.pace import Pace


def fed(*records):
    pace = Pace()
    for event, trial, time, seconds in records:
        pace({"event": event, "trial": trial, "time": time, "step_seconds": seconds, "epoch_seconds": seconds})
    return pace


def test_nobody_knows_before_the_first_epoch_has_ended():
    assert fed(("start", 0, 100.0, None)).rest([0], 110.0) is None
    assert Pace().rest([], 0.0) == 0.0


def test_the_slowest_of_the_running_epochs_counts_from_when_it_began():
    pace = fed(("start", 0, 0.0, None), ("start", 1, 0.0, None), ("epoch", 0, 40.0, 40.0), ("epoch", 1, 70.0, 70.0))
    assert pace.rest([0, 1], 75.0) == pytest.approx(65.0)
    assert pace.rest([0], 75.0) == pytest.approx(5.0)


def test_a_trial_without_a_step_of_its_own_takes_what_the_others_take():
    pace = fed(("start", 0, 0.0, None), ("epoch", 0, 40.0, 40.0), ("start", 1, 50.0, None))
    assert pace.rest([1], 60.0) == pytest.approx(30.0)


def test_one_unusual_step_changes_little_and_a_late_epoch_counts_as_nearly_over():
    times = [10.0, 20.0, 90.0, 100.0, 110.0]
    pace = fed(*(("epoch", 0, time, step) for time, step in zip(times, [10.0, 10.0, 70.0, 10.0, 10.0], strict=True)))
    assert pace.step(0) == 10.0
    assert pace.rest([0], 500.0) == 0.0


def test_records_without_the_seconds_of_a_step_tell_those_of_the_epoch():
    pace = Pace()
    pace({"event": "epoch", "trial": 0, "time": 5.0, "step_seconds": None, "epoch_seconds": 4.0})
    assert pace.step(0) == 4.0
