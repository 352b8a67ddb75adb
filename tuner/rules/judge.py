"""The judge of a search: takes each result in order of arrival, writes its record, and says whether the trial goes on.

Its whole state is a function of the records, so a resumed search has the rungs of the interrupted one, and every decision
can be checked against the recorded order afterwards (`contradictions`). It knows nothing of Ray.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

from tuner.records.lines import Record, RecordWriter
from tuner.records.manifest import Manifest
from tuner.rules import asha
from tuner.rules.brackets import bracket_of

Verdict = Literal["continue", "stop"]
BASELINE = 0  # index of the trial that holds the paper's values


@dataclass(frozen=True)
class Rule:
    """What the judge goes by: the objective, the rungs, and the knobs whose values trials must share to be compared."""

    metric: str
    mode: str
    epochs: int
    grace: int
    reduction: float
    rank_window: int = 1  # epochs of the running median that trials are ranked by
    bracket: tuple[str, ...] = ()

    @property
    def rungs(self) -> tuple[int, ...]:
        return asha.rungs(self.epochs, self.grace, self.reduction)


def rule_of(manifest: Manifest) -> Rule:
    """The rule of an experiment."""
    budget, objective = manifest.budget, manifest.objective
    return Rule(
        objective.metric,
        objective.mode,
        budget.epochs,
        budget.grace,
        budget.reduction,
        budget.rank_window,
        tuple(manifest.bracket),
    )


@dataclass
class Judge:
    """Decides for one experiment; `recall` its records first when it is resumed."""

    rule: Rule
    writer: RecordWriter
    last_epoch: dict[int, int] = field(default_factory=dict)  # trial -> last epoch recorded
    medians: dict[int, list[float]] = field(default_factory=dict)  # trial -> the objective at epochs 1, 2, ...
    ended: set[int] = field(default_factory=set)
    values: dict[int, dict[int, float]] = field(default_factory=dict)  # rung -> trial -> value, in order of arrival
    brackets: dict[int, str] = field(default_factory=dict)  # trial -> its bracket

    def recall(self, records: Iterable[Record]) -> None:
        """Rebuild the state from the records of earlier sessions, and make the decision that a kill cut off, if any."""
        undecided: dict[int, Record] = {}
        for record in records:
            trial = int(record.get("trial", -1))
            match record["event"]:
                case "trial":
                    self.brackets[trial] = bracket_of(record["config"], self.rule.bracket)
                case "epoch":
                    self.last_epoch[trial] = record["epoch"]
                    self.medians.setdefault(trial, []).append(recorded_median(self.rule, record))
                    undecided[trial] = record
                case "decision":
                    self._enter(record["rung"], trial, self._number(record["value"]))
                    undecided.pop(trial, None)
                case "end":
                    self.ended.add(trial)
                    undecided.pop(trial, None)
        for trial, record in undecided.items():
            median = recorded_median(self.rule, record)
            diverged = 2 * record["replicates_ok"] <= len(record["metrics"][self.rule.metric]["values"])
            self.writer.write(*self._consequences(trial, record["epoch"], median, diverged, "replicates failed"))

    def observe(self, trial: int, result: dict[str, Any]) -> Verdict:
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
            return "continue"
        self.last_epoch[trial] = epoch
        failures = [{"event": "replicate_failed", "trial": trial, **failure} for failure in result["failures"]]
        first = result["failures"][0]["message"] if result["failures"] else "replicates failed earlier"
        value = self._number(result.get(self.rule.metric))
        self.medians.setdefault(trial, []).append(value)
        consequences = self._consequences(trial, epoch, value, bool(result["diverged"]), first)
        self.writer.write(record, *failures, *consequences)
        return "stop" if trial in self.ended else "continue"

    def fail(self, trial: int, message: str) -> None:
        """End a trial that cannot be trained: its worker was lost too often, or it does not fit into a GPU."""
        if trial not in self.ended:
            self.ended.add(trial)
            epoch = self.last_epoch.get(trial, 0)
            self.writer.write({"event": "end", "trial": trial, "status": "failed", "epoch": epoch, "reason": message})

    def _consequences(self, trial: int, epoch: int, value: float, diverged: bool, cause: str) -> list[Record]:
        """The decision and end records that follow from an epoch, entered into the state."""
        records: list[Record] = []
        stop: str | None = None
        diverged = diverged or not math.isfinite(value)
        if epoch in self.rule.rungs and epoch < self.rule.epochs:
            decision, reason = self._decide(trial, epoch, diverged)
            if decision["action"] == "stop":
                stop = reason
            records.append(decision)
        if diverged:
            reason = f"no majority of the replicates is alive at epoch {epoch}; first failure: {cause}"
            records.append(self._end(trial, "diverged", epoch, reason))
        elif stop is not None:
            records.append(self._end(trial, "stopped", epoch, stop))
        elif epoch >= self.rule.epochs:
            records.append(self._end(trial, "completed", epoch, "full budget"))
        return records

    def _decide(self, trial: int, rung: int, diverged: bool) -> tuple[Record, str]:
        rule = self.rule
        value = asha.ranking_value(self.medians[trial], rule.rank_window, rule.mode)
        bracket = self.brackets.get(trial, "")
        arrived = self.values.get(rung, {}).items()
        peers = [recorded for other, recorded in arrived if self.brackets.get(other, "") == bracket]
        decision = asha.decide(peers, value, rule.reduction, rule.mode)
        self._enter(rung, trial, value)
        action = decision.action
        reason = asha.reason(rung, value, decision, rule.reduction, rule.mode, rule.rank_window, bracket)
        if diverged:
            action, reason = "stop", f"rung {rung}: diverged"
        if trial == BASELINE and action == "stop" and not diverged:
            action, reason = "continue", f"{reason}, but the baseline is never stopped"
        record = {
            "event": "decision",
            "trial": trial,
            "epoch": rung,
            "rung": rung,
            "action": action,
            "value": value,
            "cutoff": decision.cutoff,
            "of": decision.of,
            "bracket": bracket,
            "reason": reason,
        }
        return record, reason

    def _end(self, trial: int, status: str, epoch: int, reason: str) -> Record:
        self.ended.add(trial)
        return {"event": "end", "trial": trial, "status": status, "epoch": epoch, "reason": reason}

    def _enter(self, rung: int, trial: int, value: float) -> None:
        self.values.setdefault(rung, {})[trial] = value

    def _number(self, value: Any) -> float:
        """A recorded or reported value as a float, the worst one where it is missing or not finite."""
        if isinstance(value, int | float) and math.isfinite(value):
            return float(value)
        return asha.worst(self.rule.mode)


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
    return asha.worst(rule.mode) if median is None else float(median)


def contradictions(rule: Rule, records: Iterable[Record]) -> list[str]:
    """Decide everything again in the recorded order; one sentence for each decision that would fall otherwise."""
    worst = asha.worst(rule.mode)
    values: dict[tuple[int, str], list[float]] = {}
    medians: dict[int, list[float]] = {}
    brackets: dict[int, str] = {}
    found = []
    for record in records:
        if record["event"] == "trial":
            brackets[record["trial"]] = bracket_of(record["config"], rule.bracket)
        if record["event"] == "epoch":
            medians.setdefault(record["trial"], []).append(recorded_median(rule, record))
        if record["event"] != "decision":
            continue
        value = worst if record["value"] is None else float(record["value"])
        known = medians.get(record["trial"], [])[: record["rung"]]
        ranked = asha.ranking_value(known, rule.rank_window, rule.mode) if len(known) == record["rung"] else value
        if math.isfinite(value) and value != ranked:
            found.append(
                f"trial {record['trial']} at rung {record['rung']}: recorded the value {value}, but its epochs give {ranked}"
            )
        recorded = values.setdefault((record["rung"], brackets.get(record["trial"], "")), [])
        decision = asha.decide(recorded, value, rule.reduction, rule.mode)
        recorded.append(value)
        expected = "continue" if record["trial"] == BASELINE and math.isfinite(value) else decision.action
        # A diverged trial is stopped whatever it is compared with, also when it is the first to arrive.
        if expected == "continue" and not math.isfinite(value):
            expected = "stop"
        cutoff = decision.cutoff if decision.cutoff is not None and math.isfinite(decision.cutoff) else None
        if (record["action"], record["cutoff"], record["of"]) != (expected, cutoff, decision.of):
            found.append(
                f"trial {record['trial']} at rung {record['rung']}: recorded {record['action']} with cutoff "
                f"{record['cutoff']} of {record['of']}, but the rule says {expected}, {cutoff}, {decision.of}"
            )
    return found
