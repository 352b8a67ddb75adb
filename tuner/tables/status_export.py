"""Where a search stands, for programs: JSON with stable keys, and CSV with a row a trial."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import time
from typing import Any

from tuner.results.history import History, Trial
from tuner.results.leaderboard import Leaderboard, incumbent
from tuner.results.progress import time_left


def to_json(history: History, now: float | None = None) -> str:
    """The state of an experiment as one JSON object; `now` (unix seconds) is the present by default.

    Keys: experiment, state, counts (trials by status), planned, best (a trial's index or null), sessions, seconds (of all
    sessions), seconds_left (null when unknown or not running), early_stopping, trials (as the rows of `to_csv`).
    """
    best = incumbent(history)
    content = {
        "experiment": history.name,
        "state": history.state,
        "counts": history.counts(),
        "planned": history.planned,
        "best": None if best is None else best.index,
        "sessions": len(history.sessions),
        "seconds": history.seconds,
        "seconds_left": time_left(history, time.time() if now is None else now) if history.live else None,
        "early_stopping": dataclasses.asdict(Leaderboard(history).early_stopping),
        "trials": [_trial(trial) for trial in history.trials],
    }
    return json.dumps(content, indent=2, allow_nan=False) + "\n"


def to_csv(history: History) -> str:
    """A row a trial: trial, baseline, status, epoch, rung, median (at that epoch), replicates_ok, seconds, reason."""
    file = io.StringIO()
    columns = ("trial", "baseline", "status", "epoch", "rung", "median", "replicates_ok", "seconds", "reason")
    writer = csv.DictWriter(file, fieldnames=columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(_trial(trial) for trial in history.trials)
    return file.getvalue()


def _trial(trial: Trial) -> dict[str, Any]:
    return {
        "trial": trial.index,
        "baseline": trial.baseline,
        "status": trial.status,
        "epoch": trial.last_epoch,
        "rung": trial.rung,
        "median": trial.median(trial.last_epoch),
        "replicates_ok": trial.replicates_ok,
        "seconds": trial.seconds,
        "reason": trial.reason,
    }
