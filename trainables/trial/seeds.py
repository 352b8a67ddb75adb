"""How many seeds a trial is trained with, from epoch to epoch: those that begin, and those that join it at a rung.

Who joins after an epoch first trains from the beginning to that epoch, while the others stand still; then all go on. So the
state of a trial is its epoch and, while some catch up, theirs.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Seeds:
    """The seeds of a trial.

    Attributes:
        stages: (epoch after which, how many there are from then on), ascending in both, the first with epoch 0.
    """

    stages: tuple[tuple[int, int], ...]

    @classmethod
    def all_along(cls, count: int) -> Seeds:
        """As many at every epoch."""
        return cls(((0, count),))

    @classmethod
    def by_rung(cls, counts: Sequence[int] | None, rungs: Sequence[int], replicates: int) -> Seeds:
        """So many up to each rung, the last count from there on; without counts all replicates from the beginning."""
        stages = [(0, counts[0] if counts else replicates)]
        for passed, count in zip(rungs, (counts or ())[1:], strict=False):
            if count > stages[-1][1]:
                stages.append((passed, count))
        return cls(tuple(stages))

    @property
    def grow(self) -> bool:
        """Whether any join later."""
        return len(self.stages) > 1

    @property
    def most(self) -> int:
        """How many train at the end."""
        return self.stages[-1][1]

    def at(self, epoch: int) -> int:
        """How many train the 1-based epoch."""
        return self.stages[max(0, bisect_left(self.stages, (epoch,)) - 1)][1]

    def joining(self, epoch: int) -> range:
        """The seeds that join once `epoch` epochs are trained; empty when none do."""
        found = next((count for after, count in self.stages[1:] if after == epoch), 0)
        return range(self.at(epoch), max(found, self.at(epoch)))

    def work(self, before: int, epoch: int) -> int:
        """Epochs of single seeds that take a trial from one epoch to another, catching up at `before` included."""
        total = sum(self.at(each) for each in range(before + 1, epoch + 1))
        return total + sum(after * len(self.joining(after)) for after, _ in self.stages[1:] if before <= after < epoch)
