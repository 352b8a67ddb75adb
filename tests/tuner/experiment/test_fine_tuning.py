"""A search that fine-tunes: every trial begins from the weights that are given, and what cannot be is one sentence."""

import pytest
import torch

from trainables.models.small_cnn import small_cnn
from tuner.errors import BadInput
from tuner.experiment import fine_tuning
from tuner.records.paths import ExperimentPaths
from tuner.results.history import History


@pytest.fixture
def weights(tmp_path):
    torch.manual_seed(3)
    path = tmp_path / "weights.pth"
    torch.save({"state_dict": small_cnn(1, 16, 10).state_dict()}, path)
    return path


def test_the_file_is_named_by_its_absolute_path_and_its_digest(weights, monkeypatch):
    monkeypatch.chdir(weights.parent)
    [text] = fine_tuning.settings([], "weights.pth", False)
    assert text.startswith(f"init_from={weights}#")
    assert fine_tuning.settings(["lr=1"], None, True) == ["lr=1", "init_from=torchvision"]
    assert fine_tuning.settings(["lr=1"], None, False) == ["lr=1"]
    assert fine_tuning.settings([], "/mnt/weights.pth", False, elsewhere=True) == ["init_from=/mnt/weights.pth"]


@pytest.mark.parametrize(
    ("given", "init_from", "pretrained", "elsewhere", "sentence"),
    [
        ([], "a.pth", True, False, "are both given"),
        (["init_from=a"], None, True, False, "--pretrained and --set init_from=... say the same"),
        ([], "/nowhere/a.pth", False, False, "there is no checkpoint /nowhere/a.pth"),
        ([], "a.pth", False, True, "give the absolute path that every node reads"),
    ],
)
def test_what_cannot_be_is_one_sentence(given, init_from, pretrained, elsewhere, sentence):
    with pytest.raises(BadInput, match=sentence):
        fine_tuning.settings(given, init_from, pretrained, elsewhere)


def test_a_search_begins_from_weights(cluster, tmp_path, weights, tuner):
    request = ("launch", "blur", "--trials", 2, "--replicates", 2, "--epochs", 1, "--grace", 1, "--storage", tmp_path)
    knobs = ("--set", "arch=small_cnn", "--set", "train_images=200", "--set", "lr=1e-6")
    code, _, error = tuner(*request, *knobs, "--init-from", weights, "--name", "tuned", "--address", cluster)
    assert code == 0, error
    trials = History.load(ExperimentPaths(tmp_path / "tuned")).trials
    assert {trial.config["init_from"].partition("#")[0] for trial in trials} == {str(weights)}
    # Next to no step is taken, so that both replicates are still the network that was given.
    for trial in trials:
        first, second = trial.values(1, "val_loss")
        assert first == pytest.approx(second, rel=1e-3)
    torch.save({"x": torch.zeros(1)}, tmp_path / "other.pth")
    other = (*request, *knobs, "--init-from", tmp_path / "other.pth", "--name", "other", "--address", cluster)
    code, _, error = tuner(*other)
    assert (code, "holds the weights of another network" in error) == (2, True)
    assert not (tmp_path / "other").exists()
