"""What a node finds wrong with itself; the tests of whole clusters are beside it in test_cluster.py."""

import shutil
from types import SimpleNamespace

import pytest
import torch

from tuner.machines import node, preflight

NOTHING = {"problems": [], "fingerprints": {}}


@pytest.fixture
def storage(tmp_path):
    probe = tmp_path / "store" / ".probe"
    probe.mkdir(parents=True)
    (probe / "driver").touch()
    return tmp_path / "store"


def look(storage, *, versions=None, configs=(), gpus=0):
    sign, mark = storage / ".probe" / "driver", storage / ".probe" / "n1"
    return node.examine(storage, sign, mark, versions or node.versions(), "blur", list(configs), gpus)


def test_a_sound_node_has_no_problem_leaves_its_mark_and_fingerprints_the_data(storage):
    found = look(storage, configs=[{"dataset": "digits", "image_size": 8}, {"dataset": "digits", "image_size": 8}])
    assert found["problems"] == []
    assert (storage / ".probe" / "n1").exists()
    assert list(found["fingerprints"]) == ["8"]


def test_a_folder_that_is_another_one_on_the_node_is_no_storage(storage):
    shutil.rmtree(storage / ".probe")
    [problem] = look(storage)["problems"]
    assert problem == f"the storage {storage} is not the driver's; give --storage a folder that every node mounts"


def test_other_versions_and_other_code_are_named(storage):
    [problem] = look(storage, versions=node.versions() | {"torch": "1.0", "code": "abc"})["problems"]
    assert f"torch {torch.__version__.split('+')[0]}" in problem
    assert "instead of 1.0" in problem
    assert "instead of abc" in problem


def test_missing_data_are_a_problem(storage, tmp_path):
    [problem] = look(storage, configs=[{"dataset": f"folder:{tmp_path / 'nowhere'}", "image_size": 8}])["problems"]
    assert "nowhere" in problem


def test_gpus_that_ray_counts_must_be_seen(storage, monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    assert look(storage, gpus=1)["problems"] == []
    [problem] = look(storage, gpus=2)["problems"]
    assert problem.startswith("Ray counts 2 GPUs, but torch sees 1")


def test_a_full_disk_is_a_problem(storage, monkeypatch):
    monkeypatch.setattr(node.shutil, "disk_usage", lambda folder: SimpleNamespace(free=100 * 2**20))
    problems = look(storage)["problems"]
    assert f"{storage} has 100 MiB left, but at least 1 GiB is needed; make room there" in problems


def test_the_checkpoints_of_the_trials_that_train_at_once_must_fit_into_the_storage(storage):
    gib = 2**30
    reports = {"a": {"problems": [], "free": 12.5 * gib}, "b": {"problems": ["no answer"]}}
    assert preflight.cramped(reports, storage, gib, at_once=4) == []
    [problem] = preflight.cramped(reports, storage, gib, at_once=5)
    assert problem == (
        f"{storage} has 12.5 GiB left, but the checkpoints of 5 trials at once take 15.0 GiB; make room there, or lower "
        "--max-concurrent"
    )
    assert preflight.cramped({"a": {"problems": [], "free": float("inf")}}, "s3://bucket", gib, at_once=500) == []


def test_how_much_room_is_left_is_looked_at_when_the_data_are_decoded(storage, monkeypatch):
    looked = []
    monkeypatch.setattr("trainables.trial.preflight.fingerprints", lambda *a: looked.append("data") or NOTHING)
    usage = SimpleNamespace(free=50 * 2**30)
    monkeypatch.setattr(node.shutil, "disk_usage", lambda folder: looked.append("room") or usage)
    assert look(storage, configs=[{}])["free"] == 50 * 2**30
    assert looked == ["data", "room", "room"]
