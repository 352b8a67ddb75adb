"""A search with seeds by rung, killed at any moment and also while seeds catch up, ends as one that never was."""

import random
import re
import signal
import time

import pytest

from tests.tuner.searches import VOLATILE, options, run, start
from tuner.records.lines import read
from tuner.records.manifest import read as read_manifest
from tuner.records.paths import ExperimentPaths
from tuner.results.history import History
from tuner.rules.rule import rule_of
from tuner.rules.verify import contradictions

pytestmark = [pytest.mark.slow, pytest.mark.cluster]

KILLS = 10
SEEDS = ("--seeds", "1,3,5", "--max-concurrent", 1)


def told(paths):
    """What was recorded of every trial, without times and without what a kill makes: sessions, starts, repeated epochs."""
    return [
        {key: value for key, value in record.items() if key not in VOLATILE}
        for record in read(paths.records)
        if record["event"] in ("trial", "epoch", "late", "decision", "end")
    ]


def count(path):
    return path.read_bytes().count(b'"epoch_seconds"') if path.exists() else 0


def kill_after(process, path, steps, delay):
    while process.poll() is None and count(path) < steps:
        time.sleep(0.01)
    time.sleep(delay)
    if process.poll() is None:
        process.send_signal(signal.SIGKILL)
    process.communicate(timeout=300)


@pytest.fixture(scope="module")
def uninterrupted(cluster, tmp_path_factory):
    storage = tmp_path_factory.mktemp("reference")
    code, output = run(*options(storage, "whole"), *SEEDS, address=cluster)
    assert code == 0, output
    return ExperimentPaths(storage / "whole")


@pytest.mark.long
def test_ten_kills_at_random_moments_change_no_record(cluster, tmp_path, uninterrupted):
    paths = ExperimentPaths(tmp_path / "killed")
    draw = random.Random(3)
    moments = sorted(draw.sample(range(1, count(uninterrupted.records)), KILLS))
    kill_after(
        start(*options(tmp_path, "killed"), *SEEDS, address=cluster), paths.records, moments[0], draw.random() / 4
    )
    for moment in moments[1:]:
        every = draw.choice([0, 0, 3600])
        resumed = start("resume", "killed", "--storage", tmp_path, "--checkpoint-every", every, address=cluster)
        kill_after(resumed, paths.records, moment, draw.random() / 4)
    code, output = run("resume", "killed", "--storage", tmp_path, address=cluster)
    assert code == 0, output
    assert told(paths) == told(uninterrupted)
    known = read_manifest(paths.manifest)
    assert contradictions(rule_of(known), read(paths.records, known)) == []


def test_late_seeds_are_bit_by_bit_those_that_train_from_the_beginning(cluster, tmp_path, uninterrupted):
    plain = ExperimentPaths(tmp_path / "plain")
    code, output = run(*options(tmp_path, "plain", trials=1), "--max-concurrent", 1, address=cluster)
    assert code == 0, output
    five, by_rung = History.load(plain).baseline, History.load(uninterrupted).baseline
    for epoch in range(1, 10):
        assert by_rung.all_values(epoch, "val_loss") == five.values(epoch, "val_loss")


def test_late_seeds_in_workers_of_their_own_train_to_the_values_of_packed_ones(cluster, tmp_path, uninterrupted):
    spread = ExperimentPaths(tmp_path / "spread")
    options_here = ("--seeds", "1,2", "--replicates", 2, "--placement", "spread")
    code, output = run(*options(tmp_path, "spread", trials=1), *options_here, address=cluster)
    assert code == 0, output
    assert len([record for record in read(spread.records) if record["event"] == "late"]) == 1
    workers = re.findall(r"worker \d trains on node \w+, [^,]+, process (\d+)", spread.trial_log(0).read_text())
    assert len(set(workers)) == 2
    packed, apart = History.load(uninterrupted).baseline, History.load(spread).baseline
    for epoch in range(1, 10):
        assert apart.all_values(epoch, "val_loss") == packed.all_values(epoch, "val_loss")[:2]
        assert len(apart.all_values(epoch, "val_loss")) == 2
