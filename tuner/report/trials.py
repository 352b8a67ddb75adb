"""The leaderboard as columns and rows, with what each mark on it claims."""

from __future__ import annotations

from collections import Counter
from typing import Any

from tuner.results.history import History
from tuner.results.leaderboard import Leaderboard, Row
from tuner.results.significance import LEVEL, beats, pairs_needed
from tuner.tables.text import knob


def trials(board: Leaderboard) -> dict[str, Any]:
    """Keys: rows (one a trial, by rank), knobs (name, numeric, varies), scalars (what the family shows beside the medians, by
    name), test_metric, legend (sentences)."""
    names = board.knobs()
    varying = set(board.varying())
    columns = [{"name": name, "numeric": is_numeric(values(board, name)), "varies": name in varying} for name in names]
    columns.sort(key=lambda column: not column["varies"])
    return {
        "rows": [_row(board, row, columns) for row in board.rows],
        "knobs": columns,
        "scalars": board.shown_scalars,
        "test_metric": board.test_metric,
        "legend": _legend(board),
    }


def values(board: Leaderboard, name: str) -> list[Any]:
    """The values of a knob over the trials that have it."""
    return [row.config[name] for row in board.rows if name in row.config]


def is_numeric(found: list[Any]) -> bool:
    """Whether these values of a knob are all numbers, and so sort and plot as such."""
    return all(isinstance(value, int | float) and not isinstance(value, bool) for value in found)


def shown(value: Any, numeric: bool) -> Any:
    """The value of a knob as the page has it: a number, or text."""
    return value if numeric else knob(value, None)


def _row(board: Leaderboard, row: Row, columns: list[dict[str, Any]]) -> dict[str, Any]:
    at_full_budget = board.test_metric is not None and row.epoch >= board.history.budget
    return {
        "rank": row.rank if row.valid else None,
        "trial": row.trial,
        "baseline": row.baseline,
        "best": row.incumbent,
        "tied": row.tied_with_best,
        "behind": _behind(board, row),
        "status": row.standing,
        "reason": row.reason,
        "median": row.median,
        "low": row.low,
        "high": row.high,
        "values": row.values,
        "ok": row.replicates_ok if row.epoch else None,
        "rung": row.rung or None,
        "epoch": row.epoch or None,
        "test": row.metrics.get(board.test_metric or "") if at_full_budget else None,
        "seconds": row.seconds or None,
        "scalars": [row.scalars.get(name) for name in board.shown_scalars],
        "knobs": [
            shown(row.config[column["name"]], column["numeric"]) if column["name"] in row.config else None
            for column in columns
        ],
    }


def _behind(board: Leaderboard, row: Row) -> str | None:
    """On how many of the paired seeds the best trial is ahead, as `4 of 5`; None at another rung than the best trial's."""
    best = board.best
    if best is None or row.trial == best.trial or not row.valid or row.rung != best.rung or row.seeds != best.seeds:
        return None
    ahead = sum(beats(ours, other, board.history.mode) for ours, other in zip(best.values, row.values, strict=True))
    return f"{ahead} of {row.seeds}"


def _how_trained(history: History) -> list[str]:
    """What the trials were computed in, and by which strategy: at their last epochs, as far as the records say."""
    last = [trial.epochs[max(trial.epochs)] for trial in history.trials if trial.epochs]
    found = []
    for key, what in (("precision", "Computed in"), ("strategy", "Replicates trained by strategy")):
        counts = Counter(str(record[key]) for record in last if record.get(key))
        if counts:
            each = ", ".join(f"{name} ({count} trials)" for name, count in sorted(counts.items()))
            found.append(f"{what} {next(iter(counts)) if len(counts) == 1 else each}.")
    return found


def _legend(board: Leaderboard) -> list[str]:
    history = board.history
    lines = [
        "Ranked by the highest rung reached, then by the median at that rung.",
        f"base: the paper's values, never stopped early. ok: replicates alive of {_seeds(history)}. "
        "cost: time of its workers.",
        *_how_trained(history),
    ]
    if any(row.tied_with_best for row in board.rows) and board.best is not None:
        seeds = board.best.seeds
        needed = pairs_needed(seeds)
        rule = (
            f"sign test, two-sided p at most {LEVEL}: {needed} of the {seeds} paired seeds must agree"
            if needed
            else f"{seeds} paired seeds can separate no two trials at a two-sided p of {LEVEL}"
        )
        only = "; five of five is the only outcome that separates" if needed == seeds == 5 else ""
        lines.append(
            f"~ not separated from trial {board.best.trial} ({rule}{only}); each pair by itself, seed by seed, so a trial "
            "further down may be tied where one above it is not: lower in the median, but not on every seed."
        )
    return lines


def _seeds(history: History) -> str:
    """How many replicates there are; where they differ from rung to rung, which."""
    if not history.seeds.grow:
        return str(history.replicates)
    counts = ", ".join(f"{history.seeds.at(rung)} up to epoch {rung}" for rung in history.rungs)
    return f"the seeds that a trial has ({counts})"
