"""The state of an experiment is what its records say, whatever happened to its driver."""

import json

import pytest

from tests.tuner.experiments import Experiment, around, finished
from tuner.errors import BadInput
from tuner.records.lock import DriverLock
from tuner.results.history import History


def test_every_trial_comes_back_with_its_status_epochs_decisions_and_failures(tmp_path):
    history = History.load(finished(tmp_path).paths)
    assert [trial.status for trial in history.trials] == ["completed", "completed", "stopped", "diverged"]
    assert [trial.last_epoch for trial in history.trials] == [9, 9, 3, 1]
    assert [trial.rung for trial in history.trials] == [9, 9, 3, 1]
    stopped, diverged = history.trials[2], history.trials[3]
    assert [decision["action"] for decision in stopped.decisions] == ["stop"]
    assert [failure["replicate"] for failure in diverged.failures] == [0, 1, 2, 3, 4]
    assert "below the cutoff" in stopped.reason
    assert stopped.config == {"lr": 0.001, "mode": "normal", "epochs": 9}
    assert history.state == "finished"
    assert history.baseline is history.trials[0]


def test_a_torn_last_line_is_skipped(tmp_path):
    experiment = finished(tmp_path)
    whole = History.load(experiment.paths)
    experiment.append('{"event": "epoch", "trial": 0, "epo')
    torn = History.load(experiment.paths)
    assert torn.counts() == whole.counts()


def test_a_corrupt_line_in_the_middle_is_refused_with_its_number(tmp_path):
    experiment = Experiment(tmp_path)
    experiment.session()
    experiment.append("not json\n")
    experiment.session("end")
    with pytest.raises(BadInput, match="line 2 of "):
        History.load(experiment.paths)


@pytest.mark.parametrize(
    "record",
    [
        {"event": "epoch", "time": 1.0, "trial": 7, "epoch": 1, "metrics": {}, "replicates_ok": 5},
        {"event": "epoch", "time": 1.0, "trial": 0, "epoch": 1, "metrics": {"val_accuracy": 0.5}, "replicates_ok": 5},
        {"event": "epoch", "time": 1.0, "trial": 0, "epoch": 1, "metrics": {}},
        {"event": "end", "time": 1.0, "trial": 0},
        {"event": "session", "time": 1.0},
        {"event": "start", "trial": 0},
    ],
)
def test_an_incomplete_record_is_refused_in_one_sentence_with_its_line(tmp_path, record):
    experiment = Experiment(tmp_path)
    experiment.trial(0)
    experiment.append(json.dumps(record) + "\n")
    with pytest.raises(BadInput, match=f"line 2 of .* is not a complete `{record['event']}` record"):
        History.load(experiment.paths)


def test_an_event_of_a_later_version_is_ignored(tmp_path):
    experiment = finished(tmp_path)
    experiment.write("confirmation", trial=1, verdict="better")
    assert History.load(experiment.paths).state == "finished"


def test_a_trial_without_an_end_is_running_while_the_driver_lives_and_interrupted_after(tmp_path):
    experiment = Experiment(tmp_path)
    experiment.session()
    experiment.trial(0)
    experiment.trial(1)
    experiment.train(0, around(0.5), to=2)
    with DriverLock(experiment.paths.lock):
        live = History.load(experiment.paths)
        assert (live.state, live.trials[0].status) == ("running", "running")
    killed = History.load(experiment.paths)
    assert (killed.state, killed.trials[0].status) == ("interrupted", "interrupted")
    assert killed.trials[1].status == "pending"


def test_a_trial_of_an_earlier_session_is_interrupted_until_the_new_session_starts_it(tmp_path):
    experiment = Experiment(tmp_path)
    experiment.session()
    experiment.trial(0)
    experiment.train(0, around(0.5), to=2)
    experiment.session()
    with DriverLock(experiment.paths.lock):
        assert History.load(experiment.paths).trials[0].status == "interrupted"
        experiment.write("start", trial=0, epoch=2)
        assert History.load(experiment.paths).trials[0].status == "running"


def test_trials_not_launched_yet_count_as_pending(tmp_path):
    experiment = Experiment(tmp_path)
    experiment.trial(0)
    assert History.load(experiment.paths).counts()["pending"] == 4
    assert History.load(experiment.paths).state == "not started"


def test_an_epoch_trained_again_keeps_its_first_values_and_costs_its_time(tmp_path):
    experiment = Experiment(tmp_path)
    experiment.session()
    experiment.trial(0)
    experiment.train(0, around(0.5), to=2)
    experiment.epoch(0, 2, around(0.9), event="repeat")
    experiment.epoch(0, 1, around(0.9))
    trial = History.load(experiment.paths).trials[0]
    assert (trial.median(1), trial.median(2)) == (0.5, 0.5)
    assert trial.seconds == 4 * 2.0


def test_a_decision_at_a_rung_counts_once(tmp_path):
    experiment = Experiment(tmp_path)
    experiment.trial(0)
    experiment.decide(0, 1, "continue", 0.5)
    experiment.decide(0, 1, "stop", 0.9)
    experiment.decide(0, 3, "stop", 0.9)
    decisions = History.load(experiment.paths).trials[0].decisions
    assert [(decision["rung"], decision["action"]) for decision in decisions] == [(1, "continue"), (3, "stop")]


def test_one_survivor_of_five_is_no_median_even_if_a_record_claims_one(tmp_path):
    experiment = Experiment(tmp_path)
    experiment.trial(0)
    metrics = {"val_accuracy": {"median": 0.99, "values": [0.99, None, None, None, None]}}
    experiment.write("epoch", trial=0, epoch=1, metrics=metrics, replicates_ok=1)
    trial = History.load(experiment.paths).trials[0]
    assert trial.median(1) is None
    assert not trial.is_valid


def test_extremes_leave_failed_replicates_out(tmp_path):
    experiment = Experiment(tmp_path)
    experiment.trial(0)
    experiment.epoch(0, 1, [0.3, None, 0.5, 0.4, 0.2])
    assert History.load(experiment.paths).trials[0].extremes(1) == (0.2, 0.5)


def test_the_time_of_a_killed_session_ends_with_its_last_record(tmp_path):
    experiment = Experiment(tmp_path, seconds=10)
    experiment.session()
    experiment.trial(0)
    experiment.train(0, around(0.5), to=2)
    history = History.load(experiment.paths)
    assert history.seconds == 40
    assert history.sessions[0].outcome is None


def test_a_manifest_without_an_objective_is_refused(tmp_path):
    experiment = Experiment(tmp_path)
    experiment.paths.manifest.write_text(json.dumps({"rungs": [1], "baseline": {}, "protocol": {}, "budget": {}}))
    with pytest.raises(BadInput, match="lacks objective"):
        History.load(experiment.paths)
