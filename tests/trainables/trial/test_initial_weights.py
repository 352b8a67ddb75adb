"""Training continued from a checkpoint, or begun from weights of others."""

import pytest
import torch
import torchvision

from trainables import checkpoints
from trainables.config.imagenet import ImageNetConfig
from trainables.lockstep import LockStep
from trainables.models.imagenet import build
from trainables.trial.initial_weights import resume_from, start_pretrained
from tuner.errors import BadInput
from tuner.networks.train import train

KNOBS = {"train_images": 100, "epochs": 2, "batch_size": 45, "lr_schedule": "constant"}


def test_a_trial_goes_on_where_it_was_also_with_a_larger_budget(tmp_path):
    short, through, longer = (LockStep("imagenet", {**KNOBS, "epochs": epochs}, replicates=2) for epochs in (2, 4, 4))
    for _ in range(2):
        short.step()
    resume_from(longer, checkpoints.save(tmp_path, short.state(), 2))
    expected = [through.step() for _ in range(3)][-1]
    found = longer.step()
    assert (found["epoch"], found["val_loss_values"]) == (3, expected["val_loss_values"])
    with pytest.raises(ValueError, match="the checkpoint's `seed` is 0, but this trial's is 5"):
        resume_from(LockStep("imagenet", KNOBS, seed=5, replicates=2), tmp_path / "checkpoint_000002.pt")


def test_every_replicate_begins_from_foreign_weights(tmp_path):
    weights = build("lenet5").state_dict()
    torch.save({"model": weights, "epoch": 9}, tmp_path / "foreign.pt")
    trial = LockStep("imagenet", KNOBS, replicates=2)
    resume_from(trial, tmp_path / "foreign.pt")
    assert trial.epoch == 0
    for replicate in trial.replicates:
        assert all(torch.equal(tensor, weights[name]) for name, tensor in replicate.model.state_dict().items())


def test_torchvisions_weights_start_a_network_with_other_classes(tmp_path, monkeypatch):
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    trial = LockStep("imagenet", {**KNOBS, "model": "resnet18", "image_size": 32}, replicates=1)
    with pytest.raises(ValueError, match=r"weights of resnet18 are not on this machine; put resnet18-\w+.pth into"):
        start_pretrained(trial)
    (tmp_path / "checkpoints").mkdir()
    published = torchvision.models.resnet18().state_dict()
    published["conv1.weight"] = published["conv1.weight"][:, :1]  # digits are gray
    torch.save(published, tmp_path / "checkpoints" / torchvision.models.ResNet18_Weights.DEFAULT.url.rpartition("/")[2])
    before = trial.replicates[0].model.fc.weight.clone()
    start_pretrained(trial)
    model = trial.replicates[0].model
    assert torch.equal(model.layer4[1].conv2.weight, published["layer4.1.conv2.weight"])
    assert torch.equal(model.fc.weight, before)


def test_what_cannot_be_begun_from_is_one_sentence(tmp_path):
    trial = LockStep("imagenet", KNOBS, replicates=1)
    with pytest.raises(ValueError, match="torchvision has no weights of lenet5; leave --pretrained out"):
        start_pretrained(trial)
    trial.config = ImageNetConfig(model="resnet50")
    with pytest.raises(
        ValueError, match="weights of resnet50 have the stride in the 3x3 convolution; set stride_in=3x3"
    ):
        start_pretrained(trial)
    settings = ["train_images=60", "batch_size=27"]
    for more, sentence in (
        ({"resume_from": str(tmp_path / "none.pt")}, "there is no checkpoint"),
        ({"pretrained": True}, "torchvision has no weights of lenet5"),
        ({"pretrained": True, "resume_from": "a.pt"}, "are both given"),
    ):
        with pytest.raises(BadInput, match=sentence):
            list(train("imagenet", settings, epochs=1, replicates=1, seed=0, **more))


def test_training_saves_its_last_epochs_and_the_best_to_go_on_from(tmp_path):
    settings = ["train_images=100", "batch_size=45", "lr_schedule=constant"]
    folder = tmp_path / "kept"
    results = list(train("imagenet", settings, epochs=3, replicates=2, seed=0, save=folder))
    assert sorted(path.name for path in folder.iterdir()) == ["best.pt", "checkpoint_000002.pt", "checkpoint_000003.pt"]
    best = max(results, key=lambda result: (result["val_accuracy"], result["epoch"]))
    assert checkpoints.load_file(folder / "best.pt")["epoch"] == best["epoch"]
    [again] = train(
        "imagenet", settings, epochs=3, replicates=2, seed=0, resume_from=str(folder / "checkpoint_000002.pt")
    )
    assert again["val_loss_values"] == results[2]["val_loss_values"]
    with pytest.raises(BadInput, match="kept holds checkpoints already; choose another --save"):
        list(train("imagenet", settings, epochs=1, replicates=1, seed=0, save=folder))
