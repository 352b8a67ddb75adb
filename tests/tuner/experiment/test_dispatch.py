"""Trials that wait, on a real Ray: the worker is free meanwhile, the checkpoint is what they go on from, no kill matters."""

import random

import pytest
from pandas.testing import assert_frame_equal

from tests.tuner.searches import LIGHT, kill_after, light, medians, repeats, run, start
from tests.tuner.test_survival import ranking
from tuner import experiment
from tuner.experiment.interrupt import StopRequest
from tuner.records.lines import read
from tuner.records.manifest import read as read_manifest
from tuner.records.paths import ExperimentPaths
from tuner.replay import Setting
from tuner.replay import run as replayed
from tuner.replay.curves import of_history
from tuner.results.history import History
from tuner.rules.rule import rule_of
from tuner.rules.verify import contradictions

pytestmark = [pytest.mark.slow, pytest.mark.searches]

PROMOTION = ("--rule", "promotion", "--max-concurrent", 1)


def said(paths):
    """Decisions, promotions and ends in order, without the clock."""
    return [
        {key: value for key, value in record.items() if key != "time"}
        for record in read(paths.records)
        if record["event"] in ("decision", "promote", "end")
    ]


def verified(paths):
    return contradictions(rule_of(read_manifest(paths.manifest)), read(paths.records)) == []


@pytest.fixture(scope="module")
def alone(cluster, tmp_path_factory):
    """A search whose trials wait, with one worker, left alone."""
    storage = tmp_path_factory.mktemp("alone")
    code, output = run(*light(storage, "whole", trials=10), *PROMOTION, address=cluster)
    assert code == 0, output
    return ExperimentPaths(storage / "whole")


def test_a_search_ends_with_the_best_at_the_full_budget_and_every_decision_follows(alone):
    assert verified(alone)
    counted = History.load(alone).counts()
    assert counted["waiting"] == 0
    assert counted["completed"] + counted["stopped"] == 10
    assert counted["completed"] >= 1
    assert read_manifest(alone.manifest).budget.rule == "promotion"


def test_the_worker_trains_others_while_a_trial_waits(alone):
    records = list(read(alone.records))
    promoted = next(record for record in records if record["event"] == "promote")
    told = next(r for r in records if r["event"] == "decision" and r["trial"] == promoted["trial"])
    between = records[records.index(told) : records.index(promoted)]
    assert {record["trial"] for record in between if record["event"] == "epoch"} - {promoted["trial"]}


def test_a_trial_that_waited_continues_from_its_own_checkpoint_to_the_same_bits(alone, cluster, tmp_path):
    assert repeats(alone) == []
    code, output = run(*light(tmp_path, "asha", trials=10), "--max-concurrent", 1, address=cluster)
    assert code == 0, output
    never_paused = medians(ExperimentPaths(tmp_path / "asha"))
    shared = medians(alone).keys() & never_paused.keys()
    waited = {record["trial"] for record in read(alone.records) if record["event"] == "promote"}
    assert any(trial in waited and epoch > 1 for trial, epoch in shared)
    assert all(medians(alone)[key] == never_paused[key] for key in shared)


def test_a_trial_promoted_from_a_higher_rung_goes_before_one_from_a_lower_and_before_a_new_one(alone):
    queue, fresh = {}, set()
    for record in read(alone.records):
        match record["event"]:
            case "trial":
                fresh.add(record["trial"])
            case "promote":
                queue[record["trial"]] = record["rung"]
            case "start":
                assert not queue or queue.get(record["trial"]) == max(queue.values())
                queue.pop(record["trial"], None)
                fresh.discard(record["trial"])
    assert not queue
    assert not fresh


def test_the_replay_of_a_search_costs_what_it_trained(alone):
    history = History.load(alone)
    found = replayed(of_history(history), Setting("promotion", grace=1, reduction=3))
    assert found.epochs == sum(len(trial.epochs) for trial in history.trials)
    assert found.unknown == ()


def test_kills_at_random_moments_change_no_median_no_decision_and_no_rank(alone, cluster, tmp_path):
    paths = ExperimentPaths(tmp_path / "killed")
    draw = random.Random(3)
    moments = sorted(draw.sample(range(1, len(medians(alone))), 3))
    process = start(*light(tmp_path, "killed", trials=10), *PROMOTION, address=cluster)
    kill_after(process, paths.records, moments[0], delay=draw.random() / 4)
    for moment in moments[1:]:
        every = draw.choice([0, 3600])
        process = start("resume", "killed", "--storage", tmp_path, "--checkpoint-every", every, address=cluster)
        kill_after(process, paths.records, moment, delay=draw.random() / 4)
    code, output = run("resume", "killed", "--storage", tmp_path, address=cluster)
    assert code == 0, output
    assert medians(paths) == medians(alone)
    assert said(paths) == said(alone)
    assert_frame_equal(ranking(paths), ranking(alone), check_exact=True)
    assert verified(paths)


def test_two_workers_keep_to_the_rule_and_to_their_number(cluster, tmp_path):
    outcome = experiment.launch(LIGHT, name="two", storage=tmp_path, trials=9, rule="promotion", max_concurrent=2)
    assert outcome.exit_code == 0
    paths = ExperimentPaths(tmp_path / "two")
    assert verified(paths)
    running = set()
    for record in read(paths.records):
        if record["event"] == "start":
            running.add(record["trial"])
            assert len(running) <= 2
        if record["event"] == "end" or record.get("action") == "wait":
            running.discard(record["trial"])


def test_a_stopped_search_says_who_waits_and_goes_on_from_there(cluster, tmp_path, alone):
    paths = ExperimentPaths(tmp_path / "stopped")

    def listen(paths, manifest):
        waits = []

        def listener(record):
            waits.extend([record] * (record.get("action") == "wait"))
            if len(waits) == 3:
                StopRequest(paths.stop_request).make()

        return listener

    outcome = experiment.launch(
        LIGHT,
        name="stopped",
        storage=tmp_path,
        trials=10,
        rule="promotion",
        max_concurrent=1,
        listen=listen,
    )
    assert outcome.ending == "interrupted"
    code, shown = run("status", "stopped", "--storage", tmp_path)
    assert code == 0
    assert "at rung 1" in shown
    assert " waiting" in shown
    code, shown = run("results", "stopped", "--storage", tmp_path)
    assert "waiting at rung 1" in shown
    code, output = run("report", "stopped", "--storage", tmp_path, "-o", tmp_path / "page.html")
    assert code == 0, output
    assert "waiting at rung 1" in (tmp_path / "page.html").read_text()
    code, output = run("resume", "stopped", "--storage", tmp_path, address=cluster)
    assert code == 0, output
    assert said(paths) == said(alone)


def test_the_same_request_by_another_rule_is_another_request(cluster, tmp_path, alone):
    arguments = light(alone.root.parent, "whole", trials=10)
    code, output = run(*arguments, "--or-resume", "--rule", "asha", "--max-concurrent", 1, address=cluster)
    assert code == 2
    assert "rule is promotion, not asha" in " ".join(output.split())
