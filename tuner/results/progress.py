"""How much training a search still needs: the epochs ASHA is expected to let through, and the time they take."""

from __future__ import annotations

import time
from collections.abc import Sequence

from tuner.results.history import History


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
    """Seconds a running search is expected to take yet, from the pace of its present session; None if it has none."""
    if not history.live or not history.sessions or not history.sessions[-1].epochs:
        return None
    session = history.sessions[-1]
    reduction = history.manifest.budget.reduction
    ahead = sum(
        expected_epochs(trial.last_epoch, history.rungs, reduction, exempt=trial.baseline)
        for trial in history.trials
        if not trial.has_ended
    )
    ahead += (history.planned - len(history.trials)) * expected_epochs(0, history.rungs, reduction)
    elapsed = (time.time() if now is None else now) - session.started
    return ahead * elapsed / session.epochs
