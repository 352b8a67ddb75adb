"""What to do next with a search, computed from how it stands: continue, confirm, retrain, search wider, or stop here."""

from __future__ import annotations

from dataclasses import dataclass

from tuner.records.paths import ExperimentPaths
from tuner.results import confirmed, optimism
from tuner.results.again import launched_again
from tuner.results.cuts import better_setting
from tuner.results.leaderboard import Leaderboard
from tuner.results.ranges import edges
from tuner.results.significance import pairs_needed


@dataclass(frozen=True)
class Step:
    """Something to do, in words and as the command that does it."""

    label: str
    command: str


def next_steps(board: Leaderboard, paths: ExperimentPaths, confirmation: Leaderboard | None = None) -> list[Step]:
    """The steps that make sense now, the first one first; none while the search runs and has no valid trial.

    A baseline that wins needs no confirmation: there is nothing that could be better than it. Once fresh seeds have spoken
    the advice to ask them is gone, and where they find nothing better than the baseline, that is kept.

    Args:
        confirmation: of the search, where the caller has loaded it.
    """
    history, best = board.history, board.best
    steps = []
    if not history.live and history.state != "finished":
        steps.append(Step("Continue the search", paths.command("resume")))
    if best is None:
        return steps
    confirmation = confirmation or confirmed.load(paths)
    reason = no_room(board, confirmation)
    if reason is not None:
        return [*steps, Step(f"Stop here, {reason}: keep the baseline", _export(paths, "baseline"))]
    steps.append(Step(f"Retrain the {'winner' if wins(board) else 'best trial so far'}", _export(paths, "best")))
    if confirmation is None and not best.baseline:
        steps.append(Step("Confirm it on fresh seeds", paths.command("confirm", "--top", "3")))
    elif confirmation is not None and confirmation.history.state not in ("running", "finished"):
        steps.append(Step("Continue the confirmation", paths.command("confirm")))
    if history.state == "finished":
        steps += [*_widen(board), *_less_noise(board)]
        if best.baseline:
            steps.append(Step("See what was searched", f"tuner spaces {history.manifest.family}"))
    return steps


def no_room(board: Leaderboard, confirmation: Leaderboard | None) -> str | None:
    """Why there is nothing to gain between the baseline and the winner, in words; None where there may be.

    Fresh seeds say it, where they were asked. Before, it is so where the paired seeds do not separate the two, and the winner
    leads by no more than being picked as the best is expected to flatter it.
    """
    history, best = board.history, board.best
    if history.state != "finished" or best is None or best.baseline or not wins(board):
        return None
    if confirmation is not None:
        better = confirmed.beats_baseline(board, confirmation)
        enough = pairs_needed(confirmation.history.replicates) is not None
        return "fresh seeds do not separate any trial from the baseline" if better is False and enough else None
    baseline = board.baseline
    flatters = optimism.expected(board)
    if not baseline.tied_with_best or None in (flatters, best.median, baseline.median):
        return None
    if pairs_needed(best.seeds) is None:
        return None
    lead = abs(float(best.median or 0) - float(baseline.median or 0))
    if lead > float(flatters or 0):
        return None
    return f"the winner leads the baseline by {lead:.2g}, and being picked flatters it by {flatters:.2g}"


def _widen(board: Leaderboard) -> list[Step]:
    """A step for the knobs of the winner that lie at the end of what was searched."""
    found = edges(board) if wins(board) else []
    changes = [word for edge in found for word in ("--set", f"{edge.knob}={edge.wider}")]
    command = launched_again(board.history.manifest, *changes) if found else None
    if command is None:
        return []
    told = "; ".join(f"{edge.knob} {edge.value:g} is at the {edge.end} end of {edge.searched}" for edge in found)
    return [Step(f"Search wider, since of the winner {told}", command)]


def _less_noise(board: Leaderboard) -> list[Step]:
    """A step where many cuts lie within the noise of the seeds."""
    advice = better_setting(board.history)
    if advice is None:
        return []
    command = launched_again(board.history.manifest, advice.option, str(advice.value))
    if command is None:
        return []
    return [
        Step(
            f"Cut less by chance: {advice.noisy} of {advice.cuts} cuts lie within seed noise; replayed with {advice.option} "
            f"{advice.value}, {advice.then_noisy} of {advice.then_cuts}",
            command,
        )
    ]


def wins(board: Leaderboard) -> bool:
    """Whether the best trial has won: the search is over, and the trial has reached the full budget. Else it leads."""
    best = board.best
    return best is not None and board.history.state == "finished" and best.epoch >= board.history.budget


def _export(paths: ExperimentPaths, trial: str) -> str:
    """It prints the command that retrains."""
    return paths.command("export", "--trial", trial)
