"""What went wrong in a search: how often, and the first traceback, once."""

from __future__ import annotations

from dataclasses import dataclass

from rich.console import Group, RenderableType
from rich.text import Text

from tuner.records.paths import ExperimentPaths
from tuner.results.history import History
from tuner.tables.text import plain


@dataclass(frozen=True)
class Failure:
    """The first failure of an experiment, and one sentence about all of them."""

    trial: int
    sentence: str
    traceback: str


def first_failure(history: History) -> Failure | None:
    """The earliest failed replicate or lost worker; None if nothing failed."""
    failed = [(trial, record) for trial in history.trials for record in (*trial.failures, *trial.errors)]
    if not failed:
        return None
    trial, record = min(failed, key=lambda pair: float(pair[1]["time"]))
    count = f"{len(failed)} failure{'' if len(failed) == 1 else 's'}, the first in trial {trial.index}"
    message = str(record["message"]).strip()
    return Failure(trial.index, f"{count}: {message}", str(record.get("traceback") or "").strip())


def failures_view(paths: ExperimentPaths) -> RenderableType:
    """Why an experiment has no valid trial: the number of failures, the first one and its traceback."""
    failure = first_failure(History.load(paths))
    if failure is None:
        return Text("No trial has a valid result, and no failure was recorded.")
    parts = [Text(plain(f"No trial has a valid result; {failure.sentence}"), style="red")]
    if failure.traceback:
        parts.append(Text(plain(failure.traceback)))
    return Group(*parts)
