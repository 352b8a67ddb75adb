"""The `serial` strategy: one replicate after another, or batch by batch where images are decoded as they come."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from trainables import engine
from trainables.trial import epoch as together

if TYPE_CHECKING:
    from trainables.trial.replicate import Replicate


class Serial:
    """Needs nothing but the replicates (see `trainables.trial.strategies.Strategy`)."""

    def __init__(self) -> None:
        self.used = "serial"
        self.why: str | None = None
        self.steady = 0.0

    def run_epoch(self, replicates: Sequence[Replicate], epoch: int, last: bool) -> float:
        """Train and evaluate every living replicate for one 0-based epoch; returns the seconds spent in training alone."""
        if replicates[0].data.streamed:
            self.steady = together.run_epoch(replicates, epoch, last)
            return self.steady
        seconds = engine.run_epoch(replicates, epoch, last)
        # The first one may have paid for what is done once in a process.
        of_living = [replicate.seconds for replicate in replicates if replicate.failure is None]
        self.steady = len(of_living) * min(of_living, default=0.0)
        return seconds
