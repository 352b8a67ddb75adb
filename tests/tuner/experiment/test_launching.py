"""Launching, extending and failing: what is on disk afterwards, and what is not when a request is refused."""

import json
import math

import numpy as np
import pytest
from PIL import Image

from tests.tuner.searches import TINY, judgements, medians
from tuner import experiment
from tuner.errors import BadInput
from tuner.records import manifest, nodes
from tuner.records.lines import read
from tuner.records.lock import is_held
from tuner.records.paths import ExperimentPaths
from tuner.results import leaderboard, summary, summary_file
from tuner.results.history import History
from tuner.rules.rule import rule_of
from tuner.rules.verify import contradictions

pytestmark = pytest.mark.slow

SPACE_FILE = """
from ray import tune
from search_spaces import Budget, Protocol, SearchSpace

def space():
    return SearchSpace(
        family="blur",
        name="mine",
        summary="sigma and lr",
        parameters={"sigma": tune.choice([0.5, 1, 2]), "lr": tune.loguniform(1e-3, 1e-1)},
        fixed={"mode": "mix", "image_size": 8, "train_images": 80},
        baseline={"sigma": 1, "lr": 0.01},
        budget=Budget(epochs=2, grace=1, trials=3, replicates=1),
        protocol=Protocol(dataset="digits"),
    )
"""


def launch(storage, name, **options):
    return experiment.launch("blur", "smoke", name=name, storage=storage, **({"overrides": TINY} | options))


@pytest.fixture(scope="module")
def finished(cluster, tmp_path_factory):
    """A finished search of six trials, two at a time."""
    return launch(tmp_path_factory.mktemp("store"), "six", trials=6, seed=3)


def test_a_search_ends_in_a_leaderboard_of_medians_over_five_seeds(finished):
    assert finished.exit_code == 0
    frame = leaderboard.load(finished.path).frame()
    assert len(frame) == 6
    assert frame["replicates_ok"].tolist() == [5] * 6
    best = frame.iloc[0]
    values = sorted(best[f"replicate_{index}"] for index in range(5))
    assert best["median"] == values[2]
    assert best["rung"] == 9
    assert math.isfinite(best["test_accuracy"])
    assert frame["baseline"].sum() == 1
    stopped = frame[frame["status"] == "stopped"]
    assert len(stopped) > 0
    assert stopped["reason"].str.contains("below the cutoff").all()
    assert stopped["test_accuracy"].isna().all()


def test_those_who_watch_find_the_nodes_with_their_load(finished):
    (node,) = nodes.read(ExperimentPaths(finished.path))["nodes"]
    assert node["alive"]
    assert node["cpus"] > 0
    assert 0 <= node["load"]["busy"] <= 1
    assert 0 < node["load"]["used"] < node["load"]["memory"]
    assert node["trials"]
    assert set(node["trials"]) <= set(range(6))


def test_a_list_need_not_read_what_happened(finished):
    left = summary_file.read(finished.paths)
    assert left == summary.of(finished.paths)
    assert (left.state, left.ended) == ("finished", 6)


def test_every_decision_follows_from_the_recorded_order(finished):
    rule = rule_of(manifest.read(finished.paths.manifest))
    assert contradictions(rule, read(finished.paths.records)) == []


def test_records_are_strict_json_and_no_pickle_is_left_behind(finished):
    def refuse(constant):
        raise AssertionError(constant)

    for line in finished.paths.records.read_text().splitlines():
        json.loads(line, parse_constant=refuse)
    suffixes = {path.suffix for path in finished.path.rglob("*") if path.is_file()}
    assert not suffixes & {".pkl", ".pickle"}
    assert not is_held(finished.paths.lock)
    assert any(finished.paths.tensorboard.rglob("events.out.tfevents.*"))
    assert not finished.paths.stop_request.exists()
    assert not finished.paths.scratch.exists()


def test_ended_trials_keep_no_checkpoints_but_the_last_one_of_a_full_budget(finished):
    for trial in History.load(finished.paths).trials:
        kept = [path.name for path in finished.paths.trial(trial.index).glob("checkpoint_*")]
        assert kept == (["checkpoint_000009.pt"] if trial.status == "completed" else [])


