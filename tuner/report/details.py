"""What stands behind the numbers: published figures beside ours, failures, sessions and the manifest."""

from __future__ import annotations

import json
from typing import Any

from tuner.results.history import History
from tuner.results.leaderboard import Leaderboard
from tuner.results.published import figures, told_apart
from tuner.tables.published import words


def published(board: Leaderboard) -> list[dict[str, Any]]:
    """The published figures: configuration, metric, published, trial, median, low, high, epoch, rule, source."""
    found = figures(board)
    apart = told_apart(found) or tuple(name for figure in found[:1] for name in figure.when)
    return [
        {
            "configuration": words({name: figure.when[name] for name in apart if name in figure.when}),
            "metric": figure.metric,
            "published": figure.published,
            "trial": figure.trial,
            "median": figure.median,
            "low": figure.low,
            "high": figure.high,
            "difference": None if figure.median is None else figure.median - figure.published,
            "epoch": figure.epoch,
            "rule": "best epoch of the median's curve" if figure.rule == "best" else "last epoch",
            "source": figure.source,
        }
        for figure in found
    ]


def failures(history: History) -> list[dict[str, Any]]:
    """Every failed replicate and lost worker in order of time: trial, replicate, epoch, kind and first error line."""
    failed = [(trial, record) for trial in history.trials for record in (*trial.failures, *trial.errors)]
    failed.sort(key=lambda pair: float(pair[1]["time"]))
    return [
        {
            "trial": trial.index,
            "replicate": record.get("replicate"),
            "epoch": record.get("epoch"),
            "kind": str(record.get("kind") or "worker lost"),
            "message": _first_line(str(record["message"])),
        }
        for trial, record in failed
    ]


def sessions(history: History) -> list[dict[str, Any]]:
    """Every run of the driver: started (unix time), seconds, host, epochs and outcome."""
    return [
        {
            "started": session.started,
            "seconds": session.seconds,
            "host": session.host,
            "epochs": session.epochs,
            "outcome": session.outcome or ("running" if history.live else "killed"),
        }
        for session in history.sessions
    ]


def manifest(history: History) -> str:
    """The manifest as it is on disk."""
    return json.dumps(history.manifest.content(), indent=2, ensure_ascii=False)


def _first_line(text: str) -> str:
    return next((line.strip() for line in text.splitlines() if line.strip()), "no message")
