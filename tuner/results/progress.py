"""How much training a search still needs: the epochs ASHA is expected to let through, and the time they take."""

from __future__ import annotations

import time
from collections.abc import Sequence

from tuner.results import ahead
from tuner.results.history import History, Session

_TELLING = 2  # epochs of each of the trials that run at once, after which the time between steps is known


def expected_epochs(epoch: int, rungs: Sequence[int], reduction: float, *, exempt: bool = False) -> float:
    """The epochs a trial at `epoch` is expected to train yet, if a rung lets 1 / `reduction` of its trials pass.

    `rungs` ends with the full budget. A trial standing on a rung is taken to have passed it; an exempt one passes all.
    """
    expected, share = 0.0, 1.0
    for rung in rungs:
        if rung > epoch:
            expected += share * (rung - epoch)
            epoch = rung
            share /= 1 if exempt else reduction
    return expected


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
        if not trial.has_ended
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
