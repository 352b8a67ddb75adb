"""The `serial` strategy: one replicate after another, or batch by batch where images are decoded as they come."""

from __future__ import annotations

import time
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
        seconds = _in_turn(replicates, epoch, last)
        # The first one may have paid for what is done once in a process.
        of_living = [replicate.seconds for replicate in replicates if replicate.failure is None]
        self.steady = len(of_living) * min(of_living, default=0.0)
        return seconds


def _in_turn(replicates: Sequence[Replicate], epoch: int, last: bool) -> float:
    """Train and evaluate every living replicate for one 0-based epoch; returns the seconds spent in training alone.

    A replicate that fails is marked by itself and never disturbs its siblings.
    """
    training = 0.0
    for replicate in replicates:
        if replicate.failure is not None:
            continue
        with replicate.catching(epoch):
            start = time.perf_counter()
            metrics = {f"train_{key}": value for key, value in engine.train_epoch(replicate, epoch).items()}
            replicate.seconds = time.perf_counter() - start
            training += replicate.seconds
            replicate.end_epoch(engine.checked(metrics | replicate.evaluate(epoch, last)), epoch)
    return training
