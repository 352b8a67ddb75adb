"""A made-up experiment on disk, written the way the driver writes one: what the readers' tests read."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tuner.records import manifest as manifests
from tuner.records.lines import Record, RecordWriter
from tuner.records.paths import ExperimentPaths

REPLICATES = 5
RUNGS = [1, 3, 9]


class Experiment:
    """Writes a manifest, with `changes`, and records as its methods are called, each `seconds` after the one before."""

    def __init__(
        self,
        storage: Path,
        *,
        folder: str = "made-up",
        start: float = 1_700_000_000.0,
        seconds: float = 10.0,
        **changes: Any,
    ) -> None:
        self.paths = ExperimentPaths(storage / folder)
        self.manifest = made_up(**changes)
        self.paths.root.mkdir(parents=True)
        manifests.write(self.paths.manifest, self.manifest)
        self.records: list[Record] = []
        self.scalars: dict[int, dict[str, float]] = {}  # of each trial, reported at all its epochs from then on
        self._writer = RecordWriter(self.paths.records)
        self._now = start
        self._seconds = seconds

    def write(self, event: str, **fields: Any) -> None:
        """Any record."""
        self._now += self._seconds
        record = {"event": event, "time": self._now, **fields}
        self.records.append(record)
        self._writer.write(record)

    def session(self, action: str = "start", outcome: str = "finished") -> None:
        more = {"outcome": outcome} if action == "end" else {"pid": 4242, "host": "node"}
        self.write("session", action=action, **more)

    def trial(self, index: int, **config: Any) -> None:
        """A configuration: the baseline's with some knobs changed; trial 0 is the baseline."""
        config = {**self.manifest.baseline, **config}
        self.write("trial", trial=index, baseline=index == 0, config=config)

    def epoch(self, trial: int, epoch: int, values: list[float | None], event: str = "epoch", **medians: float) -> None:
        """An epoch whose objective has these k values, and whose other metrics have these medians."""
        objective = self.manifest.objective.metric
        metrics = {objective: {"median": _median(values), "values": values}}
        for name, median in medians.items():
            metrics[name] = {"median": median, "values": [median] * len(values)}
        self.write(
            event,
            trial=trial,
            epoch=epoch,
            metrics=metrics,
            replicates_ok=sum(value is not None for value in values),
            learning_rate=0.01,
            epoch_seconds=2.0,
            images_per_second=5000.0,
            scalars=self.scalars.get(trial, {}),
        )

    def train(self, trial: int, values: list[float | None], to: int = 9, **medians: float) -> None:
        """Start a trial and report the same values at every epoch up to `to`."""
        self.write("start", trial=trial, epoch=0)
        for epoch in range(1, to + 1):
            self.epoch(trial, epoch, values, **(medians if epoch == to else {}))

    def complete(self, trial: int, values: list[float | None], **medians: float) -> None:
        """Train a trial to its full budget."""
        self.train(trial, values, **medians)
        self.end(trial, "completed", 9, "full budget")

    def stop(self, trial: int, values: list[float | None], at: int = 3, cutoff: float = 0.8) -> None:
        """Train a trial to a rung and stop it there."""
        self.train(trial, values, to=at)
        self.decide(trial, at, "stop", cutoff)
        self.end(trial, "stopped", at, f"rung {at}: {_median(values)} below the cutoff {cutoff} (top 1/3 of 4)")

    def decide(self, trial: int, rung: int, action: str, cutoff: float | None = None) -> None:
        reason = f"rung {rung}: 0.7 {'below' if action == 'stop' else 'not below'} the cutoff {cutoff} (top 1/3 of 4)"
        self.write(
            "decision", trial=trial, epoch=rung, rung=rung, action=action, value=0.7, cutoff=cutoff, of=4, reason=reason
        )

    def end(self, trial: int, status: str, epoch: int, reason: str = "") -> None:
        self.write("end", trial=trial, status=status, epoch=epoch, reason=reason)

    def fail_replicate(self, trial: int, replicate: int, epoch: int, message: str = "ValueError: no") -> None:
        self.write(
            "replicate_failed",
            trial=trial,
            replicate=replicate,
            epoch=epoch,
            kind="raised",
            message=message,
            traceback=f"Traceback (most recent call last):\n  train()\n{message}",
        )

    def append(self, text: str) -> None:
        """Raw text at the end of the records."""
        with self.paths.records.open("a") as file:
            file.write(text)


def made_up(more: Mapping[str, Any] | None = None, **changes: Any) -> manifests.Manifest:
    """A manifest with `changes`, and with `more` in its budget."""
    content = {
        "name": "made-up",
        "family": "blur",
        "space": "smoke",
        "summary": "A made-up search.",
        "overrides": {},
        "seed": 0,
        "objective": {"metric": "val_accuracy", "mode": "max"},
        "budget": {"epochs": 9, "grace": 1, "reduction": 3, "trials": 4, "replicates": REPLICATES, **(more or {})},
        "rungs": RUNGS,
        "protocol": {"dataset": "digits", "selection": "holdout"},
        "baseline": {"lr": 0.01, "mode": "normal", "epochs": 9},
        "published": [],
        "created": "2025-01-01T00:00:00+00:00",
        "versions": {},
        "command": "tuner launch blur",
        **changes,
    }
    return manifests.Manifest.model_validate(content)


def around(median: float) -> list[float | None]:
    """Five values with this median, 0.01 apart."""
    return [round(median + 0.01 * step, 4) for step in (-2, -1, 0, 1, 2)]


def finished(folder: Path, **changes: Any) -> Experiment:
    """A finished search: trial 1 is the best, 2 was stopped at epoch 3, 3 diverged at 1; 0 and 1 saw the test set."""
    experiment = Experiment(folder, **changes)
    experiment.session()
    for index, lr in enumerate([0.01, 0.05, 0.001, 5.0]):
        experiment.trial(index, lr=lr)
    experiment.complete(0, around(0.80), test_accuracy=0.79)
    experiment.complete(1, around(0.90), test_accuracy=0.88)
    experiment.stop(2, around(0.70))
    experiment.write("start", trial=3, epoch=0)
    experiment.epoch(3, 1, [None] * REPLICATES)
    for replicate in range(REPLICATES):
        experiment.fail_replicate(3, replicate, 1, f"NonFinite: the loss is nan in replicate {replicate}")
    experiment.end(3, "diverged", 1, "no majority of the replicates is alive at epoch 1")
    experiment.session("end")
    return experiment


def _median(values: list[float | None]) -> float | None:
    alive = sorted(value for value in values if value is not None)
    if 2 * len(alive) <= len(values):
        return None
    # Failed replicates count as the worst value, so the median moves towards the low end.
    return ([float("-inf")] * (len(values) - len(alive)) + alive)[len(values) // 2]
