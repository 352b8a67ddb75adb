"""Seeds by rung: a rung compares medians of as many seeds, records say of how many, and nothing is lost by a kill."""

import json
import math
import os
import random
import statistics

import pytest

from tests.tuner.experiments import made_up
from trainables.trial.seeds import Seeds
from tuner.errors import BadInput
from tuner.records import manifest as manifests
from tuner.records.lines import RecordWriter, read
from tuner.results.history import History
from tuner.rules.judge import Judge
from tuner.rules.rule import rule_of
from tuner.rules.verify import contradictions

BUDGET = {"epochs": 12, "grace": 1, "reduction": 3, "trials": 9, "replicates": 5, "seeds": [1, 3, 5]}
RUNGS = [1, 3, 9, 12]
SEEDS = Seeds.by_rung((1, 3, 5), RUNGS, 5)


@pytest.fixture(autouse=True, scope="module")
def without_waiting_for_the_disk():
    """Nothing here is about the loss of power."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda file: None)
        yield


def manifest(**more):
    return made_up(budget=BUDGET | more, rungs=RUNGS)


class Trial:
    """The results of a made-up trial, in the order in which `LockStep` gives them; seeds may fail at an epoch."""

    def __init__(self, index, failures=None):
        self.failures = failures or {}
        self.draw = random.Random(index)
        self.quality = self.draw.random()
        self.results = list(self._all())

    def value(self, seed, epoch):
        if epoch >= self.failures.get(seed, math.inf):
            return -math.inf
        noise = random.Random(f"{self.quality} {seed} {epoch}").random()
        return self.quality + 0.1 * noise

    def _all(self):
        for epoch in range(1, 13):
            alive = self.alive(SEEDS.at(epoch), epoch)
            yield self.result({"epoch": epoch}, range(SEEDS.at(epoch)), epoch, alive, SEEDS.at(epoch))
            joining = SEEDS.joining(epoch)
            for late in range(1, epoch + 1) if joining else ():
                alive = (
                    self.alive(joining.start, epoch) + self.alive(joining.stop, late) - self.alive(joining.start, late)
                )
                placed = {"epoch": epoch, "late": late, "first": joining.start}
                yield self.result(placed, joining, late, alive, joining.stop)

    def alive(self, count, epoch):
        return sum(math.isfinite(self.value(seed, epoch)) for seed in range(count))

    def result(self, placed, seeds, epoch, alive, count):
        values = [self.value(seed, epoch) for seed in seeds]
        ordered = sorted(values)
        finite = [value for value in values if math.isfinite(value)]
        median = statistics.median(ordered) if 2 * len(finite) > len(values) else -math.inf
        failed = [seed for seed in seeds if self.failures.get(seed) == epoch]
        return {
            **placed,
            "val_accuracy": median,
            "val_accuracy_values": values,
            "metrics": ["val_accuracy"],
            "replicates_ok": alive,
            "learning_rate": 0.1,
            "epoch_seconds": 1.0 * len(values),
            "images_per_second": 10.0,
            "diverged": 2 * alive <= count,
            "failures": [{"replicate": seed, "epoch": epoch, "kind": "raised", "message": "boom"} for seed in failed],
        }


def search(path, known, *, kill=None, draw=None, trials=None):
    """Sessions of a search with one worker, each dying after `kill` results and going on from a checkpoint at random."""
    trials = trials or [Trial(index) for index in range(9)]
    saved = dict.fromkeys(range(9), 0)  # trial -> results that its checkpoint holds
    if not path.exists():
        writer = RecordWriter(path)
        writer.write(*({"event": "trial", "trial": i, "baseline": i == 0, "config": {}} for i in range(9)))
        writer.close()
    while True:
        writer = RecordWriter(path)
        judge = Judge(rule_of(known), writer)
        judge.recall(list(read(path, known)))
        left = math.inf if kill is None else kill(draw)
        for index in sorted(range(9), key=lambda i: (i not in judge.last_epoch, i)):
            left = _train(judge, trials[index], index, left, saved, draw)
            if left <= 0:
                break
        writer.close()
        if left > 0:
            return judge


def _train(judge, trial, index, left, saved, draw):
    """Train a trial as far as it is let; the results that are left before the kill."""
    recorded = judge.last_epoch.get(index, 0), judge.last_late.get(index, 0)
    if index in judge.ended:
        return left
    for number, result in enumerate(trial.results):
        position = result["epoch"], result.get("late", 0)
        held = number < saved[index]  # in the checkpoint
        if held and position <= recorded:
            continue
        if judge.observe(index, result | ({"replayed": True} if held else {})) == "stop":
            return left - 1
        if draw is not None and draw.random() < 0.5:
            saved[index] = max(saved[index], number + 1)
        left -= 1
        if left <= 0:
            break
    return left


def told(path):
    """All records but the repeated ones, without times."""
    return [
        {key: value for key, value in record.items() if key != "time"}
        for record in read(path)
        if record["event"] != "repeat"
    ]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    path = tmp_path_factory.mktemp("whole") / "records.jsonl"
    search(path, manifest())
    return path


def test_a_decision_says_of_how_many_seeds_its_median_is(whole):
    decisions = [record for record in read(whole) if record["event"] == "decision"]
    assert {(record["rung"], record["seeds"]) for record in decisions} == {(1, 1), (3, 3), (9, 5)}
    reasons = {record["seeds"]: record["reason"] for record in decisions if record["trial"] == 0}
    assert reasons[1].startswith("rung 1: one seed 0.")
    assert reasons[3].startswith("rung 3: median of 3 seeds 0.")


def test_every_decision_is_on_the_median_of_the_seeds_of_its_rung(whole):
    trials = [Trial(index) for index in range(9)]
    for record in read(whole):
        if record["event"] == "decision":
            values = [trials[record["trial"]].value(seed, record["rung"]) for seed in range(record["seeds"])]
            assert record["value"] == statistics.median(values)
    assert contradictions(rule_of(manifest()), read(whole, manifest())) == []


def test_late_seeds_are_recorded_beside_the_epochs_of_the_others(whole):
    history = History(manifest(), name="made up", live=False)
    for record in read(whole, manifest()):
        history.apply(record)
    baseline = history.baseline
    trial = Trial(0)
    assert baseline.values(1) == [trial.value(0, 1)]
    assert baseline.all_values(1) == [trial.value(seed, 1) for seed in range(5)]
    assert baseline.all_values(9) == [trial.value(seed, 9) for seed in range(5)]
    assert baseline.replicate_epochs == 5 * 12
    assert baseline.seconds == 5 * 12
    assert baseline.caught_up is None


@pytest.mark.parametrize("chance", range(25))
def test_a_search_killed_between_any_two_results_records_what_it_would_have(whole, tmp_path, chance):
    draw = random.Random(chance)
    path = tmp_path / "records.jsonl"
    search(path, manifest(), kill=lambda draw: draw.randint(1, 25), draw=draw)
    assert told(path) == told(whole)
    assert contradictions(rule_of(manifest()), read(path, manifest())) == []


@pytest.mark.parametrize("chance", range(10))
def test_a_line_cut_off_anywhere_changes_nothing(whole, tmp_path, chance):
    lines = whole.read_bytes().splitlines(keepends=True)
    cut = random.Random(chance).randrange(10, len(lines))
    path = tmp_path / "records.jsonl"
    path.write_bytes(b"".join(lines[:cut]) + lines[cut][:5])
    path.write_bytes(b"".join(lines[:cut]))
    search(path, manifest())
    assert sorted(told(path), key=json.dumps) == sorted(told(whole), key=json.dumps)


@pytest.mark.parametrize("rule", ["asha", "promotion"])
def test_seeds_that_are_the_same_at_every_rung_leave_every_record_as_it_was(tmp_path, rule):
    written = []
    for seeds in ([5], None):
        path = tmp_path / f"{seeds}.jsonl"
        known = made_up(budget=BUDGET | {"seeds": seeds, "rule": rule}, rungs=RUNGS)
        judge = Judge(rule_of(known), RecordWriter(path))
        for trial in range(6):
            for epoch in (1, 2, 3):
                plain = Trial(trial).result({"epoch": epoch}, range(5), epoch, 5, 5)
                if judge.observe(trial, plain) != "continue":
                    break
        written.append(told(path))
    assert written[0] == written[1]
    assert all("seeds" not in record for record in written[0])


def test_the_running_median_at_a_rung_is_over_the_seeds_of_that_rung(tmp_path):
    known = manifest(rank_window=3)
    judge = search(tmp_path / "records.jsonl", known)
    trial, decisions = Trial(0), [r for r in read(tmp_path / "records.jsonl") if r["event"] == "decision"]
    value = next(r["value"] for r in decisions if (r["trial"], r["rung"]) == (0, 3))
    medians = [statistics.median(trial.value(seed, epoch) for seed in range(3)) for epoch in (1, 2, 3)]
    assert value == statistics.median(medians)
    assert judge.medians[0][0] == statistics.median(trial.value(seed, 1) for seed in range(5))
    assert contradictions(rule_of(known), read(tmp_path / "records.jsonl", known)) == []


def test_a_trial_whose_majority_fails_while_catching_up_ends_as_diverged_also_after_a_kill(tmp_path):
    trials = [Trial(index, {1: 1, 2: 1} if index == 0 else None) for index in range(9)]
    search(tmp_path / "whole.jsonl", manifest(), trials=trials)
    end = next(r for r in read(tmp_path / "whole.jsonl") if (r["event"], r.get("trial")) == ("end", 0))
    assert (end["status"], end["epoch"]) == ("diverged", 1)
    lines = (tmp_path / "whole.jsonl").read_bytes().splitlines(keepends=True)
    late = next(number for number, line in enumerate(lines) if b'"late"' in line)
    (tmp_path / "cut.jsonl").write_bytes(b"".join(lines[: late + 3]))  # with both failures, without the end
    search(tmp_path / "cut.jsonl", manifest(), trials=trials)
    assert told(tmp_path / "cut.jsonl") == told(tmp_path / "whole.jsonl")


def changed(whole, path, event, change, rung=3):
    """The records with one of them changed."""
    lines = [json.loads(line) for line in whole.read_text().splitlines()]
    chosen = next(r for r in lines if r["event"] == event and r.get("rung", r.get("epoch")) == rung)
    change(chosen)
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def test_verification_catches_a_decision_on_another_number_of_seeds(whole, tmp_path):
    path = changed(whole, tmp_path / "records.jsonl", "decision", lambda record: record.update(seeds=1))
    found = contradictions(rule_of(manifest()), read(path, manifest()))
    assert found == ["trial 0 at rung 3: recorded 1 seed, but the rule says 3 seeds"]
    path = changed(whole, tmp_path / "records.jsonl", "decision", lambda record: record.pop("seeds"))
    found = contradictions(rule_of(manifest()), read(path, manifest()))
    assert found == ["trial 0 at rung 3: recorded no number of seeds, but the rule says 3 seeds"]
    made_elsewhere = contradictions(rule_of(manifest(seeds=[1, 1, 5])), read(whole))
    assert "trial 0 at rung 3: recorded 3 seeds, but the rule says 1 seed" in made_elsewhere
    assert "trial 0 at rung 3: its epoch there reports 3 seeds, but the rule says 1" in made_elsewhere


def fewer(record):
    record["metrics"]["val_accuracy"]["values"].pop()


@pytest.mark.parametrize(
    ("event", "change", "rung", "said"),
    [
        ("epoch", fewer, 3, "`metrics.val_accuracy.values` holds 2 values, but must hold 3, one a replicate"),
        ("late", fewer, 3, "`metrics.val_accuracy.values` holds 1 values, but must hold 2, one a replicate"),
        (
            "late",
            lambda record: record.update(first=2),
            3,
            "`first` is 2, but must be 3, the first seed that joins at rung 3",
        ),
        ("late", lambda record: record.update(rung=2), 3, "`rung` is 2, but no seeds join trial 0 there"),
        (
            "late",
            lambda record: record.update(epoch=2),
            3,
            "`epoch` is 2, but must be at most 1; epochs must be in order",
        ),
        ("late", lambda record: record.update(event="later"), 3, "`epoch` is 2, but must be at most 1"),
    ],
)
def test_records_that_contradict_the_seeds_of_the_manifest_are_refused(whole, tmp_path, event, change, rung, said):
    path = changed(whole, tmp_path / "records.jsonl", event, change, rung)
    with pytest.raises(BadInput) as caught:
        list(read(path, manifest()))
    assert said in str(caught.value)


def test_an_epoch_after_seeds_that_never_caught_up_is_refused(whole, tmp_path):
    lines = [line for line in whole.read_bytes().splitlines(keepends=True) if b'"late"' not in line]
    (tmp_path / "records.jsonl").write_bytes(b"".join(lines))
    with pytest.raises(
        BadInput, match="`epoch` is 2, but the seeds that join trial 0 at rung 1 have recorded 0 epochs"
    ):
        list(read(tmp_path / "records.jsonl", manifest()))


@pytest.mark.parametrize("seeds", [[3, 1], [0, 5], [], [1, "5"], 5, [1, 1001]])
def test_a_manifest_with_seeds_that_cannot_be_is_refused(seeds):
    with pytest.raises(BadInput, match=r"`budget\.seeds"):
        manifests.of(manifest().content() | {"budget": BUDGET | {"seeds": seeds}})
