"""Published figures beside ours, by the rule they were published by, for trials that ran to the full budget."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tuner.results.leaderboard import Leaderboard


@dataclass(frozen=True)
class Figure:
    """One published figure and our trial of that configuration.

    `published` is a value of `metric`, `rule` where it is read: "last" (at the full budget) or "best" (at the best epoch
    of the median's curve). Ours is read by the same rule: median, low, high and epoch, all None as long as the trial has
    not trained its full budget; `trial` is None if the search holds no such configuration.
    """

    metric: str
    published: float
    source: str
    when: Mapping[str, Any]
    rule: str
    trial: int | None = None
    median: float | None = None
    low: float | None = None
    high: float | None = None
    epoch: int | None = None


def figures(board: Leaderboard) -> list[Figure]:
    """Every published figure of the space, once for each trial it belongs to, or once without one."""
    found = []
    for known in board.history.manifest.published:
        name, rule = known.metric, known.at
        given = (name, known.value, known.source, known.when, rule)
        matching = [row for row in board.rows if _matches(row.config, known.when)]
        for row in matching:
            trial = board.history.trial(row.trial)
            epoch = None
            if trial is not None and row.epoch >= board.history.budget:
                epoch = trial.best_epoch(name) if rule == "best" else trial.last_epoch
            if trial is None or epoch is None:
                found.append(Figure(*given, trial=row.trial))
            else:
                low, high = trial.extremes(epoch, name)
                found.append(Figure(*given, row.trial, trial.median(epoch, name), low, high, epoch))
        if not matching:
            found.append(Figure(*given))
    return found


def _matches(config: dict[str, Any], when: Mapping[str, Any]) -> bool:
    return all(name in config and config[name] == value for name, value in when.items())
