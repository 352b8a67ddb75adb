"""How much longer a search takes: the epochs its rule is expected to let through, at the pace of its session."""

from __future__ import annotations

import time

from tuner.results.history import History
from tuner.rules.forecast import expected_epochs


def time_left(history: History, now: float | None = None) -> float | None:
    """Seconds a running search is expected to take yet, from the pace of its present session; None if it has none."""
    if not history.live or not history.sessions or not history.sessions[-1].epochs:
        return None
    session = history.sessions[-1]
    reduction = history.manifest.budget.reduction
    ahead = sum(
        expected_epochs(trial.last_epoch, history.rungs, reduction, exempt=trial.baseline)
        for trial in history.trials
        if not trial.has_ended and not trial.waits
    )
    ahead += (history.planned - len(history.trials)) * expected_epochs(0, history.rungs, reduction)
    elapsed = (time.time() if now is None else now) - session.started
    return ahead * elapsed / session.epochs
