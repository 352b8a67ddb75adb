"""What won, by how much, and whether that is more than seed noise: the sentences a reader sees first."""

from __future__ import annotations

import dataclasses
from typing import Any

from tuner.records.paths import ExperimentPaths
from tuner.results import confirmed, lead, optimism
from tuner.results.history import Trial
from tuner.results.leaderboard import Leaderboard, Row
from tuner.results.next_step import next_steps, wins
from tuner.tables.confirmation import verdict_of
from tuner.tables.text import knob, metric

_SHOWN = 8  # trials whose replicates are drawn seed by seed


def verdict(board: Leaderboard, paths: ExperimentPaths) -> dict[str, Any]:
    """The first screen.

    Keys: headline, evidence (sentences), winner (trial, leads: it has not won yet, median, low, high, test, epoch; None
    without a valid trial), changed (knobs in which the winner differs from the baseline: name, value, the baseline's), seeds
    (the best trials and the baseline, each with its k values at the winner's epoch), commands (what to do next: label,
    command), confirmation (the confirmed trials: trial, baseline, selection, fresh, low, high, change).
    """
    history, best = board.history, board.best
    confirmation = confirmed.load(paths)
    commands = [dataclasses.asdict(step) for step in next_steps(board, paths, confirmation)]
    if best is None:
        return {
            "headline": "No trial has a valid result yet."
            if history.live
            else "No trial of this experiment has a valid result.",
            "evidence": [_without_winner(board)],
            "winner": None,
            "changed": [],
            "seeds": [],
            "commands": commands,
            "confirmation": [],
        }
    epoch = _trial(board, best).compared_epoch
    return {
        "headline": _headline(board, best, epoch),
        "evidence": [*_evidence(board, best, epoch), *_flatters(board), *_confirmed(board, confirmation)],
        "winner": {
            "trial": best.trial,
            "leads": not wins(board),
            "baseline": best.baseline,
            "median": best.median,
            "low": best.low,
            "high": best.high,
            "test": best.metrics.get(board.test_metric or ""),
            "epoch": epoch,
        },
        "changed": _changed(board, best),
        "seeds": _seeds(board, epoch),
        "commands": commands,
        "confirmation": [] if confirmation is None else _fresh(board, confirmation),
    }


def _headline(board: Leaderboard, best: Row, epoch: int) -> str:
    history = board.history
    verb = "wins" if wins(board) else "leads"
    shown = f"with a median {history.metric} of {metric(best.median)}"
    if best.baseline:
        return f"The baseline (trial {best.trial}) {verb} {shown}"
    baseline = history.baseline.median(epoch)
    if best.median is None or baseline is None:
        return f"Trial {best.trial} {verb} {shown}"
    difference = best.median - baseline
    if difference == 0:
        return f"Trial {best.trial} {verb} {shown}, level with the baseline"
    side = "above" if difference > 0 else "below"
    return f"Trial {best.trial} {verb} {shown}, {metric(abs(difference))} {side} the baseline"


def _evidence(board: Leaderboard, best: Row, epoch: int) -> list[str]:
    """Whether the difference is more than seed noise, who else could have won, and what was looked at."""
    history = board.history
    told = lead.sentence(board)
    lines = [] if told is None else [told]
    tied = [f"trial {row.trial}{' (baseline)' if row.baseline else ''}" for row in board.rows if row.tied_with_best]
    if tied:
        more = f" and {len(tied) - 6} more" if len(tied) > 6 else ""
        lines.append(f"Not separated from it by the paired seeds: {', '.join(tied[:6])}{more}.")
    elif sum(row.rung == best.rung and row.valid for row in board.rows) > 1:
        lines.append(
            f"The paired seeds separate it from every other trial that reached epoch {epoch}, each pair by itself."
        )
    valid = sum(row.valid for row in board.rows)
    protocol = history.manifest.protocol
    if protocol is None:
        lines.append(f"It is the best of {valid} looks, so its median there flatters somewhat.")
    elif protocol.selection == "test":
        lines.append(f"It was selected on the test set, as the paper did: the best of {valid} looks, so it flatters.")
    else:
        lines.append(f"It is the best of {valid} looks at the holdout, so its median there flatters somewhat.")
    return lines


def _flatters(board: Leaderboard) -> list[str]:
    """By how much its median is expected to be too good."""
    said = optimism.sentence(board)
    return [] if said is None else [f"{said[0].upper()}{said[1:]}."]


def _fresh(board: Leaderboard, confirmation: Leaderboard) -> list[dict[str, Any]]:
    """The confirmed trials, each with its median as it was picked and on fresh seeds, and the change from one to the other."""
    return [{**dataclasses.asdict(row), "change": row.change} for row in confirmed.side_by_side(board, confirmation)]


def _confirmed(board: Leaderboard, confirmation: Leaderboard | None) -> list[str]:
    """What fresh seeds have said of the best trials, where they were asked."""
    if confirmation is None:
        return []
    said = verdict_of(board, confirmation)
    if said is None or confirmation.best is None:
        return ["A confirmation on fresh seeds has begun."]
    return [f"{said} Its median there: {metric(confirmation.best.median)}."]


def _without_winner(board: Leaderboard) -> str:
    counts = board.history.counts()
    present = ", ".join(f"{count} {status}" for status, count in counts.items() if count)
    return f"Of {board.history.planned} trials: {present}. A result needs a finite median over a majority of the replicates."


def _changed(board: Leaderboard, best: Row) -> list[dict[str, str]]:
    baseline = board.history.baseline.config
    names = dict.fromkeys([*best.config, *baseline])
    return [
        {
            "name": name,
            "value": knob(best.config[name], None) if name in best.config else "-",
            "baseline": knob(baseline[name], None) if name in baseline else "-",
        }
        for name in names
        if best.config.get(name) != baseline.get(name)
    ]


def _seeds(board: Leaderboard, epoch: int) -> list[dict[str, Any]]:
    """The k values of the best trials and the baseline, all at the same epoch, so that they compare."""
    shown = [row for row in board.rows if row.valid][:_SHOWN]
    shown += [row for row in board.rows if row.baseline and row not in shown]
    return [
        {
            "trial": row.trial,
            "baseline": row.baseline,
            "tied": row.tied_with_best,
            "median": _trial(board, row).median(epoch),
            "values": _trial(board, row).values(epoch),
        }
        for row in shown
        if _trial(board, row).values(epoch)
    ]


def _trial(board: Leaderboard, row: Row) -> Trial:
    return board.history.trial(row.trial) or board.history.baseline