def test_the_manifest_says_what_ran(finished):
    said = manifest.read(finished.paths.manifest)
    assert said.seed == 3
    assert said.rungs == [1, 3, 9]
    assert said.overrides == {"image_size": "8", "train_images": "120", "batch_size": "40"}
    assert said.data.content()["train_images"] == 108
    assert list(said.data.fingerprints) == ["8"]
    assert {"torch", "ray", "python"} <= set(said.versions)


def test_a_name_in_use_is_refused_and_the_first_search_left_alone(cluster, finished):
    before = finished.paths.records.read_bytes()
    with pytest.raises(BadInput, match=r"the name `six` is already in use .*`tuner resume six --storage .*`"):
        launch(finished.path.parent, "six", trials=2)
    assert finished.paths.records.read_bytes() == before


def test_resuming_a_finished_search_changes_nothing(cluster, finished):
    before = finished.paths.records.read_bytes()
    said = []
    assert experiment.resume("six", storage=finished.path.parent, tell=said.append).ending == "finished"
    assert "--trials" in said[0]
    assert finished.paths.records.read_bytes() == before


def test_an_extended_search_is_the_longer_search(cluster, tmp_path):
    short = launch(tmp_path, "short", trials=3, max_concurrent=1)
    first = judgements(short.paths)
    extended = experiment.resume("short", storage=tmp_path, trials=5, max_concurrent=1)
    long = launch(tmp_path, "long", trials=5, max_concurrent=1)
    assert judgements(extended.paths)[: len(first)] == first
    assert medians(extended.paths) == medians(long.paths)
    assert judgements(extended.paths) == judgements(long.paths)
    assert manifest.read(extended.paths.manifest).budget.trials == 5
    with pytest.raises(BadInput, match="--trials is 4, but `short` already has 5"):
        experiment.resume("short", storage=tmp_path, trials=4)


def test_an_extension_that_was_killed_before_its_trials_were_recorded_is_completed(cluster, tmp_path):
    outcome = launch(tmp_path, "short", trials=2, epochs=1)
    said = manifest.read(outcome.paths.manifest)
    said.budget.trials = 3
    manifest.write(outcome.paths.manifest, said)
    again = experiment.resume("short", storage=tmp_path)
    assert [trial.has_ended for trial in History.load(again.paths).trials] == [True] * 3


