"""The last epoch of a trial or its best: what is read when neither, either or what is not there is asked for."""

import dataclasses

import pytest
import torch
from safetensors import safe_open

import search_spaces
from search_spaces.space import Published
from tests.tuner.experiments import Experiment
from trainables import checkpoints
from trainables.lockstep import LockStep
from tuner import experiment
from tuner.errors import BadInput
from tuner.networks import kept, trained
from tuner.networks.weights import export_weights
from tuner.records.manifest import read
from tuner.results.history import History

KNOBS = {"dataset": "digits", "image_size": 8, "train_images": 40, "batch_size": 20, "epochs": 3}
FIGURE = {"when": {}, "metric": "val_accuracy", "value": 0.9, "source": "a table"}


@pytest.fixture(scope="module")
def states():
    """A trial after its epochs 2 and 3, and the values that all three recorded."""
    trial, found, values = LockStep("blur", KNOBS, replicates=3), {}, []
    for _ in range(3):
        values.append(trial.step()["val_accuracy_values"])
        found[trial.epoch] = trial.state()
    return found, values


def an_experiment(storage, states, at, keep=True):
    """One completed trial whose best epoch was 2 of 3."""
    made = Experiment(storage, published=[{**FIGURE, "at": at}], more={"epochs": 3, "replicates": 3}, rungs=[1, 3])
    made.session()
    made.trial(0, **KNOBS)
    for epoch, value in ((1, 0.2), (2, 0.9), (3, 0.6)):
        made.epoch(0, epoch, [value - 0.01, value, value + 0.01])
    made.end(0, "completed", 3, "full budget")
    folder = made.paths.trial(0)
    checkpoints.save(folder, states[0][3], 3)
    if keep:
        checkpoints.save_file(folder / checkpoints.BEST, states[0][2])
    return made


@pytest.mark.parametrize(
    ("at", "asked", "epoch"), [("best", None, 2), ("best", "last", 3), ("last", None, 3), ("last", "best", 2)]
)
def test_weights_are_those_of_the_epoch_that_is_asked_for_or_that_the_figures_are_of(
    tmp_path, states, at, asked, epoch
):
    made = an_experiment(tmp_path, states, at)
    file = tmp_path / "w.safetensors"
    said = export_weights(made.paths, "0", file, asked)
    assert f"the median one, at epoch {epoch}" in said
    assert said.endswith("the best one by val_accuracy") == (epoch == 2)
    with safe_open(file, framework="pt") as opened:
        assert opened.metadata()["epoch"] == str(epoch)
    file = kept.file_of(str(made.paths.trial(0)), asked)
    assert checkpoints.load_file(file)["epoch"] == epoch


def test_a_best_epoch_that_was_not_kept_is_not_replaced_by_another(tmp_path, states):
    made = an_experiment(tmp_path, states, "best", keep=False)
    file = tmp_path / "w.safetensors"
    for ask in (
        lambda: export_weights(made.paths, "0", file, "best"),
        lambda: trained.load(str(made.paths.trial(0)), None, [], 0, "best"),
    ):
        with pytest.raises(BadInput, match="keeps no checkpoint of its best epoch"):
            ask()
    assert "at epoch 3; the best one, 2" not in export_weights(made.paths, "0", file)


def test_a_checkpoint_is_found_beside_the_one_that_is_named(tmp_path, states):
    folder = an_experiment(tmp_path, states, "best").paths.trial(0)
    last, best = folder / "checkpoint_000003.pt", folder / "best.pt"
    assert kept.file_of(str(last), None) == last
    assert kept.file_of(str(last), "best") == kept.file_of(str(folder), None) == best
    assert kept.file_of(str(folder), "last") == kept.file_of(str(best), "last") == last
    assert kept.file_of(str(tmp_path), None) == tmp_path
    with pytest.raises(BadInput, match="--epoch is 12, but must be best or last"):
        kept.file_of(str(last), "12")


def test_only_a_space_with_figures_of_best_epochs_keeps_them(tmp_path, states):
    assert read(an_experiment(tmp_path / "a", states, "best").paths.manifest).keeps_best == "val_accuracy"
    assert read(an_experiment(tmp_path / "b", states, "last").paths.manifest).keeps_best is None


def test_a_search_keeps_the_best_epoch_of_every_trial_through_its_end(cluster, tmp_path):
    space = search_spaces.load("blur", "smoke")
    figure = Published({"mode": "normal"}, "val_accuracy", 0.9, "a table", at="best")
    settings = {"image_size": 8, "train_images": 120, "batch_size": 40}
    paths = experiment.launch(
        *("blur", dataclasses.replace(space, published=(figure,))),
        **{"name": "kept", "storage": tmp_path, "trials": 2, "epochs": 4, "grace": 4, "overrides": settings},
    ).paths
    history = History.load(paths)
    assert [trial.status for trial in history.trials] == ["completed", "completed"]
    for trial in history.trials:
        names = sorted(path.name for path in paths.trial(trial.index).glob("*.pt"))
        assert names == ["best.pt", "checkpoint_000004.pt"]
        best = checkpoints.load_file(paths.trial(trial.index) / "best.pt")["epoch"]
        assert best == trial.best_epoch("val_accuracy")
        assert f"at epoch {best}" in export_weights(paths, str(trial.index), tmp_path / f"{trial.index}.safetensors")


@pytest.mark.parametrize(("at", "epoch"), [("best", 2), ("last", 3)])
def test_the_network_of_a_trial_is_built_from_its_checkpoint_read_once(tmp_path, states, at, epoch, monkeypatch):
    made, read_files = an_experiment(tmp_path, states, at), []
    load = torch.load
    monkeypatch.setattr(torch, "load", lambda file, **how: read_files.append(file) or load(file, **how))
    network = trained.load_trial(str(made.paths.root), "0", None, None, [], 0)
    assert len(read_files) == 1
    expected = states[0][epoch]["replicates"][0]["model"]
    assert all(torch.equal(value, expected[name]) for name, value in network.model.state_dict().items())
