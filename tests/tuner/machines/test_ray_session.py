"""Reaching Ray: nothing waits for ever, and a private Ray leaves nothing running."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tuner.errors import BadInput, ClusterUnreachable
from tuner.machines import ray_session

ROOT = Path(__file__).parents[3]


def connect(address):
    with ray_session.connected(address):
        raise AssertionError("connected")


@pytest.fixture
def no_ray(monkeypatch):
    """As in a process that is not connected yet, whatever other tests have done."""
    import ray

    monkeypatch.setattr(ray, "is_initialized", lambda: False)


def test_a_port_where_nobody_listens_is_unreachable(no_ray):
    with pytest.raises(ClusterUnreachable, match=r"no Ray cluster answers at 127\.0\.0\.1:1 \(.*refused") as caught:
        connect("127.0.0.1:1")
    assert caught.value.exit_code == 3


def test_a_server_that_is_no_ray_is_unreachable(no_ray, monkeypatch):
    monkeypatch.setattr(ray_session, "_PATIENCE", 3.0)
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        with pytest.raises(ClusterUnreachable, match="no answer within 3 s"):
            connect(address)


@pytest.mark.parametrize("address", ["http://head:8265", "ray://head:10001", "head:port", ":6379", "head:99999"])
def test_an_address_of_another_kind_is_bad_input(no_ray, address):
    with pytest.raises(BadInput, match=r"must be `auto` or HOST:PORT"):
        connect(address)


def test_a_connection_that_is_there_is_used_and_kept(cluster):
    import ray

    with ray_session.connected(None) as resources:
        assert resources == ray_session.Resources((ray_session.Node(2.0),))
    assert ray.is_initialized()


def test_a_private_ray_turns_strangers_away_and_leaves_no_token_in_the_home(tmp_path):
    code = (
        "import os, subprocess, sys\n"
        "from tuner.machines.ray_session import connected\n"
        "with connected(None):\n"
        "    import ray\n"
        "    address = ray.get_runtime_context().gcs_address\n"
        "    stranger = {**os.environ, 'RAY_AUTH_TOKEN': 'guess'}\n"
        "    for env in (os.environ, stranger):\n"
        "        command = [sys.executable, '-m', 'ray.scripts.scripts', 'health-check', '--address', address]\n"
        "        print('exit', subprocess.run(command, env=env, capture_output=True, timeout=60).returncode)\n"
    )
    environment = {key: value for key, value in os.environ.items() if not key.startswith("RAY_")}
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        env={**environment, "HOME": str(tmp_path)},
    )
    assert [line for line in done.stdout.splitlines() if line.startswith("exit")] == ["exit 0", "exit 1"], done.stderr
    assert not (tmp_path / ".ray").exists()


IMPORTING = """
import ray
from tuner.machines.ray_session import connected

@ray.remote
def imported():
    import json, numbers, sys, trainables
    return [trainables.__file__, numbers.__file__, json.__file__, repr([p for p in sys.path if "of the user" in p])]

with connected(None):
    print("imported", *ray.get(imported.remote()), sep="\\n")
"""


def test_workers_of_a_private_ray_import_nothing_from_the_folder_of_the_user(tmp_path):
    here = tmp_path / "of the user"
    here.mkdir()
    for name in ("numbers", "json", "copy", "token", "trainables", "tuner"):
        (here / f"{name}.py").write_text("raise ImportError('the file of the user')")
    program = tmp_path / "program" / "search.py"
    program.parent.mkdir()
    program.write_text(IMPORTING)
    environment = {key: value for key, value in os.environ.items() if not key.startswith("RAY_")}
    done = subprocess.run(
        [sys.executable, str(program)],
        cwd=here,
        capture_output=True,
        text=True,
        check=False,
        env={**environment, "HOME": str(tmp_path), "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stderr
    trained_by, *others, seen = done.stdout.partition("imported\n")[2].splitlines()
    assert trained_by == str(ROOT / "trainables" / "__init__.py")
    assert not [file for file in others if str(tmp_path) in file]
    assert seen == "[]"


def test_a_ray_that_asks_for_no_token_is_known_as_open(cluster):
    assert ray_session.is_open(cluster)
