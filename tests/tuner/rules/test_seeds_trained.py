"""Judge and trials together, without Ray: real training that is killed between any two steps records what it would have."""

import random

import pytest

from tests.tuner.experiments import made_up
from trainables import checkpoints
from trainables.lockstep import LockStep
from trainables.trial.guarded import GuardedTrial
from trainables.trial.seeds import Seeds
from tuner.records.lines import RecordWriter, read
from tuner.rules.judge import Judge
from tuner.rules.rule import rule_of
from tuner.rules.verify import contradictions

TRIALS, RUNGS = 4, [1, 2, 4]
BUDGET = {"epochs": 4, "grace": 1, "reduction": 2, "trials": TRIALS, "replicates": 5, "seeds": [1, 2, 5]}
KNOWN = made_up(budget=BUDGET, rungs=RUNGS)
SEEDS = Seeds.by_rung((1, 2, 5), RUNGS, 5)
KNOBS = {"image_size": 8, "train_images": 60, "epochs": 4, "batch_size": 30, "mode": "random-mix"}
MOOD = {"time", "epoch_seconds", "step_seconds", "images_per_second"}


def trial(index):
    return LockStep("blur", KNOBS | {"lr": 0.01 * (index + 1)}, replicates=5, seeds=SEEDS)


def session(folder, steps, every, draw):
    """One driver with one worker until `steps` results have come, each saved with a chance of `every`."""
    writer = RecordWriter(folder / "records.jsonl")
    judge = Judge(rule_of(KNOWN), writer)
    judge.recall(list(read(folder / "records.jsonl", KNOWN)))
    for index in sorted(range(TRIALS), key=lambda index: (index not in judge.last_epoch, index)):
        if index in judge.ended:
            continue
        place = folder / f"trial {index}"
        place.mkdir(exist_ok=True)
        known = {"recorded_epoch": judge.last_epoch.get(index, 0), "recorded_late": judge.last_late.get(index, 0)}
        guarded = GuardedTrial(lambda one_by_one, limit, index=index: trial(index), place, **known)
        verdict = "continue"
        while verdict == "continue":
            result = guarded.step()
            if not result.get("replayed") and draw.random() < every:
                state = guarded.trial.state()
                checkpoints.save(place, state, len(state["history"]))
            if every and draw.random() < 0.1:  # killed before the driver has heard of it
                writer.close()
                return
            verdict = judge.observe(index, result)
            steps -= 1
            if not steps:
                writer.close()
                return
    writer.close()


def told(folder):
    records = read(folder / "records.jsonl", KNOWN)
    return [{k: v for k, v in record.items() if k not in MOOD} for record in records if record["event"] != "repeat"]


def search(folder, steps, every, seed):
    writer = RecordWriter(folder / "records.jsonl")
    writer.write(*({"event": "trial", "trial": i, "baseline": i == 0, "config": {}} for i in range(TRIALS)))
    writer.close()
    draw = random.Random(seed)
    sessions = 0
    while sum(record["event"] == "end" for record in read(folder / "records.jsonl")) < TRIALS:
        session(folder, steps(draw), every, draw)
        sessions += 1
    return sessions


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    search(folder, lambda draw: 1000, 0.0, 0)
    return told(folder)


@pytest.mark.parametrize("seed", [1, 2])
def test_a_search_that_is_killed_ten_times_or_more_is_bit_by_bit_the_same(whole, tmp_path, seed):
    sessions = search(tmp_path, lambda draw: draw.randint(2, 4), 0.6, seed)
    assert sessions >= 10
    assert told(tmp_path) == whole
    assert contradictions(rule_of(KNOWN), read(tmp_path / "records.jsonl", KNOWN)) == []
