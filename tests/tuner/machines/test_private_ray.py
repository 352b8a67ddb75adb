"""A private Ray that cannot start says why in one sentence, before anything is started where that can be known."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tests.tuner.searches import options
from tuner.errors import BadInput, ClusterUnreachable
from tuner.machines import private_ray


@pytest.fixture
def short():
    """A folder with a path that sockets fit below."""
    with tempfile.TemporaryDirectory(dir="/tmp", prefix="t-") as made:
        yield Path(made)


def test_a_path_too_long_for_sockets_is_refused_with_what_is_left_for_it(monkeypatch, tmp_path):
    for name in ("TMPDIR", "RAY_TMPDIR"):
        monkeypatch.delenv(name, raising=False)
    assert str(private_ray.require_folder()) == "/tmp"
    monkeypatch.setenv("TMPDIR", "/" + "x" * 60)
    with pytest.raises(BadInput, match=r"TMPDIR is /x+, a path of 61 bytes, but .* at most \d+; set RAY_TMPDIR"):
        private_ray.require_folder()
    monkeypatch.setenv("RAY_TMPDIR", "/tmp")
    assert str(private_ray.require_folder()) == "/tmp"
    monkeypatch.setenv("RAY_TMPDIR", "/" + "é" * 30)
    with pytest.raises(BadInput, match="a path of 61 bytes"):
        private_ray.require_folder()


def test_a_full_folder_and_one_that_is_a_file_are_refused(monkeypatch, short):
    monkeypatch.setenv("RAY_TMPDIR", str(short))
    usage = shutil.disk_usage(short)
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=2**20))
        with pytest.raises(BadInput, match=r"which has 1 MiB left, but a private Ray needs 32 MiB; make room there"):
            private_ray.require_folder()
    (short / "file").touch()
    monkeypatch.setenv("RAY_TMPDIR", str(short / "file"))
    with pytest.raises(BadInput, match=r"nothing can be written there \(Not a directory\)"):
        private_ray.require_folder()


def test_whatever_ray_says_becomes_one_sentence(monkeypatch, short):
    import ray

    monkeypatch.setenv("RAY_TMPDIR", str(short))
    monkeypatch.setattr(ray, "shutdown", lambda: None)
    late = TimeoutError("Timed out waiting for file gcs_server_port\n" + "x" * 2000)
    for error in (late, OSError(24, "Too many"), RuntimeError()):

        def fail(*arguments, error=error, **more):
            raise error

        monkeypatch.setattr(ray, "init", fail)
        with pytest.raises(ClusterUnreachable, match="no private Ray could be started") as caught:
            private_ray.start()
        assert len(str(caught.value).splitlines()) == 1
        assert len(str(caught.value)) < 400
    assert private_ray.MARK not in os.environ
    assert signal.SIGHUP not in signal.pthread_sigmask(signal.SIG_BLOCK, [])


@pytest.mark.slow
@pytest.mark.parametrize("command", [[], ["doctor"]], ids=["launch", "doctor"])
def test_the_command_line_says_it_without_a_stack_trace(tmp_path, command):
    long = tmp_path / ("x" * 80)
    long.mkdir()
    environment = {key: value for key, value in os.environ.items() if not key.startswith("RAY_")}
    words = command or options(tmp_path / "storage", "some")
    done = subprocess.run(
        [sys.executable, "-m", "tuner", *map(str, words)],
        capture_output=True,
        text=True,
        env={**environment, "TMPDIR": str(long)},
        timeout=200,
    )
    assert done.returncode == 2
    assert "but the sockets of a private Ray need one of at most" in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert not (tmp_path / "storage" / "some").exists()
