"""The records that a judge writes: epochs, decisions, promotions and ends."""

from __future__ import annotations

from typing import Any

from trainables.statistics import worst
from tuner.records.lines import Record
from tuner.rules.rule import Rule
from tuner.rules.rungs import Decision
from tuner.rules.seeds import seeds_of

EARLIER = "replicates failed earlier"


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
        **{name: result[name] for name in ("images_per_second", "samples_per_second") if name in result},
        **{key: result[key] for key in ("strategy", "strategy_reason", "precision") if result.get(key) is not None},
        "scalars": dict(result.get("scalars", {})),
    }


def late_record(trial: int, result: dict[str, Any]) -> Record:
    """The record of an epoch of replicates that joined at a rung: `epoch` is theirs, `rung` where the others stand, `first` the
    index of the first of them."""
    placed = {"event": "late", "epoch": int(result["late"]), "rung": int(result["epoch"]), "first": result["first"]}
    return epoch_record(trial, result) | placed


def recorded_median(rule: Rule, record: Record) -> float:
    """The objective in an epoch record, the worst value where it is missing or not finite."""
    median = record["metrics"].get(rule.metric, {}).get("median")
    return worst(rule.mode) if median is None else float(median)


def has_diverged(record: Record) -> bool:
    """Whether an epoch record tells of a trial without a majority of living replicates."""
    return 2 * int(record["replicates_ok"]) <= int(record.get("first", 0)) + seeds_of(record)


def decision_record(decision: Decision) -> Record:
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
        **_seeds(decision),
        "reason": decision.reason,
    }


def promote_record(decision: Decision, trial: int, value: float, reason: str) -> Record:
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
        **_seeds(decision),
        "reason": reason,
    }


def stopped(decision: Record, epoch: Record | None, cause: str) -> list[Record]:
    """The end of a trial that a recorded decision stopped; `cause` is the first failure of its last epoch."""
    if decision["action"] != "stop":
        return []
    if epoch is not None and has_diverged(epoch):
        return [diverged(decision["trial"], decision["rung"], cause)]
    return [end(decision["trial"], "stopped", decision["rung"], decision["reason"])]


def diverged(trial: int, epoch: int, cause: str) -> Record:
    reason = f"no majority of the replicates is alive at epoch {epoch}; first failure: {cause}"
    return end(trial, "diverged", epoch, reason)


def end(trial: int, status: str, epoch: int, reason: str) -> Record:
    return {"event": "end", "trial": trial, "status": status, "epoch": epoch, "reason": reason}


def _seeds(decision: Decision) -> dict[str, int]:
    return {} if decision.seeds is None else {"seeds": decision.seeds}
