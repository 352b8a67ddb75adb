"""What happens in a search right now: what trains, what waits, the time left, the driver's beat, its nodes, the last events."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from trainables.storage import StorageError
from tuner.records import lock, nodes
from tuner.records.lines import Record
from tuner.records.paths import ExperimentPaths
from tuner.results.history import History, Trial
from tuner.results.leaderboard import incumbent
from tuner.results.progress import time_left

_EVENTS = 100  # the last ones
_AT_A_RUNG = {"stop": "stopped", "continue": "continued", "wait": "waits", "promote": "promoted"}


def monitor(history: History, paths: ExperimentPaths, now: float | None = None) -> dict[str, Any]:
    """The state of a search as JSON-able values; times are unix seconds, what is not known is None.

    Of a search that does not run it is the state in which it was left: `training` are the trials that were.

    Keys: state, live, resume (the command that goes on with it; None where nothing is left to train), planned, counts (trials
    by status), budget, training (a row a trial that trains: see `_training`), leader (the best trial so far: trial, median,
    low, high, epoch; None without a valid one), left (seconds, at, basis; None when unknown), driver (host, pid, started,
    heard: its last beat or record), nodes (see `tuner.records.nodes`), events (the newest first: time, trial, kind, text),
    logs (trials that have begun: those that train first).
    """
    now = time.time() if now is None else now
    at_work = "running" if history.live else "interrupted"
    training = [trial for trial in history.trials if trial.status == at_work]
    begun = [trial.index for trial in history.trials if trial.status not in ("pending", at_work)]
    return {
        "state": history.state,
        "live": history.live,
        "resume": None if history.state == "finished" else paths.command("resume"),
        "planned": history.planned,
        "counts": history.counts(),
        "budget": history.budget,
        "metric": history.metric,
        "training": [_training(history, trial) for trial in training],
        "leader": _leader(history),
        "left": _left(history, now),
        "driver": _driver(history, paths),
        "nodes": nodes.read(paths),
        "events": sorted(_events(history), key=lambda event: event["time"], reverse=True)[:_EVENTS],
        "logs": [*(trial.index for trial in training), *begun],
    }


def _training(history: History, trial: Trial) -> dict[str, Any]:
    """trial, baseline, epoch (the last one that ended), late (the epoch of seeds that catch up), ok of seeds alive, median,
    low, high, rung (the last), next (the rung ahead), seconds (of its last epoch), since (its last sign of life)."""
    epoch = trial.last_epoch
    record = trial.epochs.get(epoch)
    low, high = trial.extremes(epoch)
    return {
        "trial": trial.index,
        "baseline": trial.baseline,
        "epoch": epoch,
        "late": trial.caught_up,
        "ok": trial.replicates_ok if record else None,
        "seeds": len(trial.values(epoch)) if record else history.seeds.at(1),
        "median": trial.median(epoch),
        "low": low,
        "high": high,
        "rung": trial.rung or None,
        "next": next((rung for rung in history.rungs if rung > epoch), None),
        "seconds": record.get("epoch_seconds") if record else None,
        "since": max([one["time"] for one in (record, *trial.late[-1:]) if one], default=trial.began),
    }


def _leader(history: History) -> dict[str, Any] | None:
    best = incumbent(history)
    if best is None:
        return None
    epoch = best.compared_epoch
    low, high = best.extremes(epoch)
    return {"trial": best.index, "median": best.median(epoch), "low": low, "high": high, "epoch": epoch}


def _left(history: History, now: float) -> dict[str, Any] | None:
    """How much longer it takes, and what that is computed from."""
    seconds = time_left(history, now)
    if seconds is None:
        return None
    session = history.sessions[-1]
    measured = f"from the {session.epochs} epochs of this session"
    if session.step_seconds:
        measured += f", {session.step_seconds / session.epochs:.3g} s each with what belongs to them"
    at_once = f"{session.concurrent} trial{'' if session.concurrent == 1 else 's'} at once"
    return {"seconds": seconds, "at": now, "basis": f"{measured}; {at_once}; the rest simulated under the rule"}


def _driver(history: History, paths: ExperimentPaths) -> dict[str, Any] | None:
    if not history.sessions:
        return None
    session = history.sessions[-1]
    try:
        beat = lock.last_beat(paths.lock) if history.live else None
    except (OSError, StorageError):
        beat = None
    heard = max(session.last, beat or 0.0)
    return {"host": session.host, "pid": session.pid, "started": session.started, "heard": heard}


def _events(history: History) -> Iterator[dict[str, Any]]:
    """What happened beside epochs, in no order."""
    for session in history.sessions:
        yield _event(session.started, None, "session", f"process {session.pid} on {session.host} began a session")
        if session.outcome is not None:
            yield _event(session.last, None, "session", f"the session ended: {session.outcome}")
    for trial in history.trials:
        for told in trial.decisions:
            yield _event(told["time"], trial.index, _AT_A_RUNG[told["action"]], _decided(trial, told))
        for failed in trial.failures:
            what = f"seed {failed['replicate']} of trial {trial.index} failed at epoch {failed['epoch']}"
            yield _event(failed["time"], trial.index, "failed", f"{what}: {_first(failed['message'])}")
        for error in trial.errors:
            what = f"trial {trial.index} lost its worker ({error.get('kind') or 'error'})"
            yield _event(error["time"], trial.index, "failed", f"{what}: {_first(error['message'])}")
        if trial.ended is not None and trial.status != "stopped":
            reason = f": {_first(trial.reason)}" if trial.reason else ""
            yield _event(trial.ended, trial.index, trial.status, f"trial {trial.index} {trial.status}{reason}")


def _event(at: float, trial: int | None, kind: str, text: str) -> dict[str, Any]:
    return {"time": at, "trial": trial, "kind": kind, "text": text}


def _decided(trial: Trial, told: Record) -> str:
    where = f"rung {told['rung']}"
    reason = str(told.get("reason") or "").removeprefix(f"{where}: ")
    what = {
        "stop": f"stopped trial {trial.index} at {where}",
        "continue": f"trial {trial.index} goes on from {where}",
        "wait": f"trial {trial.index} waits at {where}",
        "promote": f"promoted trial {trial.index} from {where}",
    }[told["action"]]
    return f"{what}: {reason}" if reason else what


def _first(text: str) -> str:
    """The first line of a message."""
    return next(iter(text.strip().splitlines()), "")
