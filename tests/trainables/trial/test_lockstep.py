"""k replicates in lock-step: paired seeds, honest medians, failures that stay with their replicate, exact resume."""

import math

import pytest
import torch

from trainables import engine
from trainables.blur import FAMILY
from trainables.lockstep import LockStep
from trainables.trial.replicate import Replicate

KNOBS = {"dataset": "digits", "image_size": 8, "train_images": 120, "epochs": 3, "batch_size": 40, "mode": "mix"}
RANDOM = KNOBS | {"mode": "random-mix", "augmentation": "crop-flip", "crop_padding": 1}


def run(trial):
    results = []
    while not trial.finished:
        results.append(trial.step())
    return results


def numbers(results):
    """Everything in results that must be reproducible: all but the times."""
    return [{key: value for key, value in r.items() if "second" not in key} for r in results]


def test_a_result_holds_median_values_minimum_and_maximum_of_every_metric():
    result = LockStep("blur", KNOBS).step()
    for name in ("train_loss", "train_accuracy", "val_loss", "val_accuracy"):
        values = result[f"{name}_values"]
        assert len(values) == 5
        assert result[name] == sorted(values)[2]
        assert (result[f"{name}_min"], result[f"{name}_max"]) == (min(values), max(values))
    assert result["epoch"] == 1
    assert result["replicates_ok"] == 5
    assert result["learning_rate"] == 0.01
    assert result["epoch_seconds"] > 0
    assert result["images_per_second"] > 0


def test_training_learns():
    results = run(LockStep("blur", KNOBS | {"train_images": 800, "epochs": 4, "mode": "normal"}, replicates=3))
    assert results[-1]["val_accuracy"] > 0.8
    assert results[-1]["train_loss"] < results[0]["train_loss"] / 2


def test_the_same_seed_gives_the_same_numbers_and_another_seed_others():
    one, two, other = (numbers(run(LockStep("blur", RANDOM, seed=seed))) for seed in (1, 1, 2))
    assert one == two
    assert one != other


def test_replicates_differ_from_each_other_but_not_with_their_number():
    five = LockStep("blur", KNOBS, replicates=5).step()
    three = LockStep("blur", KNOBS, replicates=3).step()
    assert len(set(five["train_loss_values"])) == 5
    assert five["train_loss_values"][:3] == three["train_loss_values"]


def test_every_configuration_starts_from_the_same_k_networks():
    one, two = LockStep("blur", KNOBS), LockStep("blur", KNOBS | {"lr": 0.1, "mode": "normal"})
    for a, b in zip(one.replicates, two.replicates, strict=True):
        assert all(torch.equal(x, y) for x, y in zip(a.model.parameters(), b.model.parameters(), strict=True))


def test_the_test_set_and_the_evaluation_sigmas_are_reported_at_the_full_budget_only():
    first, _, last = run(LockStep("blur", KNOBS | {"evaluation_sigmas": (0, 2)}))
    assert not any("test" in name or "sigma" in name for name in first["metrics"])
    assert {"test_accuracy", "test_loss", "val_accuracy_sigma_0", "val_accuracy_sigma_2"} <= set(last["metrics"])
    assert last["val_accuracy_sigma_0_values"] == last["val_accuracy_values"]


def test_selection_on_the_test_set_reports_no_second_test_metric():
    results = run(LockStep("blur", KNOBS | {"selection": "test", "epochs": 1}))
    assert not any(name.startswith("test") for name in results[-1]["metrics"])


@pytest.mark.parametrize("stop_after", [0, 1, 2])
def test_a_trial_continued_from_a_checkpoint_is_bit_equal_to_one_never_interrupted(tmp_path, stop_after):
    from trainables import checkpoints

    whole = run(LockStep("blur", RANDOM))
    first = LockStep("blur", RANDOM)
    for _ in range(stop_after):
        first.step()
    checkpoints.save(tmp_path, first.state(), first.epoch)
    torch.rand(11)  # whatever else this process draws must not matter
    second = LockStep("blur", RANDOM)
    [(_, state)] = checkpoints.newest_first(tmp_path)
    second.load(state)
    assert second.epoch == stop_after
    run(second)
    assert numbers(second.history) == numbers(whole)


def failing(monkeypatch, which, at_epoch=1, error=None):
    """Let some replicates fail at a 0-based epoch: by an exception, or by a loss that turns NaN."""
    real = engine.train_epoch

    def train_epoch(replicate, epoch):
        if replicate.index in which and epoch >= at_epoch:
            if error is not None:
                raise error
            for parameter in replicate.model.parameters():
                parameter.data.fill_(math.nan)
        return real(replicate, epoch)

    monkeypatch.setattr(engine, "train_epoch", train_epoch)


