"""The judge decides in order of arrival, records why, and forgets nothing."""

import dataclasses
import json
import math
import random

import pytest

from tests.tuner.experiments import made_up
from tuner.records.lines import RecordWriter, read
from tuner.rules.judge import Judge
from tuner.rules.rule import Rule, rule_of
from tuner.rules.verify import contradictions

RULE = Rule("val_accuracy", "max", epochs=9, grace=1, reduction=3)


def result(epoch, value, *, ok=5, failures=()):
    values = [value] * ok + [-math.inf] * (5 - ok)
    median = value if ok >= 3 else -math.inf
    return {
        "epoch": epoch,
        "val_accuracy": median,
        "val_accuracy_values": values,
        "metrics": ["val_accuracy"],
        "replicates_ok": ok,
        "learning_rate": 0.1,
        "epoch_seconds": 1.0,
        "images_per_second": 10.0,
        "diverged": ok < 3,
        "failures": list(failures),
    }


@pytest.fixture
def path(tmp_path):
    return tmp_path / "records.jsonl"


def judge_at(path):
    judge = Judge(RULE, RecordWriter(path))
    judge.recall(list(read(path)))
    return judge


def decisions(path):
    return [record for record in read(path) if record["event"] == "decision"]


def endings(path):
    return {record["trial"]: record for record in read(path) if record["event"] == "end"}


def test_a_trial_below_the_cutoff_is_stopped_with_its_reason(path):
    judge = judge_at(path)
    for trial, value in enumerate([0.5, 0.6, 0.7]):
        judge.observe(trial, result(1, value))
    assert judge.observe(3, result(1, 0.4)) == "stop"
    assert endings(path)[3]["status"] == "stopped"
    assert endings(path)[3]["reason"] == "rung 1: 0.4 below the cutoff 0.6333 (top 1/3 of 4)"


def test_the_baseline_is_never_stopped_but_counts_at_the_rung(path):
    judge = judge_at(path)
    judge.observe(1, result(1, 0.9))
    assert judge.observe(0, result(1, 0.1)) == "continue"
    assert "the baseline is never stopped" in decisions(path)[-1]["reason"]
    judge.observe(2, result(1, 0.95))
    assert decisions(path)[-1]["of"] == 3


def test_the_full_budget_completes_a_trial_without_a_decision(path):
    judge = judge_at(path)
    assert judge.observe(1, result(9, 0.1)) == "stop"
    assert endings(path)[1]["status"] == "completed"
    assert decisions(path) == []


def test_epochs_between_rungs_are_not_judged(path):
    judge = judge_at(path)
    judge.observe(1, result(1, 0.9))
    judge.observe(2, result(2, 0.1))
    assert len(decisions(path)) == 1


def test_a_diverged_trial_ends_at_once_and_counts_as_worst_at_its_rung(path):
    failure = {"replicate": 0, "epoch": 1, "kind": "non-finite", "message": "NonFinite: nan", "traceback": "..."}
    judge = judge_at(path)
    assert judge.observe(4, result(1, 0.99, ok=2, failures=[failure])) == "stop"
    assert endings(path)[4]["status"] == "diverged"
    assert "NonFinite: nan" in endings(path)[4]["reason"]
    assert judge.observe(5, result(2, 0.99, ok=1)) == "stop"
    assert endings(path)[5]["status"] == "diverged"
    judge.observe(6, result(1, 0.2))
    assert judge.values[1] == {4: -math.inf, 6: 0.2}
    assert decisions(path)[-1]["action"] == "continue"
    assert contradictions(RULE, read(path)) == []


def test_even_the_baseline_ends_when_it_diverges(path):
    judge = judge_at(path)
    assert judge.observe(0, result(1, 0.9, ok=2)) == "stop"
    assert contradictions(RULE, read(path)) == []


def test_a_lone_survivor_of_five_never_passes_a_rung(path):
    judge = judge_at(path)
    judge.observe(1, result(1, 0.1))
    assert judge.observe(2, result(1, 1.0, ok=1)) == "stop"


def test_an_epoch_reported_twice_changes_nothing(path):
    judge = judge_at(path)
    judge.observe(1, result(1, 0.5))
    judge.observe(1, result(1, 0.5))
    assert len(decisions(path)) == 1
    assert [record["event"] for record in read(path)].count("repeat") == 1
    assert judge.values[1] == {1: 0.5}


def test_an_epoch_replayed_from_a_checkpoint_leaves_no_record(path):
    judge = judge_at(path)
    judge.observe(1, result(1, 0.5))
    before = path.read_bytes()
    assert judge.observe(1, result(1, 0.5) | {"replayed": True}) == "continue"
    assert path.read_bytes() == before


