"""Retraining holds what it reaches against the seeds that were recorded."""

import pytest

from tuner.networks import retrain


@pytest.mark.parametrize(
    ("recorded", "said"),
    [
        ([0.5], "the recorded median bit for bit, and so is every replicate"),
        ([0.5, 0.7, 0.6], "the recorded median bit for bit, and so is every replicate"),
        ([0.4], "0.5, but 0.4 was recorded (+0.1)"),
    ],
)
def test_a_figure_of_a_rung_with_fewer_seeds_is_compared_with_those(monkeypatch, recorded, said):
    values = [0.5, 0.7, 0.6, 0.1, 0.2]
    result = {"epoch": 3, "metrics": ["val_accuracy"], "val_accuracy": 0.5, "val_accuracy_values": values}
    monkeypatch.setattr(retrain, "run", lambda *arguments, **more: iter([result]))
    known = {"metric": "val_accuracy", "epoch": 3, "median": sorted(recorded)[len(recorded) // 2], "values": recorded}
    exported = retrain.Exported(
        format=1,
        family="blur",
        config={},
        seed=0,
        replicates=5,
        device="cpu",
        threads=1,
        recorded=retrain.Recorded(**known),
        manifest={},
    )
    training = retrain.Retraining(exported)
    assert list(training.results()) == [result]
    assert said in training.verdict()
