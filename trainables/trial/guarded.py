"""A trial guarded against what is no fault of its configuration: a lost worker, a torn checkpoint, a full GPU, a hang.

It continues from the newest checkpoint that can be read and first reports, without training, every epoch the driver has not
recorded. Out of GPU memory it goes back to that checkpoint and trains its replicates one by one; if that does not fit
either, it gives up. An epoch that hangs ends the process with its stacks on disk (`trainables.process.watchdog`).
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Mapping
from typing import Any

from trainables import checkpoints, statistics
from trainables.process import memory_release, watchdog
from trainables.process.out_of_memory import OutOfMemory, is_out_of_memory
from trainables.storage import Place, patiently
from trainables.trial import failure
from trainables.trial.lockstep import LockStep, Result
from trainables.trial.state_form import ForeignWeights

logger = logging.getLogger("trainables")

ONE_BY_ONE = "one_by_one"  # in a trial's folder: all its replicates at once do not fit into the GPU


class GuardedTrial:
    """A `LockStep` and what happened to it.

    Args:
        build: makes the trial afresh; its argument says whether its replicates train one by one.
        directory: of checkpoints; None keeps nothing, watches nothing and lets `OutOfMemory` out.
        recorded_epoch: the last epoch the driver has.
        recorded_late: the last epoch, of replicates that joined after that one, the driver has.
        step_timeout: seconds an epoch may take; None derives it from those of this trial.
        watched_elsewhere: the replicates' own processes are bounded, and this one only waits for them.
        worst: what is reported where nothing was trained; default a family's.
        own: what is trained is a user's own code, whose checkpoints may hold anything.
    """

    def __init__(
        self,
        build: Callable[[bool, Callable[[], float]], LockStep],
        directory: Place | None,
        *,
        recorded_epoch: int = 0,
        recorded_late: int = 0,
        step_timeout: float | None = None,
        watched_elsewhere: bool = False,
        worst: Mapping[str, float] | None = None,
        own: bool = False,
    ) -> None:
        self._build = build
        self._directory = directory
        self._recorded = (recorded_epoch, recorded_late)
        self._step_timeout = step_timeout
        always = {name: statistics.worst(statistics.mode_of(name)) for name in statistics.ALWAYS}
        self._worst, self._own = dict(always if worst is None else worst), own
        self._stacks = None if directory is None or watched_elsewhere else directory / watchdog.file_name()
        self._unreported: list[Result] = []
        self._errors: list[dict[str, Any]] = []  # met and not yet reported
        self._gave_up: str | None = None
        self._one_by_one = directory is not None and patiently((directory / ONE_BY_ONE).exists)
        self.trial: LockStep | None = None
        self._begin()

    def step(self) -> Result:
        """The result of an epoch, as of `LockStep.step`.

        `errors` holds what was met and overcome on the way. With `replayed` the epoch was trained by an earlier worker;
        with `failed` nothing was: the trial cannot go on, and the sentence says why.
        """
        result = self._without_training() or self._train_epoch()
        if result is None:  # not in the handler of the error, whose frames hold what is to be freed
            self.release()
            self._begin()
            return self.step()
        errors, self._errors = self._errors, []
        return result | {"errors": errors}

    def release(self) -> None:
        """Give the memory back."""
        self.trial = None
        memory_release.release()

    def _without_training(self) -> Result | None:
        if self._gave_up is not None:
            return {**self._worst, "epoch": 0, "metrics": list(self._worst), "finished": False, "failed": self._gave_up}
        return self._unreported.pop(0) | {"replayed": True} if self._unreported else None

    def _train_epoch(self) -> Result | None:
        """The result of an epoch; None when it did not fit into the memory of the GPU."""
        assert self.trial is not None
        try:
            with watchdog.bounded(self._limit(), self._stacks):
                return self.trial.step()
        except OutOfMemory as error:
            self._retreat(error)
            return None

    def _limit(self) -> float:
        """Seconds the next epoch may take."""
        history = self.trial.history if self.trial is not None else []
        most = self.trial.seeds.most if self.trial is not None else 1
        # What an epoch would have taken with all replicates: the next one may have more of them than those so far.
        counts = [len(result[f"{result['metrics'][0]}_values"]) for result in history]
        seconds = [result["epoch_seconds"] * (most / count) for result, count in zip(history, counts, strict=True)]
        return watchdog.limit(self._step_timeout, seconds)

    def _begin(self) -> None:
        """Build the trial and continue it from its checkpoint; one by one if all replicates at once do not fit."""
        if self._gave_up is not None:
            return
        try:
            self.trial = self._build(self._one_by_one, self._limit)
            patiently(self._continue_from_checkpoint)
            return
        except OutOfMemory as error:
            self._retreat(error)
        self.release()
        self._begin()

    def _retreat(self, error: OutOfMemory) -> None:
        """Train one by one from here on; if that is what failed, give up."""
        if self._directory is None:
            raise error
        message = f"out of GPU memory: {str(error).splitlines()[0]}"
        logger.error("%s; %s", message, "giving up" if self._one_by_one else "trying again, one replicate at a time")
        self._errors.append({"kind": "out of memory", "message": message, "traceback": failure.trace()})
        if self._one_by_one:
            self._gave_up = f"{message}, also with one replicate at a time"
        self._one_by_one = True
        with contextlib.suppress(OSError):  # for the worker that continues after this one; it would find out by itself
            (self._directory / ONE_BY_ONE).touch()

    def _continue_from_checkpoint(self) -> None:
        if self._directory is None or self.trial is None:
            return
        for path, state in checkpoints.newest_first(self._directory, own=self._own):
            try:
                self.trial.load(state)
            except ForeignWeights:
                raise  # a fresh start would join two networks in one curve
            except Exception as error:  # whatever does not fit, the one before may; none of it may stay behind
                if is_out_of_memory(error):
                    raise OutOfMemory(f"loading {path.name}: {error}") from error
                logger.warning("cannot continue from %s (%s); trying the one before", path, error)
                self.trial = self._build(self._one_by_one, self._limit)
                continue
            self._unreported = [result for result in self.trial.history if _position(result) > self._recorded]
            logger.info("continuing from %s, epoch %d", path.name, self.trial.epoch)
            return


def _position(result: Result) -> tuple[int, int]:
    """Where a result stands in its trial: replicates join after an epoch and before the next one."""
    return result["epoch"], result["late"] if statistics.is_late(result) else 0
