"""What the service costs beside training: seconds to a prompt, and the driver's time that is not inside `step`.

    python -m benchmarks.service

Overhead: 64 trials of the smoke space on two workers, each stopped after one epoch or a few. A worker is busy while it
trains; everything else between the first start and the last end is overhead, given per trial and as a share of the time.
And 1,000 trials that train nothing on the same two workers, reused from trial to trial: what a trial costs by itself.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any
from unittest import mock

from ray import tune
from rich.console import Console
from rich.table import Table

from benchmarks.harness import hardware
from trainables import replicated
from trainables import statistics as numbers
from tuner import experiment
from tuner.paths import ExperimentPaths
from tuner.records import read

REPEATS = 9
TRIALS = 64
WORKERS = 2
EMPTY_TRIALS = 1000


class Empty(tune.Trainable):  # type: ignore[misc]  # Ray is untyped
    """A trial of one epoch that trains nothing, as a worker would report it."""

    def setup(self, config: dict[str, Any]) -> None:
        self._value = 1 / (1 + config["trial"]["index"])

    def step(self) -> dict[str, Any]:
        metrics = dict.fromkeys(numbers.ALWAYS, self._value)
        values = {f"{name}_values": [value] * 5 for name, value in metrics.items()}
        return {
            **metrics,
            **values,
            "metrics": list(metrics),
            "epoch": 1,
            "replicates_ok": 5,
            "learning_rate": 0.1,
            "epoch_seconds": 0.0,
            "images_per_second": 0.0,
            "failures": [],
            "diverged": False,
            "done": False,
        }

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        self.setup(new_config)
        return True

    @classmethod
    def default_resource_request(cls, config: dict[str, Any]) -> tune.PlacementGroupFactory:
        return tune.PlacementGroupFactory([{"CPU": 1.0}])


def seconds_of(arguments: list[str]) -> list[float]:
    """Wall seconds of a whole command, one warm-up not counted."""
    seconds = []
    for _ in range(REPEATS + 1):
        start = time.perf_counter()
        subprocess.run([sys.executable, "-m", "tuner", *arguments], check=True, capture_output=True)
        seconds.append(time.perf_counter() - start)
    return seconds[1:]


def overhead(paths: ExperimentPaths) -> tuple[float, float, int]:
    """(seconds inside `step` over all workers, seconds from the first start to the last end, epochs)."""
    records = list(read(paths.records))
    times = [record["time"] for record in records if record["event"] in ("start", "end")]
    epochs = [record["epoch_seconds"] for record in records if record["event"] == "epoch"]
    return sum(epochs), max(times) - min(times), len(epochs)


def main() -> None:
    console = Console(width=100)
    console.print(f"{hardware()}; {time.strftime('%Y-%m-%d')}")
    with tempfile.TemporaryDirectory() as storage:
        began = time.perf_counter()
        outcome = experiment.launch(
            "blur", "smoke", name="overhead", storage=storage, trials=TRIALS, max_concurrent=WORKERS
        )
        whole = time.perf_counter() - began
        busy, span, epochs = overhead(outcome.paths)
        workers = span * WORKERS
        table = Table(title=f"{TRIALS} short trials on {WORKERS} workers, n = 1", title_justify="left")
        for column in (
            "trials",
            "epochs",
            "in step",
            "first start to last end",
            "idle",
            "idle per trial",
            "launch to exit",
        ):
            table.add_column(column, justify="right")
        table.add_row(
            str(TRIALS),
            str(epochs),
            f"{busy:.1f} s",
            f"{span:.1f} s x {WORKERS}",
            f"{1 - busy / workers:.1%}",
            f"{(workers - busy) / TRIALS * 1000:.0f} ms",
            f"{whole:.1f} s",
        )
        console.print(table)
        with mock.patch.dict(replicated.TRAINABLES, {"blur": Empty}):
            outcome = experiment.launch(
                "blur",
                "smoke",
                name="empty",
                storage=storage,
                trials=EMPTY_TRIALS,
                epochs=1,
                grace=1,
                max_concurrent=WORKERS,
            )
        _, span, _ = overhead(outcome.paths)
        console.print(
            f"{EMPTY_TRIALS} trials that train nothing on {WORKERS} reused workers: {span:.1f} s, "
            f"{span / EMPTY_TRIALS * 1000:.0f} ms a trial\n"
        )
        commands = {"tuner --help": ["--help"], "tuner results": ["results", str(Path(storage) / "overhead")]}
        table = Table(title=f"seconds of a whole command, n = {REPEATS}", title_justify="left")
        for column in ("command", "median", "lowest", "highest"):
            table.add_column(column, justify="left" if column == "command" else "right")
        for name, arguments in commands.items():
            seconds = seconds_of(arguments)
            table.add_row(name, *(f"{value:.2f}" for value in (statistics.median(seconds), min(seconds), max(seconds))))
        console.print(table)


if __name__ == "__main__":
    main()
