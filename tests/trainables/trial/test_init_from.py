"""Replicates begin from weights by a knob: with a head of their own, the very file of the launch, in every family."""

import pytest
import torch

from trainables import families
from trainables.lockstep import LockStep
from trainables.models.imagenet import build
from trainables.trial import init_from, preflight

KNOBS = {"train_images": 60, "batch_size": 27, "epochs": 1}
NETWORKS = {
    "blur": {"arch": "small_cnn"},
    "online_norm": {"depth": 8},
    "deconv": {"arch": "vgg_tiny"},
    "bn_only": {"depth": 8},
    "imagenet": {"model": "lenet5"},
}


def weights_of(trial):
    return {name: tensor.clone() for name, tensor in trial.replicates[0].model.state_dict().items()}


@pytest.mark.parametrize("family", families.names())
def test_every_family_begins_from_weights_and_goes_on_from_its_checkpoint(tmp_path, family):
    knobs = {**KNOBS, **NETWORKS[family]}
    trained = LockStep(family, knobs, seed=7, replicates=1)
    weights = weights_of(trained)
    torch.save({"state_dict": weights}, tmp_path / "a.pth")
    knobs["init_from"] = init_from.digest(str(tmp_path / "a.pth"))
    trial = LockStep(family, knobs, replicates=2)
    for replicate in trial.replicates:
        assert all(torch.equal(tensor, weights[name]) for name, tensor in replicate.model.state_dict().items())
    trial.step()
    assert trial.replicates[0].failure is None
    again = LockStep(family, knobs, replicates=2)
    again.load(trial.state())
    assert all(torch.equal(a, b) for a, b in zip(weights_of(again).values(), weights_of(trial).values(), strict=True))


def test_the_last_layer_keeps_its_own_start_where_classes_differ(tmp_path):
    for prefix in ("", "module."):
        theirs = build("lenet5", 7)
        torch.save({prefix + name: tensor for name, tensor in theirs.state_dict().items()}, tmp_path / "a.pth")
        knobs = {**KNOBS, "model": "lenet5"}
        mine = LockStep("imagenet", {**knobs, "init_from": str(tmp_path / "a.pth")}, replicates=1)
        own = weights_of(LockStep("imagenet", knobs, replicates=1))
        found = weights_of(mine)
        assert torch.equal(found["0.weight"], theirs.state_dict()["0.weight"])
        assert torch.equal(found["13.weight"], own["13.weight"])


def test_what_cannot_be_begun_from_is_found_before_any_trial(tmp_path):
    torch.save(build("mobilenet_v1").state_dict(), tmp_path / "other.pth")
    torch.save(build("lenet5").state_dict(), tmp_path / "a.pth")
    launched = init_from.digest(str(tmp_path / "a.pth"))
    torch.save(build("lenet5").state_dict(), tmp_path / "a.pth")
    for source, sentence in (
        (str(tmp_path / "none.pth"), "there is no file"),
        (str(tmp_path / "other.pth"), "holds the weights of another network"),
        (launched, "is not the file that the search was launched with"),
        (init_from.TORCHVISION, "torchvision has no weights of lenet5"),
    ):
        found = preflight.check("imagenet", [{**KNOBS, "init_from": source}])
        assert len(found["problems"]) == 1
        assert sentence in found["problems"][0]
    assert "there is no file" in preflight.fingerprints("imagenet", [{**KNOBS, "init_from": "/none"}])["problems"][0]


def test_a_checkpoint_from_before_the_knob_is_gone_on_with():
    trial, again = (LockStep("imagenet", {**KNOBS, "epochs": 2}, replicates=1) for _ in range(2))
    trial.step()
    state = trial.state()
    del state["config"]["init_from"]
    again.load(state)
    assert again.epoch == 1
