"""By how much the median of the best trial is expected to flatter: it was picked because it looked best.

A bootstrap from the records (Efron and Tibshirani, "An Introduction to the Bootstrap", chapter 17): seeds and trials are drawn
again with repetition, the best trial is picked again, and its median among the seeds drawn is held against its median among
all of its own. The seeds are drawn alike for every trial, since they are paired. What was stopped earlier takes no part, so
the figure is of the last choice alone.
"""

from __future__ import annotations

import random
import statistics
from collections.abc import Sequence

from trainables.statistics import median
from tuner.results.leaderboard import Leaderboard

DRAWS = 400
_MOST = 40  # trials that are drawn from: one that is far from the best is never picked


def expected(board: Leaderboard) -> float | None:
    """In the objective's unit, 0 or more; None where one trial or one seed is all there is."""
    best = board.best
    if best is None:
        return None
    rivals = [row for row in board.rows if row.valid and row.rung == best.rung and row.seeds == best.seeds][:_MOST]
    if len(rivals) < 2 or best.seeds < 2:
        return None
    return flattered([row.values for row in rivals], board.history.mode)


def flattered(trials: Sequence[Sequence[float | None]], mode: str) -> float:
    """The mean over the draws.

    Args:
        trials: the values of each, paired by seed; None for a failed one.
        mode: "max" when larger values are better, "min" when smaller are.
    """
    generator = random.Random(0)
    sign, better = (1, max) if mode == "max" else (-1, min)
    known = [median(values, mode) for values in trials]
    found = []
    for _ in range(DRAWS):
        seeds = generator.choices(range(len(trials[0])), k=len(trials[0]))
        chosen = dict.fromkeys(generator.choices(range(len(trials)), k=len(trials)))
        drawn = {trial: median([trials[trial][seed] for seed in seeds], mode) for trial in chosen}
        picked = better(drawn, key=lambda trial: drawn[trial])
        difference = sign * (drawn[picked] - known[picked])
        found.append(difference if abs(difference) < float("inf") else 0.0)
    return max(0.0, statistics.fmean(found))


def sentence(board: Leaderboard) -> str | None:
    """For people; None where nothing can be said."""
    by = expected(board)
    if by is None or board.best is None:
        return None
    rivals = sum(row.valid and row.rung == board.best.rung for row in board.rows)
    return (
        f"picked as the best of {rivals} at epoch {board.best.rung or board.best.epoch}, the median of trial "
        f"{board.best.trial} is expected to flatter by {by:.2g} (bootstrap over seeds and trials)"
    )