def test_a_search_on_a_relative_folder_is_extended_from_anywhere_but_not_on_changed_data(
    cluster, tmp_path, monkeypatch
):
    draw = np.random.default_rng(0)
    for split, count in (("train", 24), ("test", 4)):
        for name in ("cat", "dog"):
            folder = tmp_path / "pets" / split / name
            folder.mkdir(parents=True)
            for index in range(count):
                pixels = draw.integers(0, 256, (8, 8, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(folder / f"{index}.png")
    monkeypatch.chdir(tmp_path)
    settings = ["dataset=folder:pets", "image_size=8", "batch_size=16"]
    launch(tmp_path / "store", "pets", trials=1, epochs=1, overrides=settings)
    monkeypatch.chdir("/")
    extended = experiment.resume("pets", storage=tmp_path / "store", trials=2)
    assert len(History.load(extended.paths).trials) == 2
    Image.fromarray(draw.integers(0, 256, (8, 8, 3), dtype=np.uint8)).save(
        tmp_path / "pets" / "train" / "cat" / "new.png"
    )
    with pytest.raises(
        BadInput, match="the dataset has changed since `pets` was launched: its fingerprint at 8 pixels"
    ):
        experiment.resume("pets", storage=tmp_path / "store", trials=3)


def test_a_users_own_space_is_kept_with_the_search_and_extends_it(cluster, tmp_path):
    source = tmp_path / "my_space.py"
    source.write_text(SPACE_FILE)
    outcome = experiment.launch("blur", str(source), name="mine", storage=tmp_path, overrides=["sigma=choice(1,4)"])
    source.unlink()
    assert outcome.paths.space_source.read_text() == SPACE_FILE
    again = experiment.resume("mine", storage=tmp_path, trials=4)
    assert len(leaderboard.load(again.paths).frame()) == 4


def test_a_changed_space_does_not_extend_a_search(cluster, tmp_path):
    source = tmp_path / "my_space.py"
    source.write_text(SPACE_FILE)
    outcome = experiment.launch("blur", str(source), name="mine", storage=tmp_path)
    outcome.paths.space_source.write_text(SPACE_FILE.replace("1e-3", "1e-2"))
    with pytest.raises(BadInput, match="the search space has changed since `mine` was launched: trial 1 was"):
        experiment.resume("mine", storage=tmp_path, trials=4)


def test_a_space_in_which_every_trial_diverges_ends_in_exit_code_1(cluster, tmp_path):
    settings = (*TINY, "lr=10", "weight_decay=1", "mode=normal", "momentum=choice(0.9,0.99,0.95)")
    outcome = launch(tmp_path, "hopeless", trials=3, epochs=27, overrides=settings)
    history = History.load(outcome.paths)
    assert {trial.status for trial in history.trials} == {"diverged"}
    assert outcome.exit_code == 1


def test_a_diverging_configuration_is_stopped_marked_and_ranked_last(cluster, tmp_path):
    tiny = ("image_size=8", "train_images=120", "batch_size=40", "mode=normal", "momentum=0.9", "weight_decay=1")
    settings = (*tiny, "lr=grid(10,9,0.02,0.05)")
    outcome = launch(tmp_path, "mixed", trials=5, epochs=27, grace=27, overrides=settings)
    frame = leaderboard.load(outcome.paths).frame()
    diverged = frame["status"] == "diverged"
    assert diverged.tolist() == [False, False, False, True, True]
    assert set(frame[diverged]["config/lr"]) == {9, 10}
    assert frame[diverged]["epoch"].max() < 27


def refused(tmp_path, match, family="blur", space="smoke", **options):
    with pytest.raises(BadInput, match=match) as caught:
        experiment.launch(family, space, storage=tmp_path / "store", name="refused", **options)
    assert not (tmp_path / "store").exists()
    assert str(caught.value).count("\n") == 0
    return str(caught.value)


def test_more_gpus_than_the_cluster_has_are_refused(cluster, tmp_path):
    refused(tmp_path, "a trial asks for 8 GPUs, but the cluster has 0; lower --gpus-per-trial", gpus_per_trial=8)


def test_more_cpus_than_the_cluster_has_are_refused(cluster, tmp_path):
    refused(tmp_path, "a trial asks for 64 CPUs, but the cluster has 2", cpus_per_trial=64)


def test_a_missing_dataset_is_refused_before_anything_is_written(cluster, tmp_path):
    refused(tmp_path, "nowhere", overrides=[f"dataset=folder:{tmp_path / 'nowhere'}"])


def test_a_broken_dataset_is_refused_before_anything_is_written(cluster, tmp_path, monkeypatch):
    for split in ("train", "test"):
        for name in ("cat", "dog"):
            folder = tmp_path / "pets" / split / name
            folder.mkdir(parents=True)
            for index in range(30):
                (folder / f"{index}.png").write_bytes(b"not an image")
    refused(tmp_path, r"\.png", overrides=[f"dataset=folder:{tmp_path / 'pets'}", "image_size=16"])


def test_an_unknown_architecture_is_refused_before_anything_is_written(cluster, tmp_path):
    refused(tmp_path, "did you mean `resnet18`", overrides=["arch=resnet_18"])


def test_a_network_too_large_for_its_images_is_refused_before_anything_is_written(cluster, tmp_path):
    said = refused(tmp_path, "cannot take images of 32x32", overrides=["arch=vit_b_16", "image_size=32"])
    assert "`arch` vit_b_16" in said
    assert "choose another `image_size`" in said


def test_a_storage_that_cannot_be_written_is_refused(cluster, tmp_path):
    blocker = tmp_path / "file"
    blocker.write_text("")
    with pytest.raises(BadInput, match="choose another --storage"):
        launch(blocker / "store", "x", trials=1)
