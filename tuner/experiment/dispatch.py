"""Which trial gets the next free worker: one under way, then one that was promoted, then a new one.

Ray starts whatever it has been given as soon as there is room, so this gives it a trial only when a worker would be free for
it, and at most as many at a time as may train at once. A paused trial is Ray's already, and is given back by the scheduler;
one that waits since an earlier session is given only when it goes on. Nothing of this is pickled.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from ray.tune.experiment import Trial
from ray.tune.search.basic_variant import BasicVariantGenerator

if TYPE_CHECKING:
    from tuner.rules.judge import Judge


class Dispatch(BasicVariantGenerator):  # type: ignore[misc]  # Ray is untyped
    """Gives Ray its trials.

    Args:
        judge: knows who is under way, who waits, who goes on and who has ended.
        indices: of the trials, in the order in which Ray is to be given them as a grid.
        most: trials that may train at the same time.
        stopping: whether the search was asked to stop; nothing is given then.
        pauses: whether trials may wait: then the search is not over while one of them may still go on.
    """

    def __init__(
        self, judge: Judge, indices: Sequence[int], most: int, stopping: Callable[[], bool], pauses: bool
    ) -> None:
        super().__init__()
        self._judge = judge
        self._left: dict[int, None] = dict.fromkeys(indices)  # not given yet
        begun = [index for index in indices if index in judge.last_epoch]
        self._under_way: dict[int, None] = dict.fromkeys(
            i for i in begun if i not in judge.waiting and i not in judge.promoted
        )
        self._new: dict[int, None] = dict.fromkeys(index for index in indices if index not in judge.last_epoch)
        self._most = most
        self._stopping = stopping
        self._pauses = pauses
        self._made: dict[int, Trial] = {}  # out of Ray's grid and not given yet
        self._given: dict[int, Trial] = {}  # and not ended

    @property
    def has_room(self) -> bool:
        """Whether another trial may train beside those that do, or are about to."""
        return self._busy() < self._most

    @property
    def is_stuck(self) -> bool:
        """Whether only trials are left that wait, and none of them is ever given a worker again in this run of Ray."""
        return not self._busy() and self._next() is None and self.promoted() is None

    def paused(self) -> list[Trial]:
        """Ray's trials that wait."""
        return [trial for trial in self._given.values() if trial.status == Trial.PAUSED]

    def promoted(self) -> Trial | None:
        """The paused trial that goes on next, if there is one: of the highest rung, the first that was promoted."""
        for index in self._promoted():
            trial = self._given.get(index)
            if trial is not None and trial.status == Trial.PAUSED:
                return trial
        return None

    def next_trial(self) -> Trial | None:
        self._given = {index: trial for index, trial in self._given.items() if not trial.is_finished()}
        if self._finished or self._stopping() or not self.has_room:
            return None
        index = self._next()
        return None if index is None else self._give(index)

    def is_finished(self) -> bool:
        if self._finished or self._stopping():
            return True
        # While a trial waits Ray should keep the worker of another one that has ended, which it does in an open search.
        waits = self._pauses and any(not trial.is_finished() for trial in self._given.values())
        return not waits and self._next() is None

    def _busy(self) -> int:
        """How many trials have a worker, or are about to get one."""
        return sum(trial.status in (Trial.RUNNING, Trial.PENDING) for trial in self._given.values())

    def _next(self) -> int | None:
        """The trial that is given to Ray next; None while there is none, or while a paused one goes before it."""
        for index in self._under_way:
            return index
        for index in self._promoted():
            return index if index in self._left else None  # a paused one: the scheduler gives it back
        return next(iter(self._new), None)

    def _promoted(self) -> list[int]:
        """Those that go on and have no worker yet, the highest rung first."""
        waiting = [index for index in self._judge.promoted if self._is_idle(index)]
        return sorted(waiting, key=lambda index: -self._judge.promoted[index])

    def _is_idle(self, index: int) -> bool:
        trial = self._given.get(index)
        return index in self._left if trial is None else trial.status == Trial.PAUSED

    def _give(self, index: int) -> Trial:
        while index not in self._made:
            made = super().next_trial()
            self._made[int(made.config["trial"]["index"])] = made
        for those in (self._left, self._under_way, self._new):
            those.pop(index, None)
        trial = self._given[index] = self._made.pop(index)
        trial.init_local_path()  # Ray asks for it at the end, also of a trial that was given and never started
        return trial

    def save_to_dir(self, dirpath: str, session_str: str) -> None:
        """Ray's snapshots are never read, and the judge holds open files."""

    def __reduce__(self) -> tuple[Any, ...]:
        return BasicVariantGenerator, ()
