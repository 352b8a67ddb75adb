"""Seed-only checkpoints: packing loses nothing, the hash tells one network from another, and the file is small."""

import pytest
import torch

from trainables import checkpoints
from trainables.lockstep import LockStep
from trainables.trial import seeded_state

KNOBS = {"dataset": "digits", "image_size": 8, "train_images": 60, "epochs": 2, "batch_size": 30}


def same(one, two):
    if isinstance(one, torch.Tensor):
        return one.dtype == two.dtype and one.shape == two.shape and torch.equal(one, two)
    if isinstance(one, dict):
        return one.keys() == two.keys() and all(same(one[key], two[key]) for key in one)
    if isinstance(one, list | tuple):
        return type(one) is type(two) and len(one) == len(two) and all(map(same, one, two))
    return one == two


def test_packing_joins_tensors_of_a_type_and_gives_everything_back(tmp_path):
    tree = {
        "a": torch.randn(2, 3),
        "b": [torch.arange(4), None, {"c": torch.tensor(7)}],
        3: (1.5, "tensor", torch.empty(0, 5), torch.randn(1, dtype=torch.float64)),
    }
    packed = seeded_state.pack(tree)
    assert sorted(packed["tensors"]) == ["float32", "float64", "int64"]
    checkpoints.save_file(tmp_path / "checkpoint.pt", packed)
    assert same(seeded_state.unpack(checkpoints.load_file(tmp_path / "checkpoint.pt")), tree)


def test_the_hash_hangs_on_names_types_shapes_and_values():
    state = {"a": torch.arange(6.0).view(2, 3), "b": torch.zeros(3)}
    whole = seeded_state.frozen_hash(state, ["a", "b"])
    assert whole == seeded_state.frozen_hash({"b": state["b"].clone(), "a": state["a"].clone()}, ["a", "b"])
    others = [
        seeded_state.frozen_hash(state, ["a"]),
        seeded_state.frozen_hash(state | {"a": state["a"].view(3, 2)}, ["a", "b"]),
        seeded_state.frozen_hash(state | {"b": torch.tensor([0.0, 0.0, 1e-30])}, ["a", "b"]),
        seeded_state.frozen_hash(state | {"b": torch.zeros(3, dtype=torch.int32)}, ["a", "b"]),
    ]
    assert whole not in others


def test_a_checkpoint_of_a_frozen_resnet_110_takes_less_than_200_kilobytes_a_replicate(tmp_path):
    trial = LockStep("bn_only", KNOBS | {"name": "cifar_freeze_110"}, replicates=1)
    trial.step()
    [replicate] = trial.replicates
    path = checkpoints.save(tmp_path, trial.state(), trial.epoch)
    assert path.stat().st_size < 200_000
    again = LockStep("bn_only", KNOBS | {"name": "cifar_freeze_110"}, replicates=1)
    again.load(checkpoints.load_file(path))
    assert same(dict(again.replicates[0].model.state_dict()), dict(replicate.model.state_dict()))
    assert same(again.replicates[0].optimizer.state_dict(), replicate.optimizer.state_dict())


def test_frozen_tensors_are_left_out_and_trained_ones_are_not():
    trial = LockStep("bn_only", KNOBS | {"depth": 8, "trainable_set": "bn_output"}, replicates=1)
    trial.step()
    [state] = trial.state()["replicates"]
    kept = seeded_state.unpack(state["moved"])["model"]
    assert not any("conv" in name or ".skip.0." in name for name in kept)
    assert {"bn.weight", "bn.running_var", "fc.weight", "blocks.2.skip.1.bias"} <= kept.keys()


def test_where_everything_is_trained_a_checkpoint_holds_everything():
    [state] = LockStep("bn_only", KNOBS | {"depth": 8, "trainable_set": "all"}, replicates=1).state()["replicates"]
    assert "conv.weight" in state["model"]


def test_other_frozen_weights_are_refused_in_one_sentence():
    knobs = KNOBS | {"depth": 8}
    state = LockStep("bn_only", knobs, replicates=2).state()
    other = LockStep("bn_only", knobs, replicates=2)
    with torch.no_grad():
        other.replicates[1].model.conv.weight[0, 0, 0, 0] += 1e-6
    with pytest.raises(seeded_state.ForeignWeights) as refusal:
        other.load(state)
    text = str(refusal.value)
    assert state["replicates"][1]["frozen"]["hash"][:12] in text
    assert torch.__version__ in text
    assert "\n" not in text
    assert text.count(";") == 1