def test_a_recalled_judge_is_the_judge_that_was_killed(path):
    judge = judge_at(path)
    for trial, value in enumerate([0.5, 0.6, 0.7, 0.2]):
        judge.observe(trial, result(1, value))
    again = judge_at(path)
    assert (again.values, again.ended, again.last_epoch) == (judge.values, judge.ended, judge.last_epoch)


def test_a_kill_between_an_epoch_and_its_decision_is_decided_on_recall(path):
    judge = judge_at(path)
    for trial, value in enumerate([0.5, 0.6, 0.7]):
        judge.observe(trial, result(1, value))
    before = path.read_bytes()
    judge.observe(3, result(1, 0.4))
    after = path.read_bytes()
    first_line = after.index(b"\n", len(before)) + 1
    path.write_bytes(after[: first_line + 10])  # the epoch is whole, the decision torn
    judge_at(path)
    whole, recalled = after.decode().splitlines(), path.read_text().splitlines()
    assert [_untimed(line) for line in recalled] == [_untimed(line) for line in whole]


def _untimed(line):
    record = json.loads(line)
    del record["time"]
    return record


def test_decisions_follow_from_the_recorded_order_and_a_forged_one_is_found(path):
    judge = judge_at(path)
    draw = random.Random(7)
    for epoch in (1, 3):
        for trial in draw.sample(range(30), 30):
            if trial not in judge.ended:
                judge.observe(trial, result(epoch, draw.random(), ok=draw.choice([1, 4, 5, 5, 5])))
    records = list(read(path))
    assert len(decisions(path)) > 40
    assert contradictions(RULE, records) == []
    forged = next(r for r in records if r["event"] == "decision" and r["action"] == "stop" and r["value"] is not None)
    forged["action"] = "continue"
    assert len(contradictions(RULE, records)) == 1


def test_the_familys_scalars_are_recorded_with_the_epoch(path):
    judge = judge_at(path)
    judge.observe(1, result(1, 0.5) | {"scalars": {"momentum_effective": 0.97}})
    [record] = [record for record in read(path) if record["event"] == "epoch"]
    assert record["scalars"] == {"momentum_effective": 0.97}


WINDOWED = dataclasses.replace(RULE, rank_window=3)


def observe_all(judge, *curves):
    """Trials 1, 2, ... epoch by epoch."""
    for epoch, values in enumerate(zip(*curves, strict=True), start=1):
        for trial, value in enumerate(values, start=1):
            judge.observe(trial, result(epoch, value))


def test_a_rank_window_judges_by_the_running_median(path):
    judge = Judge(WINDOWED, RecordWriter(path))
    observe_all(judge, [0.4, 0.6, 0.5], [0.7, 0.8, 0.1])
    assert judge.values[3] == {1: 0.5, 2: 0.7}
    assert decisions(path)[-1]["action"] == "continue"
    assert decisions(path)[-1]["reason"] == "rung 3: 0.7 (median of 3 epochs) not below the cutoff 0.5 (top 1/3 of 2)"
    assert contradictions(WINDOWED, read(path)) == []


def test_a_recalled_judge_knows_the_epochs_its_window_needs(path):
    judge = Judge(WINDOWED, RecordWriter(path))
    observe_all(judge, [0.4, 0.6], [0.7, 0.8])
    again = Judge(WINDOWED, RecordWriter(path))
    again.recall(list(read(path)))
    again.observe(1, result(3, 0.5))
    again.observe(2, result(3, 0.1))
    assert again.values[3] == {1: 0.5, 2: 0.7}


def test_a_window_does_not_save_a_trial_that_diverged(path):
    judge = Judge(WINDOWED, RecordWriter(path))
    observe_all(judge, [0.4, 0.6], [0.7, 0.8])
    judge.observe(1, result(3, 0.5))
    assert judge.observe(2, result(3, 0.9, ok=2)) == "stop"
    assert judge.values[3] == {1: 0.5, 2: -math.inf}
    assert contradictions(WINDOWED, read(path)) == []


def test_a_decision_on_another_value_than_the_epochs_give_is_a_contradiction(path):
    judge = Judge(WINDOWED, RecordWriter(path))
    observe_all(judge, [0.4, 0.6, 0.5], [0.7, 0.8, 0.1])
    [sentence] = contradictions(dataclasses.replace(WINDOWED, rank_window=2), read(path))[:1]
    assert sentence == "trial 1 at rung 3: recorded the value 0.5, but its epochs give 0.55"


def test_an_experiment_from_before_the_choice_ranks_by_the_rungs_own_epoch():
    manifest = made_up()
    assert rule_of(manifest).rank_window == 1
    manifest.budget.rank_window = 3
    assert rule_of(manifest) == WINDOWED


def test_a_trial_lost_for_good_is_failed_once(path):
    judge = judge_at(path)
    judge.fail(2, "the worker was lost")
    judge.fail(2, "the worker was lost")
    assert [record["event"] for record in read(path)] == ["end"]
    assert endings(path)[2]["status"] == "failed"
