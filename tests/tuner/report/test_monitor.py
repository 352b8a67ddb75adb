"""The live monitor's figures, computed again from the bare records."""

import statistics
import time
from collections import Counter

import pytest

from tests.tuner import simulated
from tests.tuner.experiments import Experiment, around
from tuner.records import nodes
from tuner.records.lock import DriverLock
from tuner.records.nodes import Gpu, Load, Node, Nodes
from tuner.report.monitor import monitor
from tuner.results.history import History


@pytest.fixture(scope="module")
def half():
    """(manifest, records) of the first half of a simulated search of 40 trials on four workers."""
    manifest, records = simulated.search(trials=40, epochs=27, reduction=3, concurrent=4, seed=3)
    return manifest, records[: len(records) // 2]


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    return Experiment(tmp_path_factory.mktemp("store")).paths


def shown(half, paths, live=True):
    manifest, records = half
    history = History(manifest, name="made-up", live=live)
    for record in records:
        history.apply(record)
    return monitor(history, paths, now=records[-1]["time"] + 1)


def of(records, event, **fields):
    return [one for one in records if one["event"] == event and all(one[name] == of for name, of in fields.items())]


def test_trials_that_train_are_those_that_began_and_have_not_ended_each_with_its_last_epoch(half, paths):
    manifest, records = half
    found = shown(half, paths)
    ended = {one["trial"] for one in of(records, "end")}
    begun = {one["trial"] for one in of(records, "start")}
    assert [row["trial"] for row in found["training"]] == sorted(begun - ended)
    assert found["logs"] == [*sorted(begun - ended), *sorted(ended)]
    assert found["planned"] == 40
    expected = Counter(one["status"] for one in of(records, "end"))
    assert {status: found["counts"][status] for status in expected} == expected
    assert found["counts"]["pending"] == 40 - len(begun)
    for row in found["training"]:
        epochs = of(records, "epoch", trial=row["trial"])
        values = epochs[-1]["metrics"]["val_accuracy"]["values"] if epochs else []
        assert row["epoch"] == (epochs[-1]["epoch"] if epochs else 0)
        assert row["ok"] == (5 if epochs else None)
        assert row["seeds"] == 5
        assert row["median"] == (statistics.median(values) if epochs else None)
        assert (row["low"], row["high"]) == ((min(values), max(values)) if epochs else (None, None))
        assert row["seconds"] == (epochs[-1]["epoch_seconds"] if epochs else None)
        assert row["since"] == (epochs or of(records, "start", trial=row["trial"]))[-1]["time"]
        assert row["next"] == min(rung for rung in manifest.rungs if rung > row["epoch"])


def test_the_time_left_says_what_it_is_computed_from(half, paths):
    _, records = half
    steps = [one["step_seconds"] for one in of(records, "epoch")]
    left = shown(half, paths)["left"]
    assert left["seconds"] > 0
    assert left["basis"].startswith(
        f"from the {len(steps)} epochs of this session, {statistics.mean(steps):.3g} s each"
    )
    assert "4 trials at once" in left["basis"]
    assert shown(half, paths, live=False)["left"] is None


def test_the_leader_is_the_best_at_the_highest_rung_and_is_never_called_a_winner(half, paths):
    manifest, records = half
    reached = max(one["epoch"] for one in of(records, "epoch") if one["epoch"] in manifest.rungs)
    there = {one["trial"]: one["metrics"]["val_accuracy"]["median"] for one in of(records, "epoch", epoch=reached)}
    leader = shown(half, paths)["leader"]
    assert (leader["trial"], leader["epoch"]) == (max(there, key=there.get), reached)
    assert leader["median"] == max(there.values())
    assert "winner" not in str(shown(half, paths))


def test_events_are_the_newest_hundred_each_with_its_reason(half, paths):
    _, records = half
    events = shown(half, paths)["events"]
    said = [*of(records, "decision"), *of(records, "session"), *of(records, "end", status="completed")]
    assert [event["time"] for event in events] == sorted((one["time"] for one in said), reverse=True)[:100]
    stops = [event for event in events if event["kind"] == "stopped"]
    newest = of(records, "decision", action="stop")[-1]
    assert stops[0] == {
        "time": newest["time"],
        "trial": newest["trial"],
        "kind": "stopped",
        "text": f"stopped trial {newest['trial']} at rung {newest['rung']}",
    }


def test_every_kind_of_event_is_told_in_words(tmp_path):
    experiment = Experiment(tmp_path)
    experiment.session()
    experiment.trial(0)
    experiment.trial(1, lr=0.1)
    experiment.train(0, around(0.5), to=3)
    experiment.decide(0, 3, "continue", 0.4)
    experiment.fail_replicate(1, 2, 1, "ValueError: no\nmore")
    experiment.write("error", trial=1, kind="lost", message="its process died", traceback="", final=False)
    experiment.stop(1, around(0.3))
    experiment.decide(0, 9, "wait", 0.9)
    experiment.write("promote", trial=0, epoch=9, rung=9, value=0.5, cutoff=0.4, of=5, reason="rung 9: one of the best")
    experiment.end(0, "failed", 9, "four failures in a row")
    experiment.session("end", outcome="interrupted")
    told = [event["text"] for event in reversed(monitor(History.load(experiment.paths), experiment.paths)["events"])]
    assert told == [
        "process 4242 on node began a session",
        "trial 0 goes on from rung 3: 0.7 not below the cutoff 0.4 (top 1/3 of 4)",
        "seed 2 of trial 1 failed at epoch 1: ValueError: no",
        "trial 1 lost its worker (lost): its process died",
        "stopped trial 1 at rung 3: 0.7 below the cutoff 0.8 (top 1/3 of 4)",
        "trial 0 waits at rung 9: 0.7 not below the cutoff 0.9 (top 1/3 of 4)",
        "promoted trial 0 from rung 9: one of the best",
        "trial 0 failed: four failures in a row",
        "the session ended: interrupted",
    ]


def test_the_drivers_beat_and_its_nodes_are_read_from_their_files(tmp_path):
    experiment = Experiment(tmp_path)
    experiment.session()
    experiment.trial(0)
    experiment.train(0, around(0.5), to=1)
    card = Gpu(name="H100", busy=0.9, used=2**30, memory=80 * 2**30)
    load = Load(time=5.0, busy=0.5, used=3.0, memory=4.0, gpus=[card])
    kept = Nodes(time=6.0, nodes=[Node(id="a", host="one", alive=True, cpus=2, gpus=1, load=load, trials=[0])])
    nodes.write(experiment.paths, kept)
    with DriverLock(experiment.paths.lock):
        found = monitor(History.load(experiment.paths), experiment.paths)
    assert found["live"]
    assert [row["trial"] for row in found["training"]] == [0]
    assert abs(found["driver"]["heard"] - time.time()) < 60
    assert found["nodes"] == kept.model_dump()
    found = monitor(History.load(experiment.paths), experiment.paths)
    assert not found["live"]
    assert [row["trial"] for row in found["training"]] == [0]  # as it was left
    assert found["driver"]["heard"] == experiment.records[-1]["time"]
    experiment.paths.nodes.write_text("{")
    assert monitor(History.load(experiment.paths), experiment.paths)["nodes"] is None


@pytest.mark.parametrize(("outcome", "goes_on"), [("interrupted", True), ("finished", False)])
def test_a_search_that_was_left_is_gone_on_with_by_its_name_and_storage(tmp_path, outcome, goes_on):
    experiment = Experiment(tmp_path)
    experiment.session()
    experiment.session("end", outcome)
    found = monitor(History.load(experiment.paths), experiment.paths)
    assert found["resume"] == (f"tuner resume made-up --storage {tmp_path}" if goes_on else None)
