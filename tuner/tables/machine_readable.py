"""The leaderboard for programs: JSON with stable keys, and CSV; null or an empty cell stands for no finite number."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
from typing import Any

from tuner.results.leaderboard import Leaderboard, Row


def to_json(board: Leaderboard, top: int | None = None) -> str:
    """The leaderboard as one JSON object.

    Keys: experiment, state, family, space, seed, protocol, objective, budget, rungs, best (a trial's index or null),
    trials (the best `top`, all by default, and the baseline; each with rank, trial, baseline, status, reason, rung,
    epoch, median, min, max, values, replicates_ok, tied_with_best, seconds, metrics, scalars, config), early_stopping.
    """
    manifest = board.history.manifest.content()
    content = {
        "experiment": board.history.name,
        "state": board.history.state,
        **{key: manifest.get(key) for key in ("family", "space", "seed", "protocol", "objective", "budget", "rungs")},
        "best": board.best.trial if board.best else None,
        "trials": [_trial(row) for row in board.top(top)],
        "early_stopping": dataclasses.asdict(board.early_stopping),
    }
    return json.dumps(content, indent=2, allow_nan=False) + "\n"


def to_csv(board: Leaderboard, top: int | None = None) -> str:
    """The rows of `Leaderboard.records()` as CSV with a header; values that are lists are JSON in their cell."""
    records = board.records(top)
    file = io.StringIO()
    writer = csv.DictWriter(file, fieldnames=list(records[0]), lineterminator="\n")
    writer.writeheader()
    for record in records:
        writer.writerow({key: json.dumps(value) if isinstance(value, list) else value for key, value in record.items()})
    return file.getvalue()


def _trial(row: Row) -> dict[str, Any]:
    return {
        "rank": row.rank,
        "trial": row.trial,
        "baseline": row.baseline,
        "status": row.status,
        "reason": row.reason,
        "rung": row.rung,
        "epoch": row.epoch,
        "median": row.median,
        "min": row.low,
        "max": row.high,
        "values": row.values,
        "replicates_ok": row.replicates_ok,
        "tied_with_best": row.tied_with_best,
        "seconds": row.seconds,
        "metrics": row.metrics,
        "scalars": row.scalars,
        "config": row.config,
    }
