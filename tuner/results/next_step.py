"""What to do next with a search, computed from how it stands: continue it, confirm its best trials, retrain the best one."""

from __future__ import annotations

from dataclasses import dataclass

from tuner.records.paths import ExperimentPaths
from tuner.results.history import History
from tuner.results.leaderboard import Leaderboard


@dataclass(frozen=True)
class Step:
    """Something to do, in words and as the command that does it."""

    label: str
    command: str


def next_steps(board: Leaderboard, paths: ExperimentPaths) -> list[Step]:
    """The steps that make sense now, the first one first; none while the search runs and has no valid trial.

    A baseline that wins needs no confirmation: there is nothing that could be better than it. Once fresh seeds have spoken
    the advice to ask them is gone.
    """
    history, best = board.history, board.best
    steps = []
    if not history.live and history.state != "finished":
        steps.append(Step("Continue the search", paths.command("resume")))
    if best is None:
        return steps
    steps.append(Step(f"Retrain the {'winner' if wins(board) else 'best trial so far'}", _export(paths)))
    confirmation = _confirmation(paths)
    if confirmation == "begun":
        steps.append(Step("Continue the confirmation", paths.command("confirm")))
    elif confirmation == "none" and not best.baseline:
        steps.append(Step("Confirm it on fresh seeds", paths.command("confirm", "--top", "3")))
    if best.baseline and history.state == "finished":
        steps.append(Step("See what was searched", f"tuner spaces {history.manifest.family}"))
    return steps


def wins(board: Leaderboard) -> bool:
    """Whether the best trial has won: the search is over, and the trial has reached the full budget. Else it leads."""
    best = board.best
    return best is not None and board.history.state == "finished" and best.epoch >= board.history.budget


def _export(paths: ExperimentPaths) -> str:
    """It prints the command that retrains."""
    return paths.command("export", "--trial", "best")


def _confirmation(paths: ExperimentPaths) -> str:
    """none, begun, running or finished."""
    if not paths.confirmation.manifest.exists():
        return "none"
    state = History.load(paths.confirmation).state
    return state if state in ("running", "finished") else "begun"
