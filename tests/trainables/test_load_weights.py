"""Weights of others: wrapped, prefixed, inside training checkpoints; what does not fit is listed and changes nothing."""

import pytest
import torch
from torch import nn

from trainables.checkpoints import load_weights
from trainables.lockstep import LockStep


def network(classes=3, seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(4, 5), nn.BatchNorm1d(5), nn.Linear(5, classes))


def same(a, b):
    return all(torch.equal(x, y) for x, y in zip(a.state_dict().values(), b.state_dict().values(), strict=True))


def prefixed(model):
    return {f"module.{name}": tensor for name, tensor in model.state_dict().items()}


@pytest.mark.parametrize(
    "wrap",
    [
        lambda model: model.state_dict(),
        prefixed,
        lambda model: {"epoch": 3, "arch": "alexnet", "state_dict": prefixed(model), "optimizer": {"state": {}}},
        lambda model: {
            "epoch": 3,
            "model": model.state_dict(),
            "optimizer": {"state": {}},
            "loggers": {"value": [1.0]},
        },
        lambda model: {"net": prefixed(model), "acc": 91.2},
    ],
)
def test_weights_are_found_whatever_is_around_them(tmp_path, wrap):
    trained = network(seed=1)
    torch.save(wrap(trained), tmp_path / "published.pt")
    for source in (wrap(trained), tmp_path / "published.pt", str(tmp_path / "published.pt")):
        model = network()
        load_weights(model, source)
        assert same(model, trained)


@pytest.mark.parametrize("wrap", [lambda model: model.state_dict(), prefixed])
def test_a_wrapped_model_takes_weights_with_and_without_the_prefix(wrap):
    trained = network(seed=1)
    wrapped = nn.DataParallel(network())
    load_weights(wrapped, wrap(trained))
    assert same(wrapped.module, trained)


def test_the_prefix_stays_where_only_some_names_have_it():
    state = network().state_dict()
    state["module.0.weight"] = state.pop("0.weight")
    with pytest.raises(ValueError, match=r"missing: 0.weight; unexpected: module.0.weight\)"):
        load_weights(network(), state)


def test_another_network_is_refused_in_one_sentence_and_nothing_is_loaded():
    model, before = network(), network()
    other = network(classes=7, seed=1).state_dict()
    other["3.gamma"] = other.pop("1.weight")
    with pytest.raises(ValueError, match="holds the weights of another network") as caught:
        load_weights(model, {"state_dict": other})
    assert str(caught.value) == (
        "the checkpoint holds the weights of another network (missing: 1.weight; unexpected: 3.gamma; of another shape: "
        "2.weight (7, 5) instead of (3, 5), 2.bias (7,) instead of (3,)); build the one it was trained with"
    )
    assert same(model, before)


def test_long_lists_are_cut():
    deep = nn.Sequential(*(nn.Linear(1, 1) for _ in range(10)))
    with pytest.raises(ValueError, match=r"missing: 0.weight, 0.bias, 1.weight, 1.bias, 2.weight, ... \(20 in all\)"):
        load_weights(deep, {"x": torch.zeros(1)})


def test_a_replicate_of_our_own_checkpoints_is_taken():
    trial = LockStep("blur", {"image_size": 8, "train_images": 80, "epochs": 1}, replicates=2)
    state, model = trial.state(), LockStep("blur", {"image_size": 8, "train_images": 80}, seed=9, replicates=1)
    load_weights(model.replicates[0].model, state, replicate=1)
    assert same(model.replicates[0].model, trial.replicates[1].model)
    with pytest.raises(ValueError, match="has the replicates 0 to 1, but 2 was asked for"):
        load_weights(model.replicates[0].model, state, replicate=2)
    state["replicates"][0] = {"failure": {"message": "crash"}}
    with pytest.raises(ValueError, match="replicate 0 of the checkpoint failed and has no weights"):
        load_weights(model.replicates[0].model, state)


def test_what_is_no_checkpoint_is_one_sentence(tmp_path):
    class Evil:
        def __reduce__(self):
            return (print, ("run",))

    torch.save({"evil": Evil()}, tmp_path / "evil.pt")
    torch.save([1, 2], tmp_path / "list.pt")
    (tmp_path / "torn.pt").write_bytes(b"PK half a file")
    for name, sentence in {
        "nowhere.pt": "there is no checkpoint",
        "evil.pt": "cannot be read as tensors and plain containers",
        "torn.pt": "cannot be read as tensors and plain containers",
        "list.pt": "holds a list, but a checkpoint is a dictionary",
    }.items():
        with pytest.raises(ValueError, match=sentence) as caught:
            load_weights(network(), tmp_path / name)
        assert "\n" not in str(caught.value)
    with pytest.raises(ValueError, match=r"holds no state dictionary \(its entries: epoch\)"):
        load_weights(network(), {"epoch": 3})


PREFIXES = ["_orig_mod.", "module._orig_mod.", "_orig_mod.module.", "model.", "net.module.", "encoder.backbone."]


@pytest.mark.parametrize("prefix", PREFIXES)
def test_a_prefix_of_all_names_is_no_part_of_them(prefix):
    trained = network(seed=1)
    model = network()
    load_weights(model, {"state_dict": {prefix + name: value for name, value in trained.state_dict().items()}})
    assert same(model, trained)


def test_a_network_whose_names_share_a_prefix_takes_weights_with_another():
    class Features(nn.Module):
        def __init__(self, seed):
            super().__init__()
            self.features = network(seed=seed)

    trained, model = Features(1), Features(0)
    for prefix in ("", "module."):
        load_weights(model, {prefix + name: value for name, value in trained.state_dict().items()})
        assert same(model, trained)
    load_weights(model, network(seed=2).state_dict())
    assert same(model.features, network(seed=2))


def test_a_wrapped_part_is_unwrapped_where_all_of_it_is():
    class Net(nn.Module):
        def __init__(self, seed):
            super().__init__()
            torch.manual_seed(seed)
            self.features = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 4))
            self.classifier = nn.Linear(4, 5)

    trained, model = Net(1), Net(0)
    names = {name.replace("features.", "features.module."): value for name, value in trained.state_dict().items()}
    for prefix in ("", "module."):
        load_weights(model, {"state_dict": {prefix + name: value for name, value in names.items()}})
        assert same(model, trained)


def test_files_older_than_the_counters_of_batches_and_counters_of_a_profiler_fit():
    trained, model = network(seed=1), network()
    old = {name: value for name, value in trained.state_dict().items() if not name.endswith("num_batches_tracked")}
    load_weights(model, old)
    assert same(model, trained)
    load_weights(model, trained.state_dict() | {"1.total_ops": torch.zeros(1), "total_params": torch.zeros(1)})
    assert same(model, trained)


@pytest.mark.parametrize("wrapping", ["model_state_dict", "network", "model_ema", "generator_weights"])
def test_the_only_weights_among_other_things_are_taken(wrapping):
    trained, model = network(seed=1), network()
    load_weights(model, {"epoch": 1, wrapping: trained.state_dict(), "optimizer": {"state": {}, "param_groups": []}})
    assert same(model, trained)


def test_arrays_of_numpy_are_weights():
    trained, model = network(seed=1), network()
    load_weights(model, {name: value.numpy() for name, value in trained.state_dict().items()})
    assert same(model, trained)


def test_weights_of_a_run_that_diverged_are_refused():
    state, model = network(seed=1).state_dict(), network()
    state["2.bias"][1] = float("nan")
    with pytest.raises(ValueError, match=r"holds weights that are not finite numbers \(2.bias\), as a run leaves them"):
        load_weights(model, state)
    assert same(model, network())
