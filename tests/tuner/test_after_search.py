"""After a real search: confirmed on fresh seeds, exported and retrained to the same bits, its weights and study written."""

import json
import signal

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

from tests.tuner.searches import TINY, kill_after, medians, run, start
from trainables.images.opened import open_images
from trainables.lockstep import LockStep
from tuner import experiment
from tuner.errors import BadInput
from tuner.experiment import confirm as confirming
from tuner.leaderboard import load as leaderboard
from tuner.networks import retrain
from tuner.networks.export import export_trial
from tuner.networks.weights import export_weights
from tuner.records import manifest
from tuner.results.history import History

pytestmark = [pytest.mark.slow, pytest.mark.searches]


@pytest.fixture(scope="module")
def searched(cluster, tmp_path_factory):
    """Four trials of three epochs, some stopped at the first."""
    storage = tmp_path_factory.mktemp("after")
    return experiment.launch(
        "blur", "smoke", name="four", storage=storage, trials=4, epochs=3, overrides=TINY, seed=3
    ).paths


def test_the_exported_trial_retrains_to_every_recorded_bit(searched, tmp_path):
    file = tmp_path / "best.yaml"
    said = export_trial(searched, "best", file)
    assert said.splitlines() == [f"wrote {file}; retrain the trial with:", f"tuner train {file}"]
    retraining = retrain.Retraining(retrain.read(file))
    results = list(retraining.results())
    best = leaderboard(searched).best.trial
    recorded = {epoch: metrics for (trial, epoch), metrics in medians(searched).items() if trial == best}
    assert len(results) == len(recorded) == 3
    for result in results:
        again = {name: {"median": result[name], "values": result[f"{name}_values"]} for name in result["metrics"]}
        assert again == recorded[result["epoch"]]
    assert retraining.verdict().endswith("the recorded median bit for bit, and so is every replicate")
    assert all(note.startswith("note: the code was") for note in retraining.notes())  # somebody may be editing it


def test_a_trial_is_evaluated_by_the_name_of_its_experiment(searched):
    best = leaderboard(searched).best.trial
    (*_, newest) = sorted(searched.trial(best).glob("checkpoint_*.pt"))
    by_file = run("evaluate", newest)
    assert by_file[0] == 0
    for which in ("best", best):
        assert run("evaluate", "four", "--trial", which, "--storage", searched.root.parent) == by_file
    code, said = run("evaluate", "four", "--trial", "bset", "--storage", searched.root.parent)
    assert (code, said.count("\n")) == (2, 1)
    assert "did you mean `best`?" in said
    code, said = run("evaluate", newest, "--storage", searched.root.parent)
    assert code == 2
    assert "give --trial as well, or leave it out" in said


def test_the_command_retrains_a_stopped_trial_and_owns_up_to_another_median(searched, tmp_path):
    stopped = next(trial for trial in History.load(searched).trials if trial.status == "stopped")
    code, out = run(
        "export", "four", "--storage", searched.root.parent, "--trial", stopped.index, "-o", tmp_path / "s.yaml"
    )
    assert code == 0
    command = out.splitlines()[1].split()
    assert command[:2] == ["tuner", "train"]
    code, out = run(*command[1:])
    assert code == 0
    assert f"val_accuracy at epoch {stopped.rung}: " in out
    assert "bit for bit" in out
    file = tmp_path / "s.yaml"
    file.write_text(file.read_text().replace("seed: 3", "seed: 4"))
    code, out = run("train", file)
    assert code == 0
    assert "was recorded (" in out
    assert "bit for bit" not in out


def test_data_that_changed_since_is_refused_on_retraining(searched, tmp_path):
    file = tmp_path / "best.yaml"
    export_trial(searched, "best", file)
    exported = retrain.read(file)
    [(size, fingerprint)] = exported.manifest["data"]["fingerprints"].items()
    exported.manifest["data"]["fingerprints"][size] = "another"
    with pytest.raises(BadInput, match=f"its fingerprint at 8 pixels was another and is {fingerprint}"):
        list(retrain.Retraining(exported).results())


def test_the_weights_are_those_of_the_median_replicate(searched, tmp_path):
    file = tmp_path / "best.safetensors"
    said = export_weights(searched, "best", file)
    with safe_open(file, framework="pt") as stored:
        metadata = stored.metadata()
    weights = load_file(file)
    replicate = int(metadata["replicate"])
    assert f"the weights of replicate {replicate}, the median one, at epoch 3" in said
    history = History.load(searched)
    trial = history.trial(int(metadata["trial"]))
    assert trial.values(3)[replicate] == trial.median(3) == float(metadata["value"])
    config = json.loads(metadata["config"])
    step = LockStep("blur", config, seed=3, replicates=1)
    model = step.replicates[0].model
    model.load_state_dict(weights)
    model.eval()
    data = open_images(step.config, torch.device("cpu"))
    with torch.no_grad():
        right = sum(int((model(images).argmax(1) == labels).sum()) for images, labels in data.validation_batches())
        count = sum(len(labels) for _, labels in data.validation_batches())
    assert right / count == trial.median(3)


def test_a_stopped_trial_has_no_weights_left_and_the_remedy_is_said(searched, tmp_path):
    stopped = next(trial for trial in History.load(searched).trials if trial.status == "stopped")
    with pytest.raises(
        BadInput, match=rf"no checkpoint is left of trial {stopped.index} \(stopped\).*`tuner export four"
    ):
        export_weights(searched, str(stopped.index), tmp_path / "x.safetensors")
    assert list(tmp_path.iterdir()) == []


def test_a_killed_confirmation_continues_and_another_top_extends_it(cluster, searched):
    before = searched.records.read_bytes()
    own = searched.confirmation
    options = ["confirm", "four", "--storage", searched.root.parent, "--top", 1, "--checkpoint-every", 0]
    kill_after(start(*options, address=cluster), own.records, 2, number=signal.SIGKILL)
    code, out = run(*options, address=cluster)
    assert code == 0, out
    assert "four: confirmed on seed 4, 2 trials: 2 completed" in out
    history = History.load(own)
    best = next(row.trial for row in leaderboard(searched).rows if row.valid and not row.baseline)
    assert {trial.index: trial.status for trial in history.trials} == {0: "completed", best: "completed"}
    assert [trial.baseline for trial in history.trials] == [True, False]
    assert manifest.read(own.manifest).seed == 4
    assert (history.rungs, history.state) == ([3], "finished")
    first, selection = medians(own), medians(searched)
    assert len(first) == 6
    assert all(first[key]["train_loss"] != selection[key]["train_loss"] for key in first if key in selection)

    assert confirming.confirm("four", storage=searched.root.parent, top=2).exit_code == 0
    assert len(History.load(own).trials) == 3
    assert {key: values for key, values in medians(own).items() if key in first} == first
    recorded = own.records.read_bytes()
    assert confirming.confirm("four", storage=searched.root.parent, top=1).ending == "finished"
    assert own.records.read_bytes() == recorded
    with pytest.raises(BadInput, match="--seed is 9, but the confirmation of `four` began with 4"):
        confirming.confirm("four", storage=searched.root.parent, seed=9)
    assert searched.records.read_bytes() == before
