"""The Ray side of a trial: a class Trainable that drives `LockStep`, and one subclass for each family by its name.

One `step()` is one epoch of every replicate, so Ray's scheduler sees exactly one median per epoch. Two things differ from
Ray's habits, both so that a hard kill loses nothing:

* Checkpoints go straight into the experiment's directory under our own names (Ray's own tracking lags by seconds and
  gives up when its latest one is missing).
* A checkpoint holds the results so far. A worker that continues from it first reports, without training, every epoch that
  the driver had not recorded when it died.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from ray import tune

from trainables import families
from trainables.config.own.code import OwnCode
from trainables.on_ray.load import Meter
from trainables.on_ray.spread import Spread
from trainables.on_ray.workers import Workers
from trainables.statistics import is_late
from trainables.storage import Place, place
from trainables.trial.assignment import Assignment, Share
from trainables.trial.log import TrialLog

if TYPE_CHECKING:
    from trainables.trial.assembly import MakeCrew
    from trainables.trial.lockstep import LockStep

logger = logging.getLogger("trainables")

CHECKPOINT_NAME = "checkpoint.pt"
SAVE_AGAIN_SECONDS = 10.0  # least time before a checkpoint that could not be saved is tried again


class ReplicatedTrainable(tune.Trainable):  # type: ignore[misc]  # Ray is untyped
    """Trains k replicates of one configuration and reports the median of each metric, one epoch a `step()`.

    The configuration is either flat: the family's knobs plus `replicates` (default 5) and `seed` (default 0); or it has
    one key `trial` with what `Assignment.told` says, whose attributes are described there. Asked by the stop file before
    its first epoch in this worker, a trial is not trained: `step()` says `untrained`.

    While the storage fails, training goes on: a checkpoint is tried again later. A worker that begins then waits for the
    storage rather than train anew what a checkpoint holds.

    `step()` returns what `LockStep.step()` does. With a flat configuration `done` is set at the end of the budget or when
    the trial diverged; under an assignment the scheduler ends trials, since it must see the last result as well.
    """

    family: ClassVar[families.Ref]
    _workers: Workers | None = None  # of spread replicates; they outlive a trial
    _meter: Meter | None = None  # of this machine; it outlives a trial
    _next_config: dict[str, Any] | None = None  # taken by a reset and not yet set up

    def setup(self, config: dict[str, Any]) -> None:
        """Build the replicates, continuing from the newest readable checkpoint of this trial if there is one."""
        from trainables.on_ray import device
        from trainables.process.host_memory import keep_freed_memory
        from trainables.trial import assembly
        from trainables.trial.guarded import GuardedTrial

        keep_freed_memory()
        self._assigned = "trial" in config
        self._assignment = assignment = Assignment.of(config)
        self._directory = None if assignment.directory is None else place(assignment.directory)
        self._stop_file = None if assignment.stop_file is None else place(assignment.stop_file)
        if self._assigned and self._meter is None:
            self._meter = Meter()
        self._begun = False
        self._withheld = self._is_asked_to_stop()  # asked before anything that takes long
        if self._withheld:
            return
        cpus, gpus = _held_here(assignment.share)
        look = None if assignment.look is None else partial(assignment.look, self.family, assignment.config)
        if look is not None:
            look(gpus=gpus)
        self._log = TrialLog(self._directory, logger) if self._directory is not None else None
        needs_torch = assembly.needs_torch(self.family)
        self._device = device.take(cpus, gpus, needs_torch=needs_torch)
        logger.info("training on %s", device.here())
        if assignment.share is not None and assignment.share.spread and self._workers is None:
            self._workers = Workers(assignment.share, look)
        self._guarded = GuardedTrial(
            self._build,
            self._directory,
            recorded_epoch=assignment.recorded_epoch,
            recorded_late=assignment.recorded_late,
            step_timeout=assignment.step_timeout,
            watched_elsewhere=self._workers is not None,
            worst=assembly.worst(self.family),
            own=self._is_own,
        )
        self._saved_at = time.monotonic()
        self._next_attempt = 0.0  # to save, after one that failed

    @property
    def _is_own(self) -> bool:
        """Whether the states in checkpoints are made by a user's own code."""
        return isinstance(self.family, OwnCode) and self.family.in_lock_step

    @property
    def trial(self) -> LockStep:
        """The k replicates."""
        assert self._guarded.trial is not None
        return self._guarded.trial

    def _build(self, one_by_one: bool, limit: Callable[[], float]) -> LockStep:
        from trainables.trial.lockstep import LockStep
        from trainables.trial.seeds import Seeds

        crew: MakeCrew | None = None
        if self._workers is not None:
            self._workers.forget()
            directory = None if self._directory is None else str(self._directory)
            crew = partial(Spread, workers=self._workers, limit=limit, one_by_one=one_by_one, directory=directory)
        return LockStep(
            self.family,
            self._assignment.config,
            seed=self._assignment.seed,
            replicates=self._assignment.replicates,
            seeds=Seeds(self._assignment.seeds) if self._assignment.seeds else None,
            device=self._device,
            crew=crew,
            one_by_one=one_by_one,
            strategy=self._assignment.strategy,
        )

    def step(self) -> dict[str, Any]:
        """One epoch of every replicate: the medians, the k values and the rest (see `GuardedTrial.step`).

        `step_seconds` are those of all of it: also of building the replicates after a reset, and of a checkpoint. Under an
        assignment `node_load` says now and then how loaded the machine is (see `trainables.on_ray.load`).
        """
        start = time.perf_counter()
        result = self._epoch()
        load = {} if self._meter is None else {"node_load": self._meter.report()}
        return result | {"step_seconds": time.perf_counter() - start} | load

    def _epoch(self) -> dict[str, Any]:
        if self._next_config is not None:
            config, self._next_config = self._next_config, None
            self.setup(config)
        if self._withheld or (not self._begun and self._is_asked_to_stop()):
            return self._untrained()
        self._begun = True
        result = self._validated(self._guarded.step())
        if result.get("replayed") or result.get("failed"):
            return result
        metric = self.family.metric if isinstance(self.family, OwnCode) else "val_accuracy"
        logger.info(
            "%s: %s %.4g [%.4g, %.4g], %d of %d replicates, %.1f s",
            _named(result),
            metric,
            result[metric],
            result[f"{metric}_min"],
            result[f"{metric}_max"],
            result["replicates_ok"],
            len(self.trial.replicates),
            result["epoch_seconds"],
        )
        if result["strategy_reason"] is not None:
            logger.info("strategy: %s", result["strategy_reason"])
        for failure in result["failures"]:
            logger.error("replicate %(replicate)d failed at epoch %(epoch)d:\n%(traceback)s", failure)
        stopping = self._is_asked_to_stop()
        now = time.monotonic()
        due = now - self._saved_at >= self._assignment.checkpoint_seconds and now >= self._next_attempt
        pausable = not is_late(result) and result["epoch"] in self._assignment.checkpoint_at
        state = cache(self.trial.state)
        if self._directory is not None:
            self._save_best(self._directory, state)  # first: what a checkpoint holds is not trained again
        if self._directory is not None and (due or stopping or pausable or result["finished"]):
            self._save(self._directory, state)
        return result | {"interrupted": stopping and not result["finished"]}

    def _untrained(self) -> dict[str, Any]:
        """The answer of a trial that was asked to stop before its first epoch here: Ray wants a number of every metric."""
        from trainables.trial import assembly

        worst = assembly.worst(self.family)
        return {**worst, "epoch": 0, "metrics": [], "untrained": True, "interrupted": True, "done": False}

    def _validated(self, result: dict[str, Any]) -> dict[str, Any]:
        """Ray ends the whole search on a metric that is no number, so such a result must not leave this process."""
        for name in result["metrics"]:
            if not isinstance(result[name], float):
                raise TypeError(f"the family reported {name} = {result[name]!r}, but a metric must be a float")
        return result | {"done": result["finished"] and not self._assigned}

    def _is_asked_to_stop(self) -> bool:
        try:
            return self._stop_file is not None and self._stop_file.exists()
        except OSError:  # asked again after the next epoch
            return False

    def _save(self, directory: Place, state: Callable[[], dict[str, Any]]) -> None:
        from trainables import checkpoints

        try:
            checkpoints.save(directory, state(), self.trial.epoch)
        except Exception as error:
            self._require_passing(error)
            logger.warning("cannot save a checkpoint at epoch %d (%s); trying again later", self.trial.epoch, error)
            self._next_attempt = time.monotonic() + SAVE_AGAIN_SECONDS
        else:
            self._saved_at = time.monotonic()
        if self._log is not None:
            self._log.send()

    def _save_best(self, directory: Place, state: Callable[[], dict[str, Any]]) -> None:
        from trainables import checkpoints
        from trainables.trial import assembly

        metric = self._assignment.keep_best
        if metric is None or not checkpoints.is_best(
            self.trial.history, metric, assembly.always(self.family).get(metric)
        ):
            return
        try:
            checkpoints.save_file(directory / checkpoints.BEST, state())
        except Exception as error:
            self._require_passing(error)
            logger.warning("cannot keep the state of epoch %d, the best so far (%s)", self.trial.epoch, error)

    def _require_passing(self, error: Exception) -> None:
        """Raise again what is no trouble of the storage, nor of a state that the user's own code gave."""
        if not (self._is_own or isinstance(error, OSError | RuntimeError)):  # torch's own writer says the latter
            raise error

    def save_checkpoint(self, checkpoint_dir: str) -> None:
        """Ray's own hook: the same state in one file of the directory Ray gives."""
        from trainables import checkpoints

        checkpoints.save_file(Path(checkpoint_dir) / CHECKPOINT_NAME, self.trial.state())

    def load_checkpoint(self, checkpoint: str) -> None:
        """Ray's own hook: continue from a directory written by `save_checkpoint`."""
        from trainables import checkpoints

        self.trial.load(checkpoints.load_file(Path(checkpoint) / CHECKPOINT_NAME, own=self._is_own))

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Take another configuration in the same processes: the imports and the dataset stay, everything else goes.

        Its replicates are built by the next step: Ray gives up for good on a trial whose worker is lost during a reset.
        """
        self._end_trial()
        self._next_config = new_config
        return True

    def cleanup(self) -> None:
        """Free the models, close the log and end the replicates' workers."""
        self._end_trial()
        if self._workers is not None:
            self._workers.close()
            self._workers = None

    def _end_trial(self) -> None:
        guarded = self.__dict__.pop("_guarded", None)  # absent when the set-up itself failed
        if guarded is not None:
            guarded.release()
        self._close_log()

    def _close_log(self) -> None:
        log = self.__dict__.pop("_log", None)
        if log is not None:
            from trainables.on_ray import device

            logger.info("leaving %s", device.here())
            log.close()

    @classmethod
    def default_resource_request(cls, config: dict[str, Any]) -> tune.PlacementGroupFactory:
        """What the assignment asks for: one bundle, or one for each worker and none for the process that waits for them."""
        share = Assignment.of(config).share or Share(cpus=1.0, gpus=0.0)
        bundle = {"CPU": float(share.cpus), "GPU": float(share.gpus)}
        if share.accelerator_type:
            # A sliver of what Ray counts on every node that has such cards.
            bundle[f"accelerator_type:{share.accelerator_type}"] = 0.001
        bundle = {name: amount for name, amount in bundle.items() if amount > 0}
        return tune.PlacementGroupFactory([{}, *[bundle] * share.workers] if share.spread else [bundle])


