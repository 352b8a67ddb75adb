"""Everything the page shows, gathered as plain data: one key for each of its tabs."""

from __future__ import annotations

import datetime
from typing import Any

from tuner.records.paths import ExperimentPaths
from tuner.report import curves, details, importance, knobs, panels, stopping, trial_pages, trials, verdict
from tuner.results import cost
from tuner.results.history import History
from tuner.results.leaderboard import Leaderboard
from tuner.tables import heading


def content(history: History, paths: ExperimentPaths) -> dict[str, Any]:
    """The page's content as JSON-able values; numbers that are missing or not finite are None.

    Keys: name, state, written (ISO time), lines (the protocol and the experiment in words), objective, rungs, budget,
    replicates, then one for each room of `tuner.report`: verdict, trials, curves, stopping, cost, knobs, importance,
    published, failures, tracebacks, pages (of single trials), sessions, manifest, panel.
    """
    board = Leaderboard(history)
    searched = knobs.knobs(board)
    measured = importance.importances(searched)
    tracebacks = details.tracebacks(history)
    searched["first"] = importance.opens_at(searched, measured)
    return {
        "name": history.name,
        "state": history.state,
        "written": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "lines": [heading.protocol(history).plain, *heading.experiment(history).plain.splitlines()],
        "objective": {"metric": history.metric, "mode": history.mode},
        "rungs": history.rungs,
        "budget": history.budget,
        "replicates": history.replicates,
        "verdict": verdict.verdict(board, paths),
        "trials": trials.trials(board),
        "curves": curves.curves(history),
        "stopping": stopping.stopping(board),
        "cost": cost.cost(history),
        "knobs": searched,
        "importance": measured,
        "published": details.published(board),
        "failures": details.failures(history, tracebacks),
        "tracebacks": tracebacks,
        "pages": trial_pages.trial_pages(board, paths),
        "sessions": details.sessions(history),
        "manifest": details.manifest(history),
        "panel": panels.panel(board),
    }
