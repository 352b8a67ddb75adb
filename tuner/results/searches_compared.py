"""Several searches beside each other: the winner of each, what fresh seeds say of it, and what it cost to get there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from tuner.errors import BadInput
from tuner.records.paths import ExperimentPaths
from tuner.results import confirmed
from tuner.results.cost_to_reach import Reached, cost_to_reach
from tuner.results.history import History
from tuner.results.leaderboard import Leaderboard, Row


@dataclass(frozen=True)
class Search:
    """One search.

    `best` is its best trial (None: no trial is valid), `epoch` the one at which that is compared, `baseline` the baseline's
    median there. `confirmed` is the median of that trial on fresh seeds and `confirmed_low`, `confirmed_high` their extremes,
    None where it has not been confirmed to the end.
    """

    name: str
    family: str
    space: str
    state: str
    trials: int
    replicates: int
    metric: str
    mode: str
    best: Row | None
    epoch: int | None
    baseline: float | None
    confirmed: float | None
    confirmed_low: float | None
    confirmed_high: float | None
    reached: Reached


@dataclass(frozen=True)
class Level:
    """A figure, and what each search had spent when it first had a median that good: (replicate-epochs, hours), None if never."""

    median: float
    of: str
    costs: tuple[tuple[int, float] | None, ...]


def searches(found: Sequence[tuple[History, ExperimentPaths]]) -> list[Search]:
    """The searches in the order given.

    Raises:
        BadInput: their objectives differ.
    """
    first = found[0][0]
    for history, _ in found:
        if (history.metric, history.mode) != (first.metric, first.mode):
            raise BadInput(
                f"`{first.name}` is judged by {first.metric} and `{history.name}` by {history.metric}, so their medians "
                "cannot be compared"
            )
    return [_search(history, paths) for history, paths in found]


def levels(compared: Sequence[Search]) -> list[Level]:
    """The figures worth asking the cost of: the median of each search's best trial, the easiest to reach first."""
    found: dict[float, list[str]] = {}
    for search in compared:
        if search.best is not None and search.best.median is not None:
            found.setdefault(search.best.median, []).append(search.name)
    mode = compared[0].mode
    return [
        Level(median, ", ".join(found[median]), tuple(_cost(search, median) for search in compared))
        for median in sorted(found, reverse=mode == "min")
    ]


def told(compared: Sequence[Search]) -> dict[str, Any]:
    """The searches as JSON-able values: `searches`, of each the winner, its fresh seeds, what it spent, and every step of its
    best median; `to_reach`, of each level the costs in the order of the searches (None: never)."""
    return {
        "searches": [_told(search) for search in compared],
        "to_reach": [
            {
                "median": level.median,
                "of": level.of,
                "costs": [
                    None if cost is None else {"replicate_epochs": cost[0], "hours": cost[1]} for cost in level.costs
                ],
            }
            for level in levels(compared)
        ],
    }


def _told(search: Search) -> dict[str, Any]:
    best = search.best
    fresh = {"median": search.confirmed, "low": search.confirmed_low, "high": search.confirmed_high}
    winner = None if best is None else {"trial": best.trial, "median": best.median, "low": best.low, "high": best.high}
    return {
        **{name: getattr(search, name) for name in ("name", "family", "space", "state", "trials", "replicates")},
        "winner": None if winner is None else winner | {"epoch": search.epoch, "baseline": search.baseline},
        "fresh_seeds": None if search.confirmed is None else fresh,
        **asdict(search.reached),
    }


def _cost(search: Search, median: float) -> tuple[int, float] | None:
    step = search.reached.first(median, search.mode)
    return None if step is None else (step.replicate_epochs, step.hours)


def _search(history: History, paths: ExperimentPaths) -> Search:
    best = Leaderboard(history).best
    trial = history.trial(best.trial) if best is not None else None
    epoch = trial.compared_epoch if trial is not None else None
    fresh = _confirmed(paths, best)
    return Search(
        name=history.name,
        family=history.manifest.family,
        space=history.manifest.space,
        state=history.state,
        trials=history.planned,
        replicates=history.replicates,
        metric=history.metric,
        mode=history.mode,
        best=best,
        epoch=epoch,
        baseline=None if epoch is None else history.baseline.median(epoch),
        confirmed=fresh.median if fresh else None,
        confirmed_low=fresh.low if fresh else None,
        confirmed_high=fresh.high if fresh else None,
        reached=cost_to_reach(history),
    )


def _confirmed(paths: ExperimentPaths, best: Row | None) -> Row | None:
    """The same trial on fresh seeds, at the full budget."""
    board = None if best is None else confirmed.load(paths)
    if best is None or board is None:
        return None
    row = next((row for row in board.rows if row.trial == best.trial), None)
    return row if row is not None and row.valid and row.epoch >= board.history.budget else None
