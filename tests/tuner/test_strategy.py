"""How a trial is trained is asked for at the launch, kept in the manifest, and recorded epoch by epoch."""

from types import SimpleNamespace

import pytest

from tests.tuner.rules.test_judge import result
from trainables.trial.assignment import Assignment
from tuner.experiment import directory
from tuner.experiment.request import Request
from tuner.records import manifest as manifests
from tuner.records.manifest import as_json
from tuner.report.trials import _how_trained
from tuner.rules.entries import epoch_record


def described(knobs=(), **budget):
    return directory.describe(
        Request("blur", overrides=dict(knobs), budget=budget).checked(), "exp", {"fingerprints": {}}
    )


@pytest.mark.parametrize(
    ("gpus", "knobs", "expected"),
    [(0, {}, "float32"), (0.5, {}, "bf16"), (1, {"precision": "tf32"}, "tf32"), (0, {"precision": "bf16"}, "bf16")],
)
def test_the_manifest_names_strategy_and_precision(gpus, knobs, expected):
    manifest = described(knobs, gpus_per_trial=gpus, strategy="graph").content()
    assert manifest["budget"]["strategy"] == "graph"
    assert manifest["precision"] == expected


def test_a_worker_is_told_the_strategy_and_an_older_experiment_has_none():
    assert Assignment({}, strategy="serial").told()["strategy"] == "serial"
    content = described(strategy="serial").content()
    assert manifests.of(content).budget.strategy == "serial"
    del content["budget"]["strategy"]
    assert manifests.of(content).budget.strategy == "auto"


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
