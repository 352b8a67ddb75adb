"""The judge of a search: takes each result in order of arrival, writes its record, and says whether the trial goes on.

Its whole state is a function of the records, so a resumed search has the rungs of the interrupted one, and every decision
can be checked against the recorded order afterwards (`tuner.rules.verify`). It knows nothing of Ray.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from trainables.statistics import is_late, worst
from tuner.records.lines import Record, RecordWriter
from tuner.rules import entries
from tuner.rules.ranking import bracket_of
from tuner.rules.rule import Action, Rule
from tuner.rules.rungs import Decision, Rungs
from tuner.rules.seeds import Medians


@dataclass
class Judge:
    """Decides for one experiment; `recall` its records first when it is resumed."""

    rule: Rule
    writer: RecordWriter
    last_epoch: dict[int, int] = field(default_factory=dict)  # trial -> last epoch recorded
    last_late: dict[int, int] = field(
        default_factory=dict
    )  # trial -> last one of the replicates that joined after that
    ended: set[int] = field(default_factory=set)
    brackets: dict[int, str] = field(default_factory=dict)  # trial -> its bracket
    promoted: dict[int, int] = field(
        default_factory=dict
    )  # trial that waited, may go on and has no worker yet -> its rung

    def __post_init__(self) -> None:
        self._rungs = Rungs(self.rule)
        self.medians = Medians(self.rule.metric, self.rule.mode)

    @property
    def values(self) -> dict[int, dict[int, float]]:
        """rung -> trial -> what it was ranked by there."""
        return self._rungs.values

    @property
    def waiting(self) -> dict[int, int]:
        """The trials that wait -> the rung at which."""
        return self._rungs.waiting

    def recall(self, records: Iterable[Record]) -> None:
        """Rebuild the state from the records of earlier sessions, and write what a kill cut off behind the last of them."""
        undecided: dict[int, Record] = {}
        causes: dict[int, str] = {}  # the first failure at the last epoch of a trial
        owed: dict[tuple[str, int], Record] = {}  # what follows from a decision, until it is met
        for record in records:
            trial, event = int(record.get("trial", -1)), record["event"]
            owed.pop((event, trial), None)
            match event:
                case "trial":
                    self.brackets[trial] = bracket_of(record["config"], self.rule.bracket)
                    self._rungs.announce(trial)
                case "start":
                    self.promoted.pop(trial, None)
                case "epoch":
                    self.last_epoch[trial] = record["epoch"]
                    self.last_late.pop(trial, None)
                    self.medians.add(trial, entries.recorded_median(self.rule, record), record)
                    undecided[trial] = record
                    causes.pop(trial, None)
                    owed.pop(("end", trial), None)  # it was let go on
                case "late":
                    self.last_late[trial] = record["epoch"]
                    self.medians.join(record)
                    causes.pop(trial, None)
                    if entries.has_diverged(record):
                        undecided[trial] = record
                case "replicate_failed":
                    causes.setdefault(trial, str(record["message"]))
                case "decision":
                    stopped = entries.stopped(record, undecided.pop(trial, None), causes.get(trial, entries.EARLIER))
                    follow = [*stopped, *self._moves(self._replace(record))]
                    owed |= {(after["event"], after["trial"]): after for after in follow}
                case "promote" | "end":
                    self._enter(record)
                    undecided.pop(trial, None)
        cut_off = list(owed.values())
        for record in cut_off:
            self._enter(record)
        for trial, record in undecided.items():
            cause = causes.get(trial, entries.EARLIER)
            if record["event"] == "late":
                cut_off += self._diverged(trial, cause)
                continue
            median = entries.recorded_median(self.rule, record)
            cut_off += self._consequences(trial, record["epoch"], median, entries.has_diverged(record), cause)
        self.writer.write(*cut_off, *self._hopeless())

    def _replace(self, record: Record) -> Decision:
        """Enter a recorded decision: what was said then stands, whatever would be said now."""
        trial, rung = int(record["trial"]), int(record["rung"])
        bracket = self.brackets.get(trial, "")
        value = record["value"]
        decision = self._rungs.place(trial, bracket, rung, worst(self.rule.mode) if value is None else float(value))
        if decision.action != record["action"]:
            self._rungs.note(trial, bracket, rung, record["action"])
        return decision

    def observe(self, trial: int, result: dict[str, Any]) -> Action:
        """Record a result of `LockStep.step` and decide; an epoch that is already recorded changes nothing."""
        if trial in self.ended:
            return "stop"
        failed = result.get("failed")
        errors = result.get("errors", ())
        self.writer.write(
            *({"event": "error", "trial": trial, "final": failed is not None, **error} for error in errors)
        )
        if failed is not None:
            self.fail(trial, str(failed))
            return "stop"
        epoch = int(result["epoch"])
        failures = [{"event": "replicate_failed", "trial": trial, **failure} for failure in result["failures"]]
        first = result["failures"][0]["message"] if result["failures"] else entries.EARLIER
        if is_late(result):
            return self._observe_late(trial, result, failures, first)
        record = entries.epoch_record(trial, result)
        if epoch <= self.last_epoch.get(trial, 0):
            # The first record stands, for decisions were made on it. Trained again after a crash it is kept as evidence.
            if not result.get("replayed"):
                self.writer.write({**record, "event": "repeat"})
            return self._verdict(trial)
        self.last_epoch[trial] = epoch
        self.last_late.pop(trial, None)
        value = self._number(result.get(self.rule.metric))
        self.medians.add(trial, value, record)
        consequences = self._consequences(trial, epoch, value, bool(result["diverged"]), first)
        self.writer.write(record, *failures, *consequences)
        return self._verdict(trial)

    def _observe_late(self, trial: int, result: dict[str, Any], failures: list[Record], cause: str) -> Action:
        """Record an epoch of replicates that joined; only the end of a majority follows from it."""
        record = entries.late_record(trial, result)
        known = self.last_epoch.get(trial, 0), self.last_late.get(trial, 0)
        if (record["rung"], record["epoch"]) <= known:
            if not result.get("replayed"):
                self.writer.write({**record, "event": "repeat"})
            return self._verdict(trial)
        self.last_late[trial] = record["epoch"]
        self.medians.join(record)
        ended = self._diverged(trial, cause) if result["diverged"] else []
        self.writer.write(record, *failures, *ended)
        return self._verdict(trial)

    def begin(self, trial: int) -> None:
        """A worker begins with a trial, or goes on with it."""
        self.promoted.pop(trial, None)
        self.writer.write({"event": "start", "trial": trial, "epoch": self.last_epoch.get(trial, 0)})

    def fail(self, trial: int, message: str) -> None:
        """End a trial that cannot be trained: its worker was lost too often, or it does not fit into a GPU."""
        if trial not in self.ended:
            end = entries.end(trial, "failed", self.last_epoch.get(trial, 0), message)
            self._enter(end)
            self.writer.write(end, *self._hopeless())

    def _diverged(self, trial: int, cause: str) -> list[Record]:
        """The end of a trial whose majority did not outlive the joining of further replicates, entered into the state."""
        ended = entries.diverged(trial, self.last_epoch.get(trial, 0), cause)
        self._enter(ended)
        return [ended, *self._hopeless()]

    def _verdict(self, trial: int) -> Action:
        if trial in self.ended:
            return "stop"
        return "wait" if trial in self.waiting else "continue"

    def _consequences(self, trial: int, epoch: int, value: float, diverged: bool, cause: str) -> list[Record]:
        """The records that follow from an epoch, entered into the state: what is decided, who ends, who goes on."""
        diverged = diverged or not math.isfinite(value)
        medians = [*self.medians[trial][:-1], worst(self.rule.mode)] if diverged else self.medians[trial]
        decision = self._rungs.arrive(trial, self.brackets.get(trial, ""), epoch, medians)
        records = [] if decision is None else [entries.decision_record(decision)]
        if diverged:
            records.append(entries.diverged(trial, epoch, cause))
        elif decision is not None and decision.action == "stop":
            records.append(entries.end(trial, "stopped", epoch, decision.reason))
        elif epoch >= self.rule.epochs:
            records.append(entries.end(trial, "completed", epoch, "full budget"))
        records += [] if decision is None else self._moves(decision)
        for record in records:
            self._enter(record)
        return records + self._hopeless()

    def _moves(self, decision: Decision) -> list[Record]:
        """What a decision means for trials that waited at its rung."""
        promoted = [
            entries.promote_record(decision, trial, self._rungs.value(trial, decision.rung, decision.bracket), reason)
            for trial, reason in decision.released.items()
        ]
        return promoted + [
            entries.end(trial, "stopped", decision.rung, reason) for trial, reason in decision.ended.items()
        ]

    def _hopeless(self) -> list[Record]:
        """The ends of those who wait while nothing is left to train, entered into the state."""
        ends = [
            entries.end(trial, "stopped", self.waiting[trial], why) for trial, why in self._rungs.hopeless().items()
        ]
        for end in ends:
            self._enter(end)
        return ends

    def _enter(self, record: Record) -> None:
        trial = int(record["trial"])
        match record["event"]:
            case "promote":
                self._rungs.release(trial)
                self.promoted[trial] = int(record["rung"])
            case "end":
                self._rungs.end(trial)
                self.ended.add(trial)
                self.promoted.pop(trial, None)

    def _number(self, value: Any) -> float:
        """A reported value as a float, the worst one where it is missing or not finite."""
        if isinstance(value, int | float) and math.isfinite(value):
            return float(value)
        return worst(self.rule.mode)
