"""What the rule did: who entered, passed and left each rung, every decision with its reason, and the cuts within seed noise."""

from __future__ import annotations

from typing import Any

from tuner.records.lines import Record
from tuner.results.cuts import is_noisy
from tuner.results.history import Trial
from tuner.results.leaderboard import Leaderboard


def stopping(board: Leaderboard) -> dict[str, Any]:
    """Keys: rungs (epoch, entered, kept, stopped, lost, waiting, cutoff, noisy), decisions, noisy, cuts, and the epochs.

    The cutoff of a rung is the last one that decided there. A cut is `noisy`, within the seed noise, if the cutoff lies
    between the smallest and the largest replicate of the trial that was stopped: a good seed alone would have passed.
    """
    history, report = board.history, board.early_stopping
    decided = [(trial, decision) for trial in history.trials for decision in trial.decisions]
    decided.sort(key=lambda pair: float(pair[1]["time"]))
    decisions = [_decision(trial, decision, history.mode) for trial, decision in decided]
    cuts = [decision for decision in decisions if decision["action"] == "stop" and decision["cutoff"] is not None]
    return {
        "rungs": [
            {
                "epoch": rung.epoch,
                "entered": rung.entered,
                "kept": rung.kept,
                "stopped": rung.stopped,
                "lost": rung.lost,
                "waiting": rung.waiting,
                "cutoff": _last_cutoff(decisions, rung.epoch),
                "noisy": sum(cut["noisy"] for cut in cuts if cut["rung"] == rung.epoch),
            }
            for rung in report.rungs
        ],
        "decisions": decisions,
        "cuts": len(cuts),
        "noisy": sum(cut["noisy"] for cut in cuts),
        "replicate_epochs": report.replicate_epochs,
        "full_replicate_epochs": report.full_replicate_epochs,
        "saved": report.saved if history.state == "finished" else None,
    }


def _decision(trial: Trial, decision: Record, mode: str) -> dict[str, Any]:
    rung, cutoff = int(decision["rung"]), decision.get("cutoff")
    low, high = trial.extremes(rung)
    return {
        "trial": trial.index,
        "rung": rung,
        "bracket": decision.get("bracket") or None,
        "value": decision.get("value"),
        "cutoff": cutoff,
        "of": decision.get("of"),
        "low": low,
        "high": high,
        "action": str(decision["action"]),
        "noisy": decision["action"] == "stop" and is_noisy(low, high, cutoff, mode),
        "reason": str(decision["reason"]),
    }


def _last_cutoff(decisions: list[dict[str, Any]], rung: int) -> float | None:
    cutoffs = [decision["cutoff"] for decision in decisions if decision["rung"] == rung]
    return next((cutoff for cutoff in reversed(cutoffs) if cutoff is not None), None)
