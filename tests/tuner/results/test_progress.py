"""How much training a search still needs."""

import statistics
import time

import pytest

from tests.tuner import simulated
from tests.tuner.experiments import Experiment, around, made_up
from tuner.records.lock import DriverLock
from tuner.results import ahead
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


SEARCHES = [
    {"trials": 81, "epochs": 81, "reduction": 3, "concurrent": 4},
    {"trials": 30, "epochs": 27, "reduction": 3, "concurrent": 2},
    {"trials": 30, "epochs": 27, "reduction": 3, "concurrent": 1, "startup": 600.0},
    {"trials": 200, "epochs": 64, "reduction": 4, "concurrent": 16},
    {"trials": 40, "epochs": 16, "reduction": 2, "concurrent": 8, "step": 0.2, "overhead": 0.1},
    {"trials": 20, "epochs": 100, "reduction": 4, "concurrent": 2, "spread": 1.2, "step": 3600.0},
]


@pytest.fixture(scope="module", params=SEARCHES, ids=lambda settings: f"{settings['trials']}x{settings['epochs']}")
def searches(request):
    """Forty simulated searches of one kind: (manifest, records) of each."""
    return [simulated.search(**request.param, seed=seed) for seed in range(40)]


def share_told(manifest, records, when):
    """The estimate over the truth at a moment, given as a share of the time that a simulated search trains."""
    began = next(record["time"] for record in records if record["event"] == "start")
    end = records[-1]["time"]
    now = began + when * (end - began)
    history = History(manifest, name="simulated", live=True)
    for record in records:
        if record["time"] <= now:
            history.apply(record)
    estimate = time_left(history, now)
    return None if estimate is None else estimate / (end - now)


def test_after_a_quarter_of_a_search_the_estimate_is_right_within_a_factor_of_two(searches):
    told = [share_told(*search, 0.25) for search in searches]
    assert 0.8 < statistics.median(told) < 1.25
    # What the last trials do that are let pass decides a small search, and nobody knows that beforehand.
    assert sum(1 / 2 <= share <= 2 for share in told) >= 0.85 * len(told), sorted(told)
    assert all(1 / 4 <= share <= 4 for share in told), sorted(told)


def test_in_its_first_minutes_the_start_does_not_count_as_training(searches):
    told = [share for search in searches if (share := share_told(*search, 0.03)) is not None]
    assert told
    assert all(1 / 4 <= share <= 4 for share in told), sorted(told)


def test_it_counts_down_while_the_epochs_run():
    manifest, records = simulated.search(trials=9, epochs=9, reduction=3, concurrent=1, seed=0)
    history = History(manifest, name="simulated", live=True)
    for record in records[:30]:
        history.apply(record)
    last = history.sessions[-1].last
    assert time_left(history, last) - time_left(history, last + 5) == pytest.approx(5)


def test_an_estimate_for_a_large_search_takes_time_in_proportion_to_its_trials():
    few, many = cpu_of_estimate(500), cpu_of_estimate(2000)
    assert many < 10 * few  # in proportion would be 4 times, with the square 16 times


def cpu_of_estimate(trials):
    """Seconds of CPU that an estimate takes early in a search of so many trials, the least of five."""
    manifest, records = simulated.search(trials=trials, epochs=27, reduction=3, concurrent=8, seed=0)
    history = History(manifest, name="simulated", live=True)
    for record in records[: trials + trials // 4]:
        history.apply(record)
    seconds = []
    for _ in range(5):
        began = time.process_time()
        assert time_left(history) is not None
        seconds.append(time.process_time() - began)
    return min(seconds)


def seeded(*steps, placement="packed"):
    """A search of the baseline alone with seeds 1, 3, 5 at rungs 1, 3, 9 of 12 epochs, after these steps of a second a seed."""
    budget = {"epochs": 12, "grace": 1, "reduction": 3, "trials": 1, "replicates": 5, "seeds": [1, 3, 5]}
    known = made_up(budget=budget | {"placement": placement}, rungs=[1, 3, 9, 12])
    history = History(known, name="made up", live=True)
    history.apply({"event": "trial", "time": 0.0, "trial": 0, "baseline": True, "config": {}})
    history.apply({"event": "start", "time": 0.0, "trial": 0, "epoch": 0})
    for event, epoch, count in steps:
        seconds = float(count) if placement == "packed" else 1.0
        record = {"event": event, "time": 0.0, "trial": 0, "epoch": epoch, "replicates_ok": count}
        record |= {"epoch_seconds": seconds, "step_seconds": seconds, "rung": history.trials[0].last_epoch, "first": 1}
        history.apply(record | {"metrics": {"val_accuracy": {"median": 0.5, "values": [0.5] * count}}})
    return ahead.seconds(history, 1, 1.0)


BEGUN = [("epoch", 1, 1), ("late", 1, 2), ("epoch", 2, 3), ("epoch", 3, 3)]


def test_the_rest_of_a_search_counts_the_seeds_that_join_and_what_they_train_to_catch_up():
    assert seeded(("epoch", 1, 1)) == 2 * 1 + 2 * 3 + 2 * 3 + 9 * 5
    assert seeded(*BEGUN) == 2 * 3 + 9 * 5
    assert seeded(*BEGUN, ("late", 1, 2), ("late", 2, 2)) == 2 * 1 + 9 * 5
    assert seeded(*BEGUN, *(("late", epoch, 2) for epoch in (1, 2, 3)), ("epoch", 4, 5)) == 8 * 5
    assert seeded(*BEGUN, placement="spread") == 3 + 9
