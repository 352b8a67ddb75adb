"""An experiment in one row of a list: state, best median, distance to the baseline, cost; or why it cannot be read."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, get_args

from tuner.records.paths import ExperimentPaths
from tuner.results import cost
from tuner.results.history import History
from tuner.results.leaderboard import incumbent

State = Literal["running", "finished", "interrupted", "failed", "dead driver", "not started", "unreadable"]
STATES: tuple[State, ...] = get_args(State)


@dataclass(frozen=True)
class Summary:
    """What a list says of one experiment; None stands for what is not known.

    `state` is "dead driver" where the process that ran it ended without a word, and "unreadable" where `problem` says why.
    `median`, `low` and `high` are those of trial `best` at `epoch`, its highest rung; `baseline` is the baseline's median
    at that epoch and `distance` the best median minus it. `confirmed`: a confirmation on fresh seeds has finished.
    `created` and `updated` (its last record) are unix seconds, `seconds` is the wall-clock time of all sessions, and `spent`
    the hours of the processors that its trials held, in `unit`.
    """

    name: str
    state: State
    family: str | None = None
    space: str | None = None
    trials: int | None = None
    ended: int | None = None
    metric: str | None = None
    mode: str | None = None
    best: int | None = None
    median: float | None = None
    low: float | None = None
    high: float | None = None
    epoch: int | None = None
    baseline: float | None = None
    distance: float | None = None
    confirmed: bool = False
    created: float | None = None
    updated: float | None = None
    seconds: float | None = None
    spent: float | None = None
    unit: str | None = None
    tags: tuple[str, ...] = ()
    note: str = ""
    problem: str | None = None


def of(paths: ExperimentPaths, live: bool | None = None) -> Summary:
    """The row of an experiment as far as its own manifest and records tell: without its note, its tags and whether it is
    confirmed.

    Args:
        live: whether a driver runs it; default asked of its lock.

    Raises:
        BadInput: the manifest or the records cannot be read.
    """
    history = History.load(paths, live)
    best = incumbent(history)
    epoch = None if best is None else best.compared_epoch
    median = None if best is None else best.median(best.compared_epoch)
    low, high = (None, None) if best is None else best.extremes(best.compared_epoch)
    baseline = None if epoch is None else history.baseline.median(epoch)
    spent, unit = cost.spent(history)
    return Summary(
        name=paths.name,
        state=_state(history),
        family=history.manifest.family,
        space=history.manifest.space,
        trials=history.planned,
        ended=sum(trial.has_ended for trial in history.trials),
        metric=history.metric,
        mode=history.mode,
        best=None if best is None else best.index,
        median=median,
        low=low,
        high=high,
        epoch=epoch,
        baseline=baseline,
        distance=None if median is None or baseline is None else median - baseline,
        created=created(history.manifest.created),
        updated=history.sessions[-1].last if history.sessions else None,
        seconds=history.seconds,
        spent=spent,
        unit=unit,
    )


def created(text: str | None) -> float | None:
    """The time of launch that a manifest says, in unix seconds; None where it says none."""
    try:
        return None if text is None else datetime.fromisoformat(text).timestamp()
    except (ValueError, OverflowError):
        return None


def _state(history: History) -> State:
    if history.state == "interrupted" and history.sessions[-1].outcome is None:
        return "dead driver"  # an interruption that was asked for is recorded
    return next(state for state in STATES if state == history.state)
