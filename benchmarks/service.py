"""What the service costs beside training: seconds to a prompt, and the driver's time that is not inside `step`.

    python -m benchmarks.service

Overhead: 64 trials of the smoke space on two workers, each stopped after one epoch or a few. The time of a worker from its
first start to its last end is spent in epochs, in the rest of `step` (building replicates, checkpoints), and outside: the
driver, Ray, the records, memory given back. What one worker starts later or ends earlier than the other is not its time.
And 1,000 trials that train nothing on the same two workers, reused from trial to trial: what a trial costs by itself.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

from ray import tune
from rich.console import Console
from rich.table import Table

from benchmarks.harness import hardware
from trainables import statistics as numbers
from trainables.on_ray import trainable as replicated
from tuner import experiment
from tuner.records.lines import read
from tuner.records.paths import ExperimentPaths

REPEATS = 9
RUNS = 3
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


@dataclass(frozen=True)
class Overhead:
    """Where the seconds of all workers went, each from its first start to its last end.

    Attributes:
        epochs: trained.
        training: seconds of the epochs themselves.
        rest: of `step` beside these.
        outside: of `step`.
        waiting: for a worker that starts after the first one, and of those for which no trial was left; not in `outside`.
    """

    epochs: int
    training: float
    rest: float
    outside: float
    waiting: float

    @classmethod
    def of(cls, paths: ExperimentPaths, workers: int) -> Overhead:
        """As the records of a finished search have it, in which all workers were busy at first."""
        records = list(read(paths.records))
        starts = sorted(record["time"] for record in records if record["event"] == "start")[:workers]
        ends = sorted(record["time"] for record in records if record["event"] == "end")[-workers:]
        epochs = [record for record in records if record["event"] == "epoch"]
        training = sum(record["epoch_seconds"] for record in epochs)
        steps = sum(record["step_seconds"] for record in epochs)
        waiting = sum(start - starts[0] for start in starts) + sum(ends[-1] - end for end in ends)
        outside = (ends[-1] - starts[0]) * workers - waiting - steps
        return cls(len(epochs), training, steps - training, outside, waiting)

    @property
    def share(self) -> float:
        """Of the time outside `step`, in that inside."""
        return self.outside / (self.training + self.rest)


def short_trials(storage: str, name: str) -> tuple[Overhead, float]:
    """A search of short trials, and the seconds from its launch to its end."""
    began = time.perf_counter()
    outcome = experiment.launch("blur", "smoke", name=name, storage=storage, trials=TRIALS, max_concurrent=WORKERS)
    return Overhead.of(outcome.paths, WORKERS), time.perf_counter() - began


def overhead_table(runs: list[tuple[Overhead, float]]) -> Table:
    """A row for each run; seconds are those of both workers."""
    table = Table(title=f"{TRIALS} short trials on {WORKERS} workers, n = {len(runs)}", title_justify="left")
    columns = (
        "epochs",
        "in epochs",
        "rest of step",
        "outside",
        "share",
        "a trial",
        "waiting",
        "launch to exit",
    )
    for column in columns:
        table.add_column(column, justify="right")
    for found, whole in runs:
        seconds = (found.training, found.rest, found.outside)
        table.add_row(
            str(found.epochs),
            *(f"{value:.1f} s" for value in seconds),
            f"{found.share:.1%}",
            f"{found.outside / TRIALS * 1000:.0f} ms",
            f"{found.waiting:.1f} s",
            f"{whole:.1f} s",
        )
    return table


def empty_trials(storage: str) -> float:
    """Seconds of trials that train nothing, from the first start to the last end."""
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
    times = [record["time"] for record in read(outcome.paths.records) if record["event"] in ("start", "end")]
    return max(times) - min(times)


def main() -> None:
    console = Console(width=100)
    console.print(f"{hardware()}; {time.strftime('%Y-%m-%d')}")
    with tempfile.TemporaryDirectory() as storage:
        console.print(overhead_table([short_trials(storage, f"overhead-{run}") for run in range(RUNS)]))
        span = empty_trials(storage)
        console.print(
            f"{EMPTY_TRIALS} trials that train nothing on {WORKERS} reused workers: {span:.1f} s, "
            f"{span / EMPTY_TRIALS * 1000:.0f} ms a trial\n"
        )
        commands = {"tuner --help": ["--help"], "tuner results": ["results", str(Path(storage) / "overhead-0")]}
        table = Table(title=f"seconds of a whole command, n = {REPEATS}", title_justify="left")
        for column in ("command", "median", "lowest", "highest"):
            table.add_column(column, justify="left" if column == "command" else "right")
        for name, arguments in commands.items():
            seconds = seconds_of(arguments)
            table.add_row(name, *(f"{value:.2f}" for value in (statistics.median(seconds), min(seconds), max(seconds))))
        console.print(table)


if __name__ == "__main__":
    main()
