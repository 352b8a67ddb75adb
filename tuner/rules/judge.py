"""The judge of a search: takes each result in order of arrival, writes its record, and says whether the trial goes on.

Its whole state is a function of the records, so a resumed search has the rungs of the interrupted one, and every decision
can be checked against the recorded order afterwards (`tuner.rules.verify`). It knows nothing of Ray.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from trainables.statistics import worst
from tuner.records import Record, RecordWriter
from tuner.rules.ranking import bracket_of
from tuner.rules.rule import Action, Rule
from tuner.rules.rungs import Decision, Rungs


@dataclass
class Judge:
    """Decides for one experiment; `recall` its records first when it is resumed."""

    rule: Rule
    writer: RecordWriter
    last_epoch: dict[int, int] = field(default_factory=dict)  # trial -> last epoch recorded
    medians: dict[int, list[float]] = field(default_factory=dict)  # trial -> the objective at epochs 1, 2, ...
    ended: set[int] = field(default_factory=set)
    brackets: dict[int, str] = field(default_factory=dict)  # trial -> its bracket
    promoted: dict[int, int] = field(
        default_factory=dict
    )  # trial that waited, may go on and has no worker yet -> its rung

    def __post_init__(self) -> None:
        self._rungs = Rungs(self.rule)

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
                    self.medians.setdefault(trial, []).append(recorded_median(self.rule, record))
                    undecided[trial] = record
                    owed.pop(("end", trial), None)  # it was let go on
                case "decision":
                    follow = [*self._moves(self._replace(record)), *_stopped(record, undecided.pop(trial, None))]
                    owed |= {(after["event"], after["trial"]): after for after in follow}
                case "promote" | "end":
                    self._enter(record)
                    undecided.pop(trial, None)
        cut_off = list(owed.values())
        for record in cut_off:
            self._enter(record)
        for trial, record in undecided.items():
            median = recorded_median(self.rule, record)
            cut_off += self._consequences(trial, record["epoch"], median, _has_diverged(record), "replicates failed")
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
        record = epoch_record(trial, result)
        if epoch <= self.last_epoch.get(trial, 0):
            # The first record stands, for decisions were made on it. Trained again after a crash it is kept as evidence.
            if not result.get("replayed"):
                self.writer.write({**record, "event": "repeat"})
            return self._verdict(trial)
        self.last_epoch[trial] = epoch
        failures = [{"event": "replicate_failed", "trial": trial, **failure} for failure in result["failures"]]
        first = result["failures"][0]["message"] if result["failures"] else "replicates failed earlier"
        value = self._number(result.get(self.rule.metric))
        self.medians.setdefault(trial, []).append(value)
        consequences = self._consequences(trial, epoch, value, bool(result["diverged"]), first)
        self.writer.write(record, *failures, *consequences)
        return self._verdict(trial)

    def begin(self, trial: int) -> None:
        """A worker begins with a trial, or goes on with it."""
        self.promoted.pop(trial, None)
        self.writer.write({"event": "start", "trial": trial, "epoch": self.last_epoch.get(trial, 0)})

    def fail(self, trial: int, message: str) -> None:
        """End a trial that cannot be trained: its worker was lost too often, or it does not fit into a GPU."""
        if trial not in self.ended:
            end = _end(trial, "failed", self.last_epoch.get(trial, 0), message)
            self._enter(end)
            self.writer.write(end, *self._hopeless())

    def _verdict(self, trial: int) -> Action:
        if trial in self.ended:
            return "stop"
        return "wait" if trial in self.waiting else "continue"

    def _consequences(self, trial: int, epoch: int, value: float, diverged: bool, cause: str) -> list[Record]:
        """The records that follow from an epoch, entered into the state: what is decided, who ends, who goes on."""
        diverged = diverged or not math.isfinite(value)
        medians = [*self.medians[trial][:-1], worst(self.rule.mode)] if diverged else self.medians[trial]
        decision = self._rungs.arrive(trial, self.brackets.get(trial, ""), epoch, medians)
        records = [] if decision is None else [_decision_record(decision)]
        if diverged:
            reason = f"no majority of the replicates is alive at epoch {epoch}; first failure: {cause}"
            records.append(_end(trial, "diverged", epoch, reason))
        elif decision is not None and decision.action == "stop":
            records.append(_end(trial, "stopped", epoch, decision.reason))
        elif epoch >= self.rule.epochs:
            records.append(_end(trial, "completed", epoch, "full budget"))
        records += [] if decision is None else self._moves(decision)
        for record in records:
            self._enter(record)
        return records + self._hopeless()

    def _moves(self, decision: Decision) -> list[Record]:
        """What a decision means for trials that waited at its rung."""
        promoted = [
            _promote_record(decision, trial, self._rungs.value(trial, decision.rung, decision.bracket), reason)
            for trial, reason in decision.released.items()
        ]
        return promoted + [_end(trial, "stopped", decision.rung, reason) for trial, reason in decision.ended.items()]

    def _hopeless(self) -> list[Record]:
        """The ends of those who wait while nothing is left to train, entered into the state."""
        ends = [_end(trial, "stopped", self.waiting[trial], why) for trial, why in self._rungs.hopeless().items()]
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


def epoch_record(trial: int, result: dict[str, Any]) -> Record:
    """The record of one epoch: per metric the median and the k values; minimum and maximum follow from these."""
    return {
        "event": "epoch",
        "trial": trial,
        "epoch": int(result["epoch"]),
        "metrics": {
            name: {"median": result[name], "values": list(result[f"{name}_values"])} for name in result["metrics"]
        },
        "replicates_ok": result["replicates_ok"],
        "learning_rate": result["learning_rate"],
        "epoch_seconds": result["epoch_seconds"],
        "step_seconds": result.get("step_seconds"),
        "images_per_second": result["images_per_second"],
        "scalars": dict(result.get("scalars", {})),
    }


def recorded_median(rule: Rule, record: Record) -> float:
    """The objective in an epoch record, the worst value where it is missing or not finite."""
    median = record["metrics"].get(rule.metric, {}).get("median")
    return worst(rule.mode) if median is None else float(median)


def _has_diverged(record: Record) -> bool:
    """Whether an epoch record tells of a trial without a majority of living replicates."""
    reported = next(iter(record["metrics"].values()))
    return 2 * int(record["replicates_ok"]) <= len(reported["values"])


def _decision_record(decision: Decision) -> Record:
    return {
        "event": "decision",
        "trial": decision.trial,
        "epoch": decision.rung,
        "rung": decision.rung,
        "action": decision.action,
        "value": decision.value,
        "cutoff": decision.cutoff,
        "of": decision.of,
        "bracket": decision.bracket,
        "reason": decision.reason,
    }


def _promote_record(decision: Decision, trial: int, value: float, reason: str) -> Record:
    """A trial that waited at the rung goes on, since the decision's trial arrived."""
    return {
        "event": "promote",
        "trial": trial,
        "epoch": decision.rung,
        "rung": decision.rung,
        "value": value,
        "cutoff": decision.cutoff,
        "of": decision.of,
        "bracket": decision.bracket,
        "reason": reason,
    }


def _stopped(decision: Record, epoch: Record | None) -> list[Record]:
    """The end of a trial that a recorded decision stopped."""
    if decision["action"] != "stop":
        return []
    status = "diverged" if epoch is not None and _has_diverged(epoch) else "stopped"
    return [_end(decision["trial"], status, decision["rung"], decision["reason"])]


def _end(trial: int, status: str, epoch: int, reason: str) -> Record:
    return {"event": "end", "trial": trial, "status": status, "epoch": epoch, "reason": reason}
