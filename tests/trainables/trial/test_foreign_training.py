"""A full checkpoint of an original is gone on with where optimizer and schedule fit; what was not taken is told."""

import copy
import logging

import pytest
import torch

from trainables.lockstep import LockStep
from trainables.trial.initial_weights import resume_from

KNOBS = {"train_images": 100, "epochs": 3, "batch_size": 45, "lr_schedule": "constant", "optimizer": "sgd"}
NAMES = {"0": "features.0", "4": "features.4", "8": "features.8", "11": "classifier.0", "13": "classifier.2"}


def published(trial, epoch):
    """The checkpoint that another program would have written of a replicate."""
    replicate = trial.replicates[0]
    weights = {
        f"module.{NAMES[key.partition('.')[0]]}.{key.partition('.')[2]}": tensor.clone()
        for key, tensor in replicate.model.state_dict().items()
    }
    optimizer = copy.deepcopy(replicate.optimizer.state_dict())
    return {"epoch": epoch, "arch": "lenet5", "state_dict": weights, "optimizer": optimizer, "best_acc1": 0.5}


def new(**knobs):
    return LockStep("imagenet", {**KNOBS, **knobs}, replicates=1)


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "rmsprop"])
def test_training_goes_on_as_if_it_had_not_been_interrupted(tmp_path, caplog, optimizer):
    through = new(optimizer=optimizer)
    for _ in range(2):
        through.step()
    torch.save(published(through, 2), tmp_path / "checkpoint.pth.tar")
    expected = through.step()
    trial = new(optimizer=optimizer)
    with caplog.at_level(logging.WARNING):
        resume_from(trial, tmp_path / "checkpoint.pth.tar")
    found = trial.step()
    assert (found["epoch"], found["val_loss_values"]) == (3, expected["val_loss_values"])
    assert "training goes on after its epoch 2; not taken: arch, best_acc1" in caplog.text


def test_a_schedule_that_follows_a_metric_goes_on_with_it(tmp_path, caplog):
    knobs = {"lr_schedule": "plateau", "plateau_patience": 1}
    before = new(**knobs, epochs=4)
    before.step()
    memory = {"mode": "max", "factor": 0.1, "patience": 1, "best": 99.9, "num_bad_epochs": 1, "last_epoch": 1}
    state = published(before, 1)
    del state["optimizer"]["param_groups"][0]["plateau"]
    torch.save({**state, "scheduler": memory}, tmp_path / "lenet5-epoch-1.pt")
    trial = new(**knobs, epochs=4)
    with caplog.at_level(logging.WARNING):
        resume_from(trial, tmp_path / "lenet5-epoch-1.pt")
    assert "goes on after its epoch 1; not taken: arch, best_acc1" in caplog.text
    rates = [trial.step()["learning_rate"] for _ in range(2)]
    assert rates == pytest.approx([0.001, 0.0001])  # one bad epoch there, the second here
    other = new(lr_schedule="plateau")
    resume_from(other, tmp_path / "lenet5-epoch-1.pt")
    assert "the patience of its schedule is 1, this configuration's 10" in caplog.text


@pytest.mark.parametrize(
    ("knobs", "reason"),
    [
        ({"lr": 0.07}, "its learning rate after 1 epochs is 0.001, this configuration's 0.07"),
        ({"weight_decay": 0.01}, "its weight_decay is "),
        ({"optimizer": "adam"}, "which is not Adam's"),
    ],
)
def test_where_something_does_not_fit_training_begins_from_the_weights(tmp_path, caplog, knobs, reason):
    before = new(lr=0.001)
    before.step()
    torch.save(published(before, 1), tmp_path / "checkpoint.pth.tar")
    trial = new(**{"lr": 0.001, **knobs})
    with caplog.at_level(logging.WARNING):
        resume_from(trial, tmp_path / "checkpoint.pth.tar")
    assert trial.epoch == 0
    assert "training begins at epoch 1 from its weights; not taken: epoch, optimizer" in caplog.text
    assert reason in caplog.text
    ours, theirs = (t.replicates[0].model.state_dict() for t in (trial, before))
    assert all(torch.equal(ours[key], theirs[key]) for key in ours)


def test_a_budget_that_is_spent_already_is_one_sentence(tmp_path):
    before = new()
    before.step()
    torch.save(published(before, 3), tmp_path / "checkpoint.pth.tar")
    with pytest.raises(ValueError, match=r"has 3 epochs behind it, but the budget is 3; raise --epochs"):
        resume_from(new(), tmp_path / "checkpoint.pth.tar")


def test_torchvisions_scripts_count_epochs_from_0(tmp_path):
    before = new()
    before.step()
    state = published(before, 0)
    torch.save({**state, "lr_scheduler": {}, "args": {}}, tmp_path / "model_0.pth")
    trial = new()
    resume_from(trial, tmp_path / "model_0.pth")
    assert trial.epoch == 1


def test_a_schedule_that_changes_within_an_epoch_goes_on_wherever_its_last_rate_was_taken(tmp_path, caplog):
    knobs = {"arch": "simple_v1", "method": 1, "image_size": 8, "train_images": 100, "batch_size": 45, "epochs": 3}
    before = LockStep("deconv", {"dataset": "digits", **knobs}, replicates=1)
    rates = [before.family.learning_rate_at(before.config, epoch) for epoch in (0, 1)]
    before.step()
    for rate in (before.replicates[0].optimizer.param_groups[0]["lr"], rates[1]):  # of the last batch, or the next one
        assert rates[1] <= rate < rates[0]
        state = published(before, 1)
        state["optimizer"]["param_groups"][0]["lr"] = rate
        torch.save(state, tmp_path / "checkpoint.pth.tar")
        trial = LockStep("deconv", {"dataset": "digits", **knobs}, replicates=1, seed=3)
        with caplog.at_level(logging.WARNING):
            resume_from(trial, tmp_path / "checkpoint.pth.tar")
        assert trial.epoch == 1
        assert trial.step()["epoch"] == 2
