"""What happened in an experiment, rebuilt from its records: every trial with its epochs, decisions and failures."""

from __future__ import annotations

import contextlib
import gc
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from trainables.statistics import mode_of
from trainables.trial.seeds import Seeds
from tuner.records import lines as records
from tuner.records import lock, manifest
from tuner.records.forms import finite
from tuner.records.lines import Record
from tuner.records.manifest import Manifest
from tuner.records.paths import ExperimentPaths
from tuner.rules import seeds

# In the order a person reads them.
STATUSES = ("pending", "running", "waiting", "interrupted", "completed", "stopped", "diverged", "failed")
ENDED = ("completed", "stopped", "diverged", "failed")


@dataclass
class Trial:
    """One configuration and all that is known of its training.

    `objective` is the metric it is judged by. `status` is pending (no worker began), running, waiting (at its
    rung, until the rule lets it go on and a worker is free), interrupted (a worker
    began and its session is over), completed (full budget), stopped (by the rule), diverged (no majority of replicates
    alive) or failed (errors beyond the retries). `epochs` holds the epoch records by their 1-based epoch, `last_epoch`
    is the last of them, `late` the records of replicates that joined at a rung and caught up, and `rung` the highest rung
    reached (0: none yet), `seconds` is the time its workers spent on epochs, late and repeated ones included, and
    `replicate_epochs` counts those of single replicates, failed ones left out.
    """

    index: int
    config: dict[str, Any]
    objective: str
    baseline: bool = False
    status: str = "pending"
    epochs: dict[int, Record] = field(default_factory=dict)
    late: list[Record] = field(default_factory=list)
    decisions: list[Record] = field(default_factory=list)
    failures: list[Record] = field(default_factory=list)
    errors: list[Record] = field(default_factory=list)
    reason: str = ""
    last_epoch: int = 0
    rung: int = 0
    seconds: float = 0.0
    replicate_epochs: int = 0

    @property
    def compared_epoch(self) -> int:
        """The epoch at which it is compared with others: its highest rung; before the first rung the last epoch."""
        return self.rung if self.rung in self.epochs else self.last_epoch

    @property
    def replicates_ok(self) -> int:
        """Replicates alive at the last epoch reported, 0 before the first."""
        return int(self.epochs[self.last_epoch]["replicates_ok"]) if self.epochs else 0

    @property
    def waits(self) -> bool:
        """Whether it waits at its rung, checkpointed and without a worker."""
        return self.status == "waiting"

    @property
    def standing(self) -> str:
        """The status for people: of a trial that waits also where."""
        return f"waiting at rung {self.rung}" if self.waits else self.status

    @property
    def has_ended(self) -> bool:
        """Whether it will never train again: completed, stopped, diverged or failed."""
        return self.status in ENDED

    @property
    def is_valid(self) -> bool:
        """Whether it counts as a result: its medians are finite and it neither diverged nor failed."""
        finite = self.median(self.compared_epoch) is not None and self.median(self.last_epoch) is not None
        return finite and self.status not in ("diverged", "failed")

    def metrics(self, epoch: int) -> dict[str, float | None]:
        """The median of every metric reported at an epoch; None where it is not finite."""
        record = self.epochs.get(epoch)
        return {name: self.median(epoch, name) for name in record["metrics"]} if record else {}

    def scalars(self, epoch: int) -> dict[str, float | None]:
        """The family's further numbers reported at an epoch, the same for every replicate."""
        record = self.epochs.get(epoch)
        return {name: finite(value) for name, value in (record.get("scalars") or {}).items()} if record else {}

    def values(self, epoch: int, metric: str | None = None) -> list[float | None]:
        """The k values of a metric (default: the objective) at an epoch, in the order of the replicates; None for a
        failed one. Empty if the metric was not reported."""
        reported = self._reported(epoch, metric)
        return [finite(value) for value in reported["values"]] if reported else []

    def all_values(self, epoch: int, metric: str | None = None) -> list[float | None]:
        """As `values`, with those of the replicates that joined later behind them."""
        values = self.values(epoch, metric)
        for record in self.late:
            reported = record["metrics"].get(metric or self.objective)
            if record["epoch"] == epoch and reported is not None and record["first"] == len(values):
                values += [finite(value) for value in reported["values"]]
        return values

    @property
    def caught_up(self) -> int | None:
        """The epoch of replicates that have joined at its last one and are still behind; None when there are none."""
        newest = self.late[-1] if self.late else None
        if newest is None or newest["rung"] != self.last_epoch or newest["epoch"] >= newest["rung"]:
            return None
        return int(newest["epoch"])

    def median(self, epoch: int, metric: str | None = None) -> float | None:
        """The median of a metric (default: the objective) at an epoch; None if it was not reported or is not finite.

        A majority alive is required here once more, so that no record can make one survivor of five look like a result.
        """
        reported = self._reported(epoch, metric)
        values = self.values(epoch, metric)
        alive = sum(value is not None for value in values)
        return finite(reported["median"]) if reported and 2 * alive > len(values) else None

    def extremes(self, epoch: int, metric: str | None = None) -> tuple[float | None, float | None]:
        """The smallest and largest value of a metric (default: the objective) over the living replicates; None if none
        lives."""
        alive = [value for value in self.values(epoch, metric) if value is not None]
        return min(alive, default=None), max(alive, default=None)

    def best_epoch(self, metric: str) -> int | None:
        """The epoch at which the median of a metric is best, the earliest of several; None if it never was finite.

        It is the best of as many looks as there are epochs, so it flatters: for figures published that way only.
        """
        sign = 1 if mode_of(metric) == "max" else -1
        medians = {epoch: self.median(epoch, metric) for epoch in sorted(self.epochs)}
        finite = {epoch: sign * value for epoch, value in medians.items() if value is not None}
        return max(finite, key=lambda epoch: finite[epoch], default=None)

    def _reported(self, epoch: int, metric: str | None) -> Record | None:
        record = self.epochs.get(epoch)
        return record["metrics"].get(metric or self.objective) if record else None


