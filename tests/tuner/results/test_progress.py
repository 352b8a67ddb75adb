"""How much training a search still needs."""

import pytest

from tests.tuner.experiments import Experiment, around
from tuner.records.lock import DriverLock
from tuner.results.history import History
from tuner.results.progress import expected_epochs, time_left


@pytest.mark.parametrize(
    ("epoch", "expected"),
    [(0, 1 + 2 / 3 + 6 / 9), (1, 2 + 6 / 3), (2, 1 + 6 / 3), (3, 6), (9, 0)],
)
def test_a_third_of_the_trials_is_expected_to_pass_each_rung(epoch, expected):
    assert expected_epochs(epoch, [1, 3, 9], 3) == pytest.approx(expected)


def test_the_exempt_baseline_is_expected_to_train_all_its_epochs():
    assert expected_epochs(2, [1, 3, 9], 3, exempt=True) == 7


def test_time_left_is_the_expected_epochs_at_the_pace_of_the_session(tmp_path):
    experiment = Experiment(tmp_path, budget={"epochs": 9, "reduction": 3, "trials": 2, "replicates": 5})
    experiment.session()
    started = experiment.records[-1]["time"]
    experiment.trial(0)
    experiment.train(0, around(0.5), to=2)
    with DriverLock(experiment.paths.lock):
        history = History.load(experiment.paths)
    # All seven epochs of the exempt baseline and one more trial are ahead, after two epochs in 100 seconds.
    assert time_left(history, started + 100) == pytest.approx((7 + 7 / 3) * 100 / 2)


def test_there_is_no_estimate_without_a_pace_or_without_a_driver(tmp_path):
    experiment = Experiment(tmp_path)
    with DriverLock(experiment.paths.lock):
        assert time_left(History.load(experiment.paths)) is None
        experiment.session()
        experiment.trial(0)
        assert time_left(History.load(experiment.paths)) is None
    experiment.train(0, around(0.5), to=4)
    assert time_left(History.load(experiment.paths)) is None
