"""How a trial is trained is asked for at the launch, kept in the manifest, and recorded epoch by epoch."""

from types import SimpleNamespace

import pytest

from search_spaces import load
from tests.tuner.rules.test_judge import result
from tuner.experiment import directory
from tuner.experiment import trials as search
from tuner.machines.allocation import Share
from tuner.records.manifest import as_json
from tuner.records.paths import ExperimentPaths
from tuner.report.trials import _how_trained
from tuner.rules.judge import epoch_record

SPACE = load("blur", "smoke")


def described(space, **budget):
    return directory.describe(space.with_budget(**budget), "smoke", (), 0, "exp", {"fingerprints": {}})


@pytest.mark.parametrize(
    ("gpus", "knobs", "expected"),
    [(0, {}, "float32"), (0.5, {}, "bf16"), (1, {"precision": "tf32"}, "tf32"), (0, {"precision": "bf16"}, "bf16")],
)
def test_the_manifest_names_strategy_and_precision(gpus, knobs, expected):
    manifest = described(SPACE.with_overrides(knobs), gpus_per_trial=gpus, strategy="graph")
    assert manifest["budget"]["strategy"] == "graph"
    assert manifest["precision"] == expected


def test_a_worker_is_told_the_strategy_and_an_older_experiment_has_none(tmp_path):
    manifest = described(SPACE, strategy="serial")
    paths = ExperimentPaths(tmp_path)
    assert search.assignment(paths, manifest, 0, {}, Share(1, 1))["strategy"] == "serial"
    del manifest["budget"]["strategy"]
    assert search.assignment(paths, manifest, 0, {}, Share(1, 1))["strategy"] == "auto"


def test_an_epochs_record_says_how_it_was_trained():
    told = {"strategy": "graph", "strategy_reason": "graph from the next epoch on", "precision": "bf16"}
    record = as_json(epoch_record(3, {**result(1, 0.5), **told}))
    assert told.items() <= record.items()
    silent = epoch_record(3, {**result(1, 0.5), **told, "strategy_reason": None})
    assert "strategy_reason" not in silent


def test_the_report_says_how_the_trials_were_trained():
    told = [{"precision": "bf16", "strategy": "graph"}, {"precision": "bf16", "strategy": "serial"}, {}]
    history = SimpleNamespace(trials=[SimpleNamespace(epochs={1: {}, 2: last}) for last in told])
    assert _how_trained(history) == [
        "Computed in bf16.",
        "Replicates trained by strategy graph (1 trials), serial (1 trials).",
    ]