@dataclass
class Session:
    """One run of the driver. `outcome` is finished or interrupted; a killed driver leaves None.

    `first_epoch` is when its first epoch began (unix seconds), `step_seconds` what all its epochs took with what belongs to
    them, both None where the records do not say; `concurrent` is how many trials ran at the same time at most.
    """

    started: float
    pid: int
    host: str
    last: float
    outcome: str | None = None
    epochs: int = 0
    first_epoch: float | None = None
    step_seconds: float | None = None
    concurrent: int = 0

    @property
    def seconds(self) -> float:
        """From its start to its end, or to the last thing heard of it."""
        return self.last - self.started


class History:
    """An experiment as its records tell it: `load` reads one from disk, `apply` adds a record to it.

    Unknown events are ignored, so that an older reader shows what it understands of a newer experiment.
    """

    def __init__(self, manifest: Manifest, *, name: str, live: bool) -> None:
        self.manifest = manifest
        self.name = name
        self.live = live
        self.sessions: list[Session] = []
        self._trials: dict[int, Trial] = {}
        self._running: set[int] = set()

    @classmethod
    def load(cls, paths: ExperimentPaths) -> History:
        """Read the manifest and the records; `BadInput` names the file, the line and the field that cannot be."""
        known = manifest.read(paths.manifest)
        # Asked before reading: a driver that ends meanwhile leaves records newer than the answer, never older.
        history = cls(known, name=paths.name, live=lock.is_held(paths.lock))
        with _no_collection():
            for record in records.read(paths.records, known):
                history.apply(record)
        if not history.live:
            history._interrupt()
        return history

    @property
    def trials(self) -> list[Trial]:
        """Every trial that has a configuration, by index."""
        return [self._trials[index] for index in sorted(self._trials)]

    @property
    def baseline(self) -> Trial:
        """The trial of the paper's values; a pending one where the records do not hold it yet."""
        found = (trial for trial in self._trials.values() if trial.baseline)
        return next(found, Trial(0, dict(self.manifest.baseline), self.metric, baseline=True))

    @property
    def metric(self) -> str:
        return self.manifest.objective.metric

    @property
    def mode(self) -> str:
        return self.manifest.objective.mode

    @property
    def rungs(self) -> list[int]:
        """The epochs at which the rule decides; the last one is the full budget."""
        return self.manifest.rungs

    @property
    def budget(self) -> int:
        """The full budget of a trial in epochs."""
        return self.manifest.budget.epochs

    @property
    def replicates(self) -> int:
        return self.manifest.budget.replicates

    @cached_property
    def seeds(self) -> Seeds:
        """How many of the replicates train at which epoch."""
        return seeds.of_manifest(self.manifest)

    @property
    def planned(self) -> int:
        """The number of trials of the whole search."""
        return max(self.manifest.budget.trials, len(self._trials))

    @property
    def state(self) -> str:
        """running, finished, interrupted, failed, or not started."""
        if self.live:
            return "running"
        if not self.sessions:
            return "not started"
        return self.sessions[-1].outcome or "interrupted"

    @property
    def seconds(self) -> float:
        """Wall-clock time of all sessions together, up to the last record."""
        return sum(session.seconds for session in self.sessions)

    def trial(self, index: int) -> Trial | None:
        """The trial with this index; None if there is none."""
        return self._trials.get(index)

    def counts(self) -> dict[str, int]:
        """The number of trials by status, in the order of `STATUSES`."""
        counted = Counter(trial.status for trial in self._trials.values())
        counted["pending"] += self.planned - len(self._trials)
        return {status: counted[status] for status in STATUSES}

    def apply(self, record: Record) -> None:
        """Add one record of the right form (see `tuner.records.lines.read`), in order of arrival."""
        match record["event"]:
            case "session":
                self._session(record)
            case "trial":
                index = record["trial"]
                self._trials[index] = Trial(index, record["config"], self.metric, baseline=record["baseline"])
            case "start":
                trial = self._trials[record["trial"]]
                trial.status, trial.reason = "running", ""
                self._running.add(trial.index)
                if self.sessions:
                    self.sessions[-1].concurrent = max(self.sessions[-1].concurrent, len(self._running))
            case "late":
                trial = self._trials[record["trial"]]
                trial.late.append(record)
                trial.replicate_epochs += _alive_in(record, trial.objective)
                self._step(trial, record)
            case "epoch" | "repeat":
                self._epoch(self._trials[record["trial"]], record)
            case "decision" | "promote":
                self._decision(self._trials[record["trial"]], record)
            case "replicate_failed":
                self._trials[record["trial"]].failures.append(record)
            case "error":
                self._trials[record["trial"]].errors.append(record)
            case "end":
                trial = self._trials[record["trial"]]
                trial.status, trial.reason = record["status"], record.get("reason") or ""
                self._running.discard(trial.index)
        if self.sessions and "time" in record:
            self.sessions[-1].last = max(self.sessions[-1].last, record["time"])

    def _session(self, record: Record) -> None:
        self._interrupt()
        if record["action"] == "start":
            self.sessions.append(Session(record["time"], record["pid"], record["host"], last=record["time"]))
        else:
            self.sessions[-1].outcome = record["outcome"]

    def _interrupt(self) -> None:
        """No worker outlives its session."""
        self._running.clear()
        for trial in self._trials.values():
            if trial.status == "running":
                trial.status = "interrupted"

    def _decision(self, trial: Trial, record: Record) -> None:
        """What the trial was told at a rung, and later there again if it had waited."""
        said = {"action": "promote", **record}
        if all((told["rung"], told["event"]) != (said["rung"], said["event"]) for told in trial.decisions):
            trial.decisions.append(said)
        if said["action"] in ("wait", "promote") and not trial.has_ended:
            trial.status, trial.reason = "waiting", str(said["reason"])

    def _epoch(self, trial: Trial, record: Record) -> None:
        """A new epoch; of one trained again after a crash only the time counts: decisions were made on the first."""
        epoch = record["epoch"]
        if record["event"] == "epoch" and epoch not in trial.epochs:
            trial.epochs[epoch] = record
            trial.last_epoch = max(trial.last_epoch, epoch)
            passed = bisect_right(self.rungs, trial.last_epoch)
            trial.rung = self.rungs[passed - 1] if passed else 0
            trial.replicate_epochs += int(record["replicates_ok"])
        self._step(trial, record)

    def _step(self, trial: Trial, record: Record) -> None:
        """The time that a step of a trial took."""
        trial.seconds += record.get("epoch_seconds") or 0.0
        if self.sessions:
            session, step = self.sessions[-1], record.get("step_seconds")
            session.epochs += 1
            if step is not None:
                session.step_seconds = (session.step_seconds or 0.0) + float(step)
                if session.first_epoch is None:
                    session.first_epoch = float(record["time"]) - float(step)


def _alive_in(record: Record, objective: str) -> int:
    """How many of the replicates of a record live."""
    reported = record["metrics"].get(objective) or next(iter(record["metrics"].values()))
    return sum(finite(value) is not None for value in reported["values"])


@contextlib.contextmanager
def _no_collection() -> Iterator[None]:
    """No search for cyclic garbage inside: records hold none, and among 100,000 of them it takes half of the reading."""
    collected = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collected:
            gc.enable()
