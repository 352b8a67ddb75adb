"""Where a search stands: its session, the trials by status, the rungs, what runs now, the cost and the time left."""

from __future__ import annotations

import time
from collections import Counter

from rich.console import Group, RenderableType
from rich.text import Text

from tuner.records.paths import ExperimentPaths
from tuner.results.history import History, Trial
from tuner.results.leaderboard import Leaderboard, incumbent
from tuner.results.progress import duration, time_left
from tuner.tables import heading
from tuner.tables.failures import first_failure
from tuner.tables.grid import grid
from tuner.tables.results import early_stopping_view
from tuner.tables.text import MISSING, metric, plain, spread


def status_view(history: History, now: float | None = None, paths: ExperimentPaths | None = None) -> RenderableType:
    """The state of an experiment.

    Args:
        now: unix seconds; the present by default.
        paths: of the experiment, so that the commands in it name its storage. Lines with a command are never broken:
            print with `crop=False`.
    """
    report = Leaderboard(history).early_stopping
    trained = sum(trial.seconds for trial in history.trials)
    parts: list[RenderableType] = [
        heading.protocol(history),
        heading.experiment(history),
        _unbroken(_session(history, time.time() if now is None else now, paths)),
        Text(best_line(history)),
        *([Text(waiting_line(history))] if any(trial.waits for trial in history.trials) else []),
        Text(),
        early_stopping_view(report, finished=history.state == "finished"),
        Text(f"{duration(trained)} of training, all trials together"),
    ]
    if history.live:
        parts += [Text(), running_view(history)]
    failure = first_failure(history)
    if failure is not None:
        hint = f"see `{_command(history, paths, 'show', str(failure.trial))}`"
        parts += [Text(), _unbroken(f"{failure.sentence} ({hint})", style="red")]
    return Group(*parts)


def running_view(history: History, most: int | None = None) -> RenderableType:
    """The trials that train now, at most `most` of them: the last epoch reported, the median there, the last rung."""
    trials = [trial for trial in history.trials if trial.status == "running"]
    if not trials:
        return Text("No trial is running.")
    rows = [_running(history, trial) for trial in trials[:most]]
    table = grid(["trial", "epoch", "median", "[min, max]", "ok", "rung"], rows)
    return table if len(rows) == len(trials) else Group(table, Text(f"and {len(trials) - len(rows)} more"))


def best_line(history: History) -> str:
    """The incumbent in one line."""
    best = incumbent(history)
    if best is None:
        return "best so far: no valid result yet"
    epoch = best.compared_epoch
    median = f"{metric(best.median(epoch))} {spread(*best.extremes(epoch))}"
    return f"best so far: trial {best.index}, {history.metric} {median} at epoch {epoch}"


def waiting_line(history: History) -> str:
    """How many trials wait at which rung."""
    counted = Counter(trial.rung for trial in history.trials if trial.waits)
    return "waiting: " + ", ".join(f"{count} at rung {rung}" for rung, count in sorted(counted.items()))


def time_line(history: History, now: float) -> str:
    """How long the present session takes already, and about how much longer."""
    elapsed = now - history.sessions[-1].started if history.sessions else 0.0
    left = time_left(history, now)
    return f"{duration(elapsed)} so far" + ("" if left is None else f", about {duration(left)} left")


def _running(history: History, trial: Trial) -> list[str]:
    epoch = trial.last_epoch
    return [
        f"{trial.index} base" if trial.baseline else str(trial.index),
        f"{epoch}/{history.budget}" + ("" if trial.caught_up is None else f" late {trial.caught_up}/{epoch}"),
        metric(trial.median(epoch)),
        spread(*trial.extremes(epoch)),
        str(trial.replicates_ok) if epoch else MISSING,
        str(trial.rung or MISSING),
    ]


def _command(history: History, paths: ExperimentPaths | None, verb: str, *more: str) -> str:
    return " ".join(["tuner", verb, history.name, *more]) if paths is None else paths.command(verb, *more)


def _unbroken(text: str, style: str = "") -> Text:
    """A line whose command can be copied as a whole."""
    return Text(plain(text), style=style, no_wrap=True, overflow="ignore")


def _session(history: History, now: float, paths: ExperimentPaths | None) -> str:
    if history.live:
        session = history.sessions[-1] if history.sessions else None
        where = f"process {session.pid} on {session.host}: " if session else ""
        return plain(f"running, {where}{time_line(history, now)}")
    if history.state == "not started":
        return "not started"
    count = len(history.sessions)
    took = f"{duration(history.seconds)} in {count} session{'' if count == 1 else 's'}"
    hint = "" if history.state == "finished" else f"; continue with `{_command(history, paths, 'resume')}`"
    return f"{history.state} after {took}{hint}"
