"""One small Ray cluster for all tests that need one, since starting it costs more than most of them; the command line."""

import functools
import os
import sys

import pytest
import typer

from trainables.storage import s3client
from tuner import cli
from tuner.commands.app import out as console

# Making all commands and their options takes longer than most verbs, and a process needs it once.
typer.main.get_command = functools.cache(typer.main.get_command)

WIDTH = 100  # of the screen that the command line writes on


@pytest.fixture(scope="session")
def cluster():
    """A running Ray with two CPUs that this process is connected to; its address for other processes."""
    import ray

    ray.init(
        "local",
        num_cpus=2,
        num_gpus=0,
        include_dashboard=False,
        object_store_memory=100 * 1024**2,
        log_to_driver=False,
        logging_level="error",
    )
    yield ray.get_runtime_context().gcs_address
    ray.shutdown()


@pytest.fixture
def tuner(monkeypatch, capsys, tmp_path):
    """Run a command line in this process: (exit code, standard output, standard error)."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("TUNER_DATA", os.environ.get("TUNER_DATA", ""))  # what --data writes ends with the test
    if not os.environ["TUNER_DATA"]:
        monkeypatch.delenv("TUNER_DATA")
    s3client.client.cache_clear()

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["tuner", *map(str, arguments)])
        monkeypatch.setattr(console, "width", WIDTH)
        with pytest.raises(SystemExit) as ended:
            cli.main()
        captured = capsys.readouterr()
        return ended.value.code or 0, captured.out, captured.err

    return run
