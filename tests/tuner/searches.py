"""Tiny searches for tests: real training of a real network, a few hundredths of a second an epoch."""

import os
import re
import signal
import time
from pathlib import Path

from tests.tuner.warm import Warm
from tuner.records.lines import read
from tuner.records.paths import ExperimentPaths

# 120 images of 8x8 pixels; four modes of the smoke space.
TINY = ("image_size=8", "train_images=120", "batch_size=40")
LIGHT = str(Path(__file__).parent / "light.py")
# Parts of a record that depend on the machine's mood and not on the mathematics.
VOLATILE = {"time", "epoch_seconds", "step_seconds", "images_per_second"}


def options(storage, name, *, trials=6, epochs=9, seed=0, settings=TINY):
    """Arguments of `tuner launch` for a tiny search that checkpoints every epoch."""
    arguments = ["launch", "blur", "--space", "smoke", "--name", name, "--storage", str(storage)]
    arguments += ["--trials", str(trials), "--epochs", str(epochs), "--seed", str(seed), "--checkpoint-every", "0"]
    for setting in settings:
        arguments += ["--set", setting]
    return arguments


def light(storage, name, *, trials=6, epochs=9, seed=0):
    """The same of a search without torch, for tests in which it does not matter what is trained."""
    arguments = ["launch", LIGHT, "--name", name, "--storage", str(storage), "--trials", str(trials)]
    return [*arguments, "--epochs", str(epochs), "--seed", str(seed), "--checkpoint-every", "0"]


def start(*arguments, address=None):
    """`tuner ...` as a process of its own."""
    command = list(map(str, arguments))
    if address is not None:
        command += ["--address", address]
    environment = {**os.environ, "COLUMNS": "100"}
    if address is None:
        del environment["RAY_AUTH_MODE"]  # a private Ray protects itself; the shared one of the tests is open
    return Warm(command, environment)


def run(*arguments, address=None, timeout=900):
    """`tuner ...` to its end: (exit code, everything it printed)."""
    process = start(*arguments, address=address)
    output, _ = process.communicate(timeout=timeout)
    return process.returncode, output


def kill_after(process, path: Path, epochs: int, *, delay: float = 0.0, number=signal.SIGKILL, limit: float = 600.0):
    """Send a signal once the records hold that many epochs (and a moment later), or let the process end by itself."""
    deadline = time.monotonic() + limit
    while process.poll() is None and count_epochs(path) < epochs:
        assert time.monotonic() < deadline, f"no progress: {count_epochs(path)} epochs recorded, waited for {epochs}"
        time.sleep(0.01)
    time.sleep(delay)
    if process.poll() is None:
        process.send_signal(number)
    output, _ = process.communicate(timeout=300)
    return output


def count_epochs(path: Path) -> int:
    if not path.exists():
        return 0
    return len(re.findall(rb'"event": "epoch"', path.read_bytes()))


def medians(paths: ExperimentPaths):
    """(trial, epoch) -> every metric's median and values."""
    return {
        (record["trial"], record["epoch"]): record["metrics"]
        for record in read(paths.records)
        if record["event"] == "epoch"
    }


def repeats(paths: ExperimentPaths):
    """Epochs that were trained again after a crash."""
    return [record for record in read(paths.records) if record["event"] == "repeat"]


def judgements(paths: ExperimentPaths):
    """Decisions and ends in order, without what depends on the clock."""
    return [
        {key: value for key, value in record.items() if key not in VOLATILE}
        for record in read(paths.records)
        if record["event"] in ("decision", "end")
    ]