def test_a_replicate_that_raises_counts_as_worst_from_then_on_and_leaves_its_siblings_alone(monkeypatch):
    healthy = run(LockStep("blur", KNOBS))
    failing(monkeypatch, {1}, error=RuntimeError("out of luck"))
    first, second, third = run(LockStep("blur", KNOBS))
    assert first["replicates_ok"] == 5
    for result, twin in ((second, healthy[1]), (third, healthy[2])):
        assert result["replicates_ok"] == 4
        assert result["val_accuracy_values"][1] == -math.inf
        assert result["val_loss_values"][1] == math.inf
        others = [0, 2, 3, 4]
        assert [result["val_accuracy_values"][i] for i in others] == [twin["val_accuracy_values"][i] for i in others]
        assert not result["diverged"]
    [failure] = second["failures"]
    assert failure["kind"] == "raised"
    assert failure["epoch"] == 2
    assert failure["message"] == "RuntimeError: out of luck"
    assert "train_epoch" in failure["traceback"]
    assert third["failures"] == []


def test_a_replicate_that_turns_nan_fails_as_non_finite(monkeypatch):
    failing(monkeypatch, {0, 4})
    _, second, _ = run(LockStep("blur", KNOBS))
    assert second["replicates_ok"] == 3
    assert {failure["kind"] for failure in second["failures"]} == {"non-finite"}
    assert math.isfinite(second["val_accuracy"])


@pytest.mark.parametrize(
    ("value", "kind", "message"),
    [
        (None, "raised", "TypeError: the family reported extra = None, but a metric must be a number"),
        ("0.9", "raised", "TypeError: the family reported extra = '0.9', but a metric must be a number"),
        (math.nan, "non-finite", "NonFinite: extra became nan"),
    ],
)
def test_a_replicate_with_a_bad_metric_fails_alone(monkeypatch, value, kind, message):
    real = Replicate.evaluate

    def evaluate(replicate, epoch, last):
        return real(replicate, epoch, last) | {"extra": value if replicate.index == 1 else 0.5}

    monkeypatch.setattr(Replicate, "evaluate", evaluate)
    result = LockStep("blur", KNOBS).step()
    assert result["replicates_ok"] == 4
    assert result["extra_values"] == [0.5, -math.inf, 0.5, 0.5, 0.5]
    [failure] = result["failures"]
    assert (failure["kind"], failure["message"]) == (kind, message)


def test_without_a_majority_the_trial_has_diverged_with_the_worst_median(monkeypatch):
    failing(monkeypatch, {0, 1, 2, 3}, error=RuntimeError("crash"))
    results = run(LockStep("blur", KNOBS))
    assert len(results) == 2
    assert results[-1]["diverged"]
    assert results[-1]["finished"]
    assert results[-1]["val_accuracy"] == -math.inf
    assert results[-1]["val_loss"] == math.inf


def test_a_failure_survives_a_checkpoint(monkeypatch):
    failing(monkeypatch, {2}, error=RuntimeError("crash"))
    first = LockStep("blur", KNOBS)
    first.step()
    first.step()
    second = LockStep("blur", KNOBS)
    second.load(first.state())
    result = second.step()
    assert result["replicates_ok"] == 4
    assert result["failures"] == []


def test_networks_that_cannot_be_built_diverge_at_the_first_epoch(monkeypatch):
    def build_model(config, shape):
        raise ValueError("no such network")

    monkeypatch.setattr(FAMILY, "build_model", build_model)
    [result] = run(LockStep("blur", KNOBS))
    assert result["diverged"]
    assert result["replicates_ok"] == 0
    assert result["failures"][0]["message"] == "ValueError: no such network"


def test_a_large_step_makes_the_loss_non_finite():
    results = run(LockStep("blur", KNOBS | {"lr": 10, "weight_decay": 1, "epochs": 30, "mode": "normal"}))
    assert results[-1]["diverged"]
    assert results[-1]["epoch"] < 30


def test_a_checkpoint_of_another_trial_is_refused():
    state = LockStep("blur", KNOBS).state()
    with pytest.raises(ValueError, match="the checkpoint's `seed` is 0, but this trial's is 1"):
        LockStep("blur", KNOBS, seed=1).load(state)
    with pytest.raises(ValueError, match="`config`"):
        LockStep("blur", KNOBS | {"lr": 0.02}).load(state)
    with pytest.raises(ValueError, match="`replicates`"):
        LockStep("blur", KNOBS, replicates=3).load(state)


def test_no_replicates_are_refused():
    with pytest.raises(ValueError, match="`replicates` is 0, but must be at least 1"):
        LockStep("blur", KNOBS, replicates=0)