def _named(result: dict[str, Any]) -> str:
    """An epoch as the log calls it."""
    if is_late(result):
        return (
            f"epoch {result['late']} of {result['epoch']} of the replicates from {result['first']} on, which join late"
        )
    return f"epoch {result['epoch']}"


def _held_here(share: Share | None) -> tuple[float | None, float | None]:
    """CPUs and GPUs of the trial's own process, None where nobody said: of spread replicates it only waits for them."""
    if share is None:
        threads = os.environ.get("OMP_NUM_THREADS")
        return None if threads is None else float(threads), None
    return share.cpus, 0.0 if share.spread else share.gpus


def _of_family(family: str) -> type[ReplicatedTrainable]:
    body = {"family": family, "__doc__": f"A trial of the {family} family.", "__module__": __name__}
    return type(families.trainable_name(family), (ReplicatedTrainable,), body)


# family name -> its Trainable. Each is a name of this module as well: Ray's workers, which are called by it, find it here.
TRAINABLES: dict[str, type[ReplicatedTrainable]] = {family: _of_family(family) for family in families.names()}
globals().update({cls.__name__: cls for cls in TRAINABLES.values()})


def of(family: families.Ref) -> type[ReplicatedTrainable]:
    """The Trainable of a family by its name, or of a user's own code: that travels with the class, pickled by value."""
    if isinstance(family, str):
        return TRAINABLES[families.canonical(family)]
    body = {"family": family, "__doc__": "A trial of a user's own code.", "__module__": "__main__"}
    return type("OwnTrainable", (ReplicatedTrainable,), body)
