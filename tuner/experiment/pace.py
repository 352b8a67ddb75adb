"""How long the epochs of a search take, measured while it runs; from that, how long the running ones will take yet."""

from __future__ import annotations

import statistics
from collections import defaultdict, deque
from collections.abc import Iterable

from tuner.records.lines import Record
from tuner.rules.seeds import seeds_of

_RECENT = 5  # steps of a trial whose median counts: one that also built its replicates or saved is not typical


class Pace:
    """Takes the records of a search, in order of arrival, and knows how long a step of each trial takes.

    A step is an epoch of all replicates with what belongs to it; of records older than that figure the epoch alone counts.
    """

    def __init__(self) -> None:
        self._steps: dict[int, deque[float]] = defaultdict(lambda: deque(maxlen=_RECENT))
        self._seeds: dict[int, int] = {}  # trial -> how many seeds its last step trained
        self._since: dict[int, float] = {}  # trial -> unix seconds when its present epoch began

    def __call__(self, record: Record) -> None:
        event = record["event"]
        if event in ("epoch", "repeat", "late"):
            self._forget_others(record)
            seconds = record.get("step_seconds") or record.get("epoch_seconds")
            if seconds is not None:
                self._steps[record["trial"]].append(float(seconds))
        if event in ("start", "epoch", "repeat", "late") and "time" in record:
            self._since[record["trial"]] = float(record["time"])

    def _forget_others(self, record: Record) -> None:
        """The steps of a trial that trained another number of seeds say nothing of its next one."""
        trial, count = record["trial"], seeds_of(record)
        if self._seeds.setdefault(trial, count) != count:
            self._seeds[trial] = count
            self._steps.pop(trial, None)

    def step(self, trial: int) -> float | None:
        """Seconds of a typical step of a trial: of its own recent ones, else of those of all; None if there was none."""
        own = self._steps.get(trial)
        if own:
            return statistics.median(own)
        return statistics.median(seconds[-1] for seconds in self._steps.values()) if self._steps else None

    def rest(self, running: Iterable[int], now: float) -> float | None:
        """Seconds until the present epochs of these trials have all ended, at unix time `now`; None if nobody knows.

        One that takes longer than it used to counts as nearly over.
        """
        rests = []
        for trial in running:
            step = self.step(trial)
            if step is None:
                return None
            rests.append(max(0.0, step - max(0.0, now - self._since.get(trial, now))))
        return max(rests, default=0.0)
