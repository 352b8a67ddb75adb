"""What happened in an experiment, rebuilt from its records: all its trials and sessions."""

from __future__ import annotations

import contextlib
import gc
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator
from functools import cached_property

from trainables.statistics import alive
from trainables.trial.seeds import Seeds
from tuner.records import lines as records
from tuner.records import lock, manifest
from tuner.records.lines import Record
from tuner.records.manifest import Manifest
from tuner.records.paths import ExperimentPaths
from tuner.results.trial import STATUSES, Session, Trial

__all__ = ["History", "Session", "Trial"]


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
    def load(cls, paths: ExperimentPaths, live: bool | None = None) -> History:
        """Read the manifest and the records; `BadInput` names the file, the line and the field that cannot be.

        Args:
            live: whether a driver runs it; default asked of its lock.
        """
        known = manifest.read(paths.manifest)
        # Asked before reading: a driver that ends meanwhile leaves records newer than the answer, never older.
        history = cls(known, name=paths.name, live=lock.is_held(paths.lock) if live is None else live)
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
        return self.manifest.seeds

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
                trial.status, trial.reason, trial.began = "running", "", record["time"]
                self._running.add(trial.index)
                if self.sessions:
                    self.sessions[-1].concurrent = max(self.sessions[-1].concurrent, len(self._running))
            case "late":
                trial = self._trials[record["trial"]]
                trial.late.append(record)
                trial.replicate_epochs += alive_in(record, trial.objective)
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
                trial.ended = record["time"]
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
        else:
            trial.repeats.append(record)
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


def alive_in(record: Record, objective: str) -> int:
    """How many of the replicates of a record live."""
    reported = record["metrics"].get(objective) or next(iter(record["metrics"].values()))
    return alive(reported["values"])


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
