"""Stop means stop: after the request no trial begins, whoever asked, and the search continues as if nobody had."""

import json
import re
import signal
import time

import pytest

from tests.tuner.searches import count_epochs, medians, options, repeats, run, start
from tuner.records.lines import read
from tuner.records.paths import ExperimentPaths

TRIALS = 10


@pytest.fixture(scope="module")
def uninterrupted(cluster, tmp_path_factory):
    """The same search, left alone, its trials in the order of their index."""
    storage = tmp_path_factory.mktemp("reference")
    code, output = run(*options(storage, "whole", trials=TRIALS, epochs=3), "--max-concurrent", 1, address=cluster)
    assert code == 0, output
    return ExperimentPaths(storage / "whole")


@pytest.mark.slow
@pytest.mark.searches
@pytest.mark.parametrize("asked_by", ["ctrl-c", "stop", "hangup"])
def test_no_trial_begins_after_a_request_to_stop_and_the_search_continues_as_if_there_was_none(
    cluster, tmp_path, uninterrupted, asked_by
):
    paths = ExperimentPaths(tmp_path / "stopped")
    process = start(*options(tmp_path, "stopped", trials=TRIALS, epochs=3), "--max-concurrent", 1, address=cluster)
    try:
        while count_epochs(paths.records) < 2:
            assert process.poll() is None, process.communicate()[0]
            time.sleep(0.005)
        requested = time.time()
        if asked_by == "stop":
            code, output = run("stop", "stopped", "--storage", tmp_path)
            assert code == 0, output
            requested = time.time()
        else:
            process.send_signal(signal.SIGHUP if asked_by == "hangup" else signal.SIGINT)
        output, _ = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 130, output
    events = list(read(paths.records))
    late = [event for event in events if event["event"] == "start" and event["time"] > requested + 0.02]
    assert late == [], json.dumps(late)
    begun = {event["trial"] for event in events if event["event"] == "start"}
    assert len(begun) < TRIALS
    assert {trial for trial, _ in medians(paths)} <= begun
    assert not paths.stop_request.exists()
    code, output = run("resume", "stopped", "--storage", tmp_path, "--max-concurrent", 1, address=cluster)
    assert code == 0, output
    assert medians(paths) == medians(uninterrupted)
    assert repeats(paths) == []


@pytest.mark.slow
@pytest.mark.searches
def test_trials_that_wait_for_room_are_let_go_and_the_person_is_told_how_long_the_running_epochs_take(
    cluster, tmp_path
):
    paths = ExperimentPaths(tmp_path / "waiting")
    # Epochs of about a second, so that the request comes in the middle of one.
    slow = ("image_size=32", "train_images=800", "batch_size=8", "mode=normal")
    process = start(*options(tmp_path, "waiting", trials=30, epochs=9, settings=slow), address=cluster)
    try:
        while count_epochs(paths.records) < 4:
            assert process.poll() is None, process.communicate()[0]
            time.sleep(0.005)
        requested = time.time()
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 130, output
    told = re.search(r"finish their epoch \(in about (\d+) s\) and checkpoint", " ".join(output.split()))
    assert told, output
    records = list(read(paths.records))
    steps = [record["step_seconds"] for record in records if record["event"] == "epoch"]
    assert int(told[1]) <= 2 * max(steps) + 1
    assert [record for record in records if record["event"] == "start" and record["time"] > requested + 0.02] == []
    assert sum(record["event"] == "epoch" and record["time"] > requested for record in records) <= 2
