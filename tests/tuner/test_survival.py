"""A search that is killed, at any moment and however often, ends as one that never was."""

import random
import signal
import time

import psutil
import pytest
from pandas.testing import assert_frame_equal

from tests.tuner.searches import TINY, count_epochs, judgements, kill_after, medians, options, repeats, run, start
from tuner.records.lines import read
from tuner.records.manifest import read as read_manifest
from tuner.records.paths import ExperimentPaths
from tuner.results import leaderboard
from tuner.rules.rule import rule_of
from tuner.rules.verify import contradictions

pytestmark = [pytest.mark.slow, pytest.mark.searches]

KILLS = 10


@pytest.fixture(scope="module")
def uninterrupted(cluster, tmp_path_factory):
    """The reference: the same search, one trial at a time, left alone."""
    storage = tmp_path_factory.mktemp("reference")
    code, output = run(*options(storage, "whole"), "--max-concurrent", 1, address=cluster)
    assert code == 0, output
    return ExperimentPaths(storage / "whole")


def ranking(paths):
    frame = leaderboard.load(paths).frame()
    return frame.drop(columns=[column for column in frame.columns if "second" in column])


@pytest.mark.cluster
def test_ten_kills_at_random_moments_change_no_median_no_decision_and_no_rank(cluster, tmp_path, uninterrupted):
    paths = ExperimentPaths(tmp_path / "killed")
    total = len(medians(uninterrupted))
    draw = random.Random(20)
    moments = sorted(draw.sample(range(total), KILLS))
    first = start(*options(tmp_path, "killed"), "--max-concurrent", 1, address=cluster)
    kill_after(first, paths.records, max(1, moments[0]), delay=draw.random() / 4)
    for moment in moments[1:]:
        resumed = start(
            "resume", "killed", "--storage", tmp_path, "--checkpoint-every", draw.choice([0, 0, 3600]), address=cluster
        )
        kill_after(resumed, paths.records, moment, delay=draw.random() / 4)
    code, output = run("resume", "killed", "--storage", tmp_path, address=cluster)
    assert code == 0, output
    assert medians(paths) == medians(uninterrupted)
    assert judgements(paths) == judgements(uninterrupted)
    assert_frame_equal(ranking(paths), ranking(uninterrupted), check_exact=True)
    sessions = [record for record in read(paths.records) if record["event"] == "session"]
    assert sum(record["action"] == "start" for record in sessions) > KILLS / 2
    first_time = medians(paths)
    for record in repeats(paths):
        assert record["metrics"] == first_time[record["trial"], record["epoch"]]


def test_with_two_trials_at_a_time_medians_are_equal_and_decisions_follow_the_recorded_order(
    cluster, tmp_path, uninterrupted
):
    paths = ExperimentPaths(tmp_path / "pair")
    process = start(*options(tmp_path, "pair"), "--max-concurrent", 2, address=cluster)
    kill_after(process, paths.records, 9, delay=0.1)
    code, output = run("resume", "pair", "--storage", tmp_path, address=cluster)
    assert code == 0, output
    assert contradictions(rule_of(read_manifest(paths.manifest)), read(paths.records)) == []
    reference = medians(uninterrupted)
    ours = medians(paths)
    shared = set(ours) & set(reference)
    assert len(shared) > len(reference) / 2
    assert all(ours[key] == reference[key] for key in shared)


def test_a_private_ray_dies_with_its_driver_and_the_search_goes_on(tmp_path, uninterrupted):
    paths = ExperimentPaths(tmp_path / "private")
    process = start(*options(tmp_path, "private"), "--max-concurrent", 1)
    kill_after(process, paths.records, 7)
    code, output = run("resume", "private", "--storage", tmp_path)
    assert code == 0, output
    assert medians(paths) == medians(uninterrupted)
    assert judgements(paths) == judgements(uninterrupted)


def test_a_killed_worker_is_replaced_and_its_trial_continues_from_its_checkpoint(cluster, tmp_path, uninterrupted):
    paths = ExperimentPaths(tmp_path / "worker")
    process = start(*options(tmp_path, "worker"), "--max-concurrent", 1, address=cluster)
    while process.poll() is None and count_epochs(paths.records) < 5:
        time.sleep(0.01)
    for worker in psutil.Process().children(recursive=True):  # of the tests' own Ray, nobody else's
        if worker.cmdline() and worker.cmdline()[0].startswith("ray::BlurTrainable"):
            worker.kill()
    output, _ = process.communicate(timeout=600)
    assert process.returncode == 0, output
    assert any(record["event"] == "error" and not record["final"] for record in read(paths.records))
    assert medians(paths) == medians(uninterrupted)
    assert judgements(paths) == judgements(uninterrupted)


def test_a_space_in_which_every_trial_fails_exits_1_with_the_first_traceback_once(cluster, tmp_path):
    hopeless = (*TINY, "lr=10", "weight_decay=1", "mode=normal")
    code, output = run(*options(tmp_path, "hopeless", trials=3, epochs=27, settings=hopeless), address=cluster)
    assert code == 1, output
    assert output.count("Traceback (most recent call last)") == 1
    assert "NonFinite: the training loss became" in output


def test_ctrl_c_checkpoints_prints_the_resume_command_and_exits_130(cluster, tmp_path, uninterrupted):
    paths = ExperimentPaths(tmp_path / "stopped")
    arguments = options(tmp_path, "stopped")
    arguments[arguments.index("--checkpoint-every") + 1] = "3600"
    process = start(*arguments, "--max-concurrent", 1, address=cluster)
    output = kill_after(process, paths.records, 4, number=signal.SIGINT)
    assert process.returncode == 130, output
    assert "tuner resume stopped" in output
    assert "Traceback" not in output
    recorded = medians(paths)
    code, output = run("resume", "stopped", "--storage", tmp_path, address=cluster)
    assert code == 0, output
    assert repeats(paths) == []  # the checkpoint was of the last epoch recorded
    assert len(medians(paths)) > len(recorded)
    assert medians(paths) == medians(uninterrupted)
    assert judgements(paths) == judgements(uninterrupted)


def test_stop_from_another_terminal_is_the_same(cluster, tmp_path):
    paths = ExperimentPaths(tmp_path / "elsewhere")
    process = start(*options(tmp_path, "elsewhere", epochs=60, trials=2), address=cluster)
    try:
        while not paths.records.exists() or b'"event": "epoch"' not in paths.records.read_bytes():
            assert process.poll() is None
            time.sleep(0.01)
        code, output = run("stop", "elsewhere", "--storage", tmp_path)
        assert code == 0, output
        output, _ = process.communicate(timeout=300)
    finally:
        process.kill()
    assert process.returncode == 130, output
    assert not paths.stop_request.exists()
    code, output = run("stop", "elsewhere", "--storage", tmp_path)
    assert code == 2
    assert "is not running" in output


def test_a_second_driver_is_refused_while_the_first_one_runs(cluster, tmp_path):
    paths = ExperimentPaths(tmp_path / "busy")
    process = start(*options(tmp_path, "busy", epochs=60, trials=2), address=cluster)
    try:
        while not paths.records.exists():
            assert process.poll() is None
            time.sleep(0.01)
        code, output = run("resume", "busy", "--storage", tmp_path, address=cluster)
        assert code == 2
        assert "`busy` is already being run by process" in output
    finally:
        process.kill()
        process.communicate()
