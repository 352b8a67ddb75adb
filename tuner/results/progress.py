"""How much longer a search takes, at the pace of its session: what its rule is expected to let through; times in words."""

from __future__ import annotations

import time

from tuner.results import ahead
from tuner.results.history import History, Session
from tuner.rules.forecast import expected_epochs

_TELLING = 2  # epochs of each of the trials that run at once, after which the time between steps is known


def time_left(history: History, now: float | None = None) -> float | None:
    """Seconds a running search is expected to take yet; None before the first epoch of its present session has ended.

    The steps that were measured count, as many at the same time as ran so far, and what lay between them; not how long the
    session took to begin. Records without those seconds are older: of them only the pace of the whole session is known.
    """
    if not history.live or not history.sessions or not history.sessions[-1].epochs:
        return None
    session = history.sessions[-1]
    if session.step_seconds:
        return _by_steps(history, session, session.step_seconds, time.time() if now is None else now)
    reduction = history.manifest.budget.reduction
    epochs = sum(
        expected_epochs(trial.last_epoch, history.rungs, reduction, exempt=trial.baseline)
        for trial in history.trials
        if not trial.has_ended and not trial.waits
    )
    epochs += (history.planned - len(history.trials)) * expected_epochs(0, history.rungs, reduction)
    elapsed = (time.time() if now is None else now) - session.started
    return epochs * elapsed / session.epochs


def _by_steps(history: History, session: Session, step_seconds: float, now: float) -> float:
    concurrent, mean = max(1, session.concurrent), step_seconds / session.epochs
    training = ahead.seconds(history, concurrent, mean)
    slower = 1.0
    if session.first_epoch is not None and session.epochs >= _TELLING * concurrent:
        slower = max(1.0, (session.last - session.first_epoch) * concurrent / step_seconds)
    silent = min(max(0.0, now - session.last), mean)  # that long the present epochs run already
    return max(0.0, training * slower - silent)


def duration(seconds: float) -> str:
    """A time in its two largest units: 42 s, 3 min 20 s, 2 h 5 min, 4 d 7 h."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    if whole < 86400:
        return f"{whole // 3600} h {whole % 3600 // 60} min"
    return f"{whole // 86400} d {whole % 86400 // 3600} h"
