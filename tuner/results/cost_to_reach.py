"""What a search had spent when it first reached a figure: its best median against replicate-epochs and hours, a step curve."""

from __future__ import annotations

from dataclasses import dataclass

from tuner.results.cost import held
from tuner.results.history import History, alive_in


@dataclass(frozen=True)
class Step:
    """From this cost on the best median of the search was `median`, which `trial` had at `epoch`.

    The cost counts everything that had been recorded until then, in order of arrival: replicate-epochs of living replicates,
    and hours of the processors held, epochs that were trained again included.
    """

    replicate_epochs: int
    hours: float
    median: float
    trial: int
    epoch: int


@dataclass(frozen=True)
class Reached:
    """The steps of a search, and what it had spent at its end (`unit`: GPU-hours or CPU-hours)."""

    steps: tuple[Step, ...]
    replicate_epochs: int
    hours: float
    unit: str

    def first(self, level: float, mode: str) -> Step | None:
        """The step at which the best median was at least as good as `level`; None if it never was."""
        return next((step for step in self.steps if not _better(level, step.median, mode)), None)


def cost_to_reach(history: History) -> Reached:
    """The steps of a search, by the median of every trial at every epoch; medians that are not finite reach nothing."""
    unit, hours_a_second = held(history)
    events = [
        (float(record.get("time") or 0.0), kind, trial, record)
        for trial in history.trials
        for kind, records in (("epoch", trial.epochs.values()), ("late", trial.late), ("repeat", trial.repeats))
        for record in records
    ]
    events.sort(key=lambda event: event[0])
    steps: list[Step] = []
    epochs, hours = 0, 0.0
    for _, kind, trial, record in events:
        hours += hours_a_second[trial.index] * float(record.get("epoch_seconds") or 0.0)
        if kind != "repeat":
            epochs += int(record["replicates_ok"]) if kind == "epoch" else alive_in(record, trial.objective)
        median = trial.median(record["epoch"]) if kind == "epoch" else None
        if median is not None and (not steps or _better(median, steps[-1].median, history.mode)):
            steps.append(Step(epochs, hours, median, trial.index, int(record["epoch"])))
    return Reached(tuple(steps), epochs, hours, unit)


def _better(value: float, other: float, mode: str) -> bool:
    return value > other if mode == "max" else value < other
