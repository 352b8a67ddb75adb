"""One trial as the records tell it, with its epochs, decisions and failures; and one session."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from trainables.statistics import mode_of
from tuner.records.forms import finite
from tuner.records.lines import Record

# In the order a person reads them.
STATUSES = ("pending", "running", "waiting", "interrupted", "completed", "stopped", "diverged", "failed")
ENDED = ("completed", "stopped", "diverged", "failed")


@dataclass
class Trial:
    """One configuration and all that is known of its training.

    `objective` is the metric it is judged by. `status` is pending (no worker began), running, waiting (at its
    rung, until the rule lets it go on and a worker is free), interrupted (a worker
    began and its session is over), completed (full budget), stopped (by the rule), diverged (no majority of replicates
    alive) or failed (errors beyond the retries). `epochs` holds the epoch records by their 1-based epoch, `last_epoch`
    is the last of them, `late` the records of replicates that joined at a rung and caught up, `repeats` those of epochs that
    were trained again after a crash, and `rung` the highest rung
    reached (0: none yet), `seconds` is the time its workers spent on epochs, late and repeated ones included, and
    `replicate_epochs` counts those of single replicates, failed ones left out. `began` is when its last worker did and `ended`
    when it ended, in unix seconds.
    """

    index: int
    config: dict[str, Any]
    objective: str
    baseline: bool = False
    status: str = "pending"
    epochs: dict[int, Record] = field(default_factory=dict)
    late: list[Record] = field(default_factory=list)
    repeats: list[Record] = field(default_factory=list)
    decisions: list[Record] = field(default_factory=list)
    failures: list[Record] = field(default_factory=list)
    errors: list[Record] = field(default_factory=list)
    reason: str = ""
    last_epoch: int = 0
    rung: int = 0
    seconds: float = 0.0
    replicate_epochs: int = 0
    began: float | None = None
    ended: float | None = None

    @property
    def compared_epoch(self) -> int:
        """The epoch at which it is compared with others: its highest rung; before the first rung the last epoch."""
        return self.rung if self.rung in self.epochs else self.last_epoch

    @property
    def replicates_ok(self) -> int:
        """Replicates alive at the last epoch reported, 0 before the first."""
        return int(self.epochs[self.last_epoch]["replicates_ok"]) if self.epochs else 0

    @property
    def waits(self) -> bool:
        """Whether it waits at its rung, checkpointed and without a worker."""
        return self.status == "waiting"

    @property
    def standing(self) -> str:
        """The status for people: of a trial that waits also where."""
        return f"waiting at rung {self.rung}" if self.waits else self.status

    @property
    def has_ended(self) -> bool:
        """Whether it will never train again: completed, stopped, diverged or failed."""
        return self.status in ENDED

    @property
    def is_valid(self) -> bool:
        """Whether it counts as a result: its medians are finite and it neither diverged nor failed."""
        finite = self.median(self.compared_epoch) is not None and self.median(self.last_epoch) is not None
        return finite and self.status not in ("diverged", "failed")

    def metrics(self, epoch: int) -> dict[str, float | None]:
        """The median of every metric reported at an epoch; None where it is not finite."""
        record = self.epochs.get(epoch)
        return {name: self.median(epoch, name) for name in record["metrics"]} if record else {}

    def scalars(self, epoch: int) -> dict[str, float | None]:
        """The family's further numbers reported at an epoch, the same for every replicate."""
        record = self.epochs.get(epoch)
        return {name: finite(value) for name, value in (record.get("scalars") or {}).items()} if record else {}

    def values(self, epoch: int, metric: str | None = None) -> list[float | None]:
        """The k values of a metric (default: the objective) at an epoch, in the order of the replicates; None for a
        failed one. Empty if the metric was not reported."""
        reported = self._reported(epoch, metric)
        return [finite(value) for value in reported["values"]] if reported else []

    def all_values(self, epoch: int, metric: str | None = None) -> list[float | None]:
        """As `values`, with those of the replicates that joined later behind them."""
        values = self.values(epoch, metric)
        for record in self.late:
            reported = record["metrics"].get(metric or self.objective)
            if record["epoch"] == epoch and reported is not None and record["first"] == len(values):
                values += [finite(value) for value in reported["values"]]
        return values

    @property
    def caught_up(self) -> int | None:
        """The epoch of replicates that have joined at its last one and are still behind; None when there are none."""
        newest = self.late[-1] if self.late else None
        if newest is None or newest["rung"] != self.last_epoch or newest["epoch"] >= newest["rung"]:
            return None
        return int(newest["epoch"])

    def median(self, epoch: int, metric: str | None = None) -> float | None:
        """The median of a metric (default: the objective) at an epoch; None if it was not reported or is not finite.

        A majority alive is required here once more, so that no record can make one survivor of five look like a result.
        """
        reported = self._reported(epoch, metric)
        values = self.values(epoch, metric)
        alive = sum(value is not None for value in values)
        return finite(reported["median"]) if reported and 2 * alive > len(values) else None

    def extremes(self, epoch: int, metric: str | None = None) -> tuple[float | None, float | None]:
        """The smallest and largest value of a metric (default: the objective) over the living replicates; None if none
        lives."""
        alive = [value for value in self.values(epoch, metric) if value is not None]
        return min(alive, default=None), max(alive, default=None)

    def best_epoch(self, metric: str) -> int | None:
        """The epoch at which the median of a metric is best, the earliest of several; None if it never was finite.

        Where seeds have joined, medians of fewer of them are left out.
        It is the best of as many looks as there are epochs, so it flatters: for figures published that way only.
        """
        sign = 1 if mode_of(metric) == "max" else -1
        seeds = len(self.values(self.last_epoch))
        medians = {e: self.median(e, metric) for e in sorted(self.epochs) if len(self.values(e)) == seeds}
        finite = {epoch: sign * value for epoch, value in medians.items() if value is not None}
        return max(finite, key=lambda epoch: finite[epoch], default=None)

    def _reported(self, epoch: int, metric: str | None) -> Record | None:
        record = self.epochs.get(epoch)
        return record["metrics"].get(metric or self.objective) if record else None


@dataclass
class Session:
    """One run of the driver. `outcome` is finished or interrupted; a killed driver leaves None.

    `first_epoch` is when its first epoch began (unix seconds), `step_seconds` what all its epochs took with what belongs to
    them, both None where the records do not say; `concurrent` is how many trials ran at the same time at most.
    """

    started: float
    pid: int
    host: str
    last: float
    outcome: str | None = None
    epochs: int = 0
    first_epoch: float | None = None
    step_seconds: float | None = None
    concurrent: int = 0

    @property
    def seconds(self) -> float:
        """From its start to its end, or to the last thing heard of it."""
        return self.last - self.started
