"""What the batch script calls on a node: a folder for Ray, the job's share of the node, whether another run is worth it."""

import json
import os
import subprocess
import sys

import pytest

from tuner.cluster.slurm import node, progress, room
from tuner.errors import BadInput


@pytest.fixture
def places(monkeypatch, tmp_path):
    for name in ("RAY_TMPDIR", "SLURM_TMPDIR", "TMPDIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(room, "_LONGEST", 200)
    return tmp_path


def test_the_folder_of_a_run_is_its_users_alone_and_no_other_runs(places, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(places))
    folders = {room.choose("7", "0"), room.choose("7", "1"), room.choose("8", "0")}
    assert {folder.parent for folder in folders} == {places}
    assert len(folders) == 3
    assert all(folder.stat().st_mode & 0o077 == 0 for folder in folders)


def test_a_path_too_long_for_sockets_or_a_full_place_is_passed_over(places, monkeypatch):
    long = places / ("x" * 200)
    long.mkdir()
    monkeypatch.setenv("SLURM_TMPDIR", str(long))
    monkeypatch.setenv("TMPDIR", str(places))
    assert room.choose("7", "0").parent == places
    monkeypatch.setattr(room, "_LEAST_FREE", 2**70)
    with pytest.raises(
        BadInput, match=r"no folder of this node can keep Ray's files \(.*too long.*MiB left.*set RAY_TMPDIR"
    ):
        room.choose("7", "1")


def test_somebody_elses_folder_of_that_name_is_not_used(places, monkeypatch):
    (places / "slurm-7-0").symlink_to(places)
    with pytest.raises(OSError, match="another user"):
        room.made(places / "slurm-7-0")


def test_what_a_killed_job_left_is_swept_and_what_lives_is_not(places):
    dead, alive, unknown = (room.made(places / f"slurm-{job}-0") for job in (1, 2, 3))
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            f"from tuner.cluster.slurm import room; room.sign(__import__('pathlib').Path({str(dead)!r}))",
        ],
        check=False,
    )
    assert done.returncode == 0
    room.sign(alive)
    room.sweep(places)
    assert [folder.exists() for folder in (dead, alive, unknown)] == [False, True, True]


@pytest.mark.parametrize(
    ("environment", "options"),
    [
        (
            {"SLURM_CPUS_ON_NODE": "16", "SLURM_GPUS_ON_NODE": "4", "SLURM_MEM_PER_NODE": "2048"},
            ["--num-cpus=16", "--num-gpus=4", "--memory=2147483648"],
        ),
        ({"SLURM_CPUS_ON_NODE": "4", "CUDA_VISIBLE_DEVICES": "2,3"}, ["--num-cpus=4", "--num-gpus=2"]),
        (
            {"SLURM_CPUS_ON_NODE": "4", "SLURM_MEM_PER_CPU": "100"},
            ["--num-cpus=4", "--num-gpus=0", "--memory=419430400"],
        ),
        ({"SLURM_CPUS_ON_NODE": "4", "SLURM_MEM_PER_NODE": "0"}, ["--num-cpus=4", "--num-gpus=0"]),
    ],
)
def test_ray_is_told_the_share_that_slurm_gave(environment, options):
    assert node.shares(environment) == options


def test_an_address_that_only_this_machine_knows_is_left_to_ray(monkeypatch):
    monkeypatch.setenv("SLURMD_NODENAME", "localhost")
    assert node._own_address() == []
    monkeypatch.setenv("SLURMD_NODENAME", "10.1.2.3")
    assert node._own_address() == ["--node-ip-address=10.1.2.3"]
    monkeypatch.setenv("SLURMD_NODENAME", "no.such.node.invalid")
    assert node._own_address() == []


def test_runs_without_a_new_epoch_are_counted_and_end_in_a_reason(tmp_path, monkeypatch, capsys):
    epochs = iter([5, 5, 5, 6, 6, 6, 6])
    monkeypatch.setattr(progress, "_epochs", lambda experiment: next(epochs))
    told = [progress.judge("first", tmp_path, 3) for _ in range(6)]
    assert told == [None] * 6
    assert progress.recall("first", tmp_path) == {"epochs": 6, "idle": 2, "requeued": 6}
    assert progress.main(["first", str(tmp_path), "3"]) == 1
    said = capsys.readouterr().out
    assert "first is not requeued: 3 runs in a row ended without a new epoch, 6 in all" in said
    assert progress.recall("first", tmp_path)["idle"] == 0  # submitted again it has as many tries


def test_a_search_that_never_began_is_given_up_as_well(tmp_path):
    assert [progress.judge("first", tmp_path, 2) is None for _ in range(2)] == [True, False]
    assert json.loads((tmp_path / "first.slurm.json").read_text())["requeued"] == 1


def test_a_storage_that_fails_is_a_reason_and_no_stack_trace(tmp_path, capsys):
    (tmp_path / "first.slurm.json").mkdir()
    assert progress.main(["first", str(tmp_path), "3"]) == 1
    assert "first is not requeued: " in capsys.readouterr().out
    assert os.listdir(tmp_path) == ["first.slurm.json"]
