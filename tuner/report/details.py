"""What stands behind the numbers: published figures beside ours, failures, sessions and the manifest."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from tuner.records.lines import Record
from tuner.results.history import History, Trial
from tuner.results.leaderboard import Leaderboard
from tuner.results.published import figures, told_apart
from tuner.tables.published import words

TRACEBACK_CHARACTERS = 200_000  # of all tracebacks together: a page must not grow with what fails
_LONGEST = 8_000


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


def failures(history: History, left: Sequence[str]) -> list[dict[str, Any]]:
    """Every failed replicate and lost worker in order of time: trial, replicate, epoch, kind, first error line, and which of
    those that were `left`, the `tracebacks`, is its own (None: it left none)."""
    positions = {text: position for position, text in enumerate(left)}
    return [
        {
            "trial": trial.index,
            "replicate": record.get("replicate"),
            "epoch": record.get("epoch"),
            "kind": str(record.get("kind") or "worker lost"),
            "message": _first_line(str(record["message"])),
            "traceback": positions.get(_traceback(record)),
        }
        for trial, record in _failed(history)
    ]


def tracebacks(history: History) -> list[str]:
    """The distinct tracebacks of the failures, in order of time, as far as `TRACEBACK_CHARACTERS` reach."""
    kept, left = [], TRACEBACK_CHARACTERS
    for text in dict.fromkeys(_traceback(record) for _, record in _failed(history)):
        if text and len(text) <= left:
            kept.append(text)
            left -= len(text)
    return kept


def _failed(history: History) -> list[tuple[Trial, Record]]:
    failed = [(trial, record) for trial in history.trials for record in (*trial.failures, *trial.errors)]
    return sorted(failed, key=lambda pair: float(pair[1]["time"]))


def _traceback(record: Record) -> str:
    """What a failure left beside its first line: the end of a long text, where the exception stands."""
    message = str(record["message"]).strip()
    text = str(record.get("traceback") or (message if "\n" in message else "")).strip()
    return text if len(text) <= _LONGEST else f"...\n{text[-_LONGEST:]}"


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
