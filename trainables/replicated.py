"""The Ray side of a trial: a class Trainable that drives `LockStep`, and one subclass a family.

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
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import ray
from ray import tune

from trainables.storage import Place, patiently, place
from trainables.trial_log import TrialLog

if TYPE_CHECKING:
    from trainables.lockstep import LockStep

logger = logging.getLogger("trainables")

CHECKPOINT_NAME = "checkpoint.pt"
SAVE_AGAIN_SECONDS = 10.0  # least time before a checkpoint that could not be saved is tried again


class ReplicatedTrainable(tune.Trainable):  # type: ignore[misc]  # Ray is untyped
    """Trains k replicates of one configuration and reports the median of each metric, one epoch a `step()`.

    The configuration is either flat: the family's knobs plus `replicates` (default 5) and `seed` (default 0); or it has
    one key `trial` holding an assignment of the service: `config` (the knobs), `replicates`, `seed`, `cpus`, `gpus`,
    `directory` (checkpoints and log; a folder or s3://...), `recorded_epoch` (the last epoch the driver has),
    `checkpoint_seconds` (default 0: after every epoch) and `stop_file` (its presence asks to checkpoint and end after the
    current epoch).

    While the storage fails, training goes on: a checkpoint is tried again later. A worker that begins then waits for the
    storage rather than train anew what a checkpoint holds.

    `step()` returns what `LockStep.step()` does. With a flat configuration `done` is set at the end of the budget or when
    the trial diverged; under an assignment the scheduler ends trials, since it must see the last result as well.
    """

    family: ClassVar[str]

    def setup(self, config: dict[str, Any]) -> None:
        """Build the replicates, continuing from the newest readable checkpoint of this trial if there is one."""
        import torch

        from trainables.host_memory import keep_freed_memory
        from trainables.lockstep import LockStep

        keep_freed_memory()
        assignment = config.get("trial")
        self._assigned = assignment is not None
        if assignment is None:
            knobs = dict(config)
            assignment = {"replicates": knobs.pop("replicates", 5), "seed": knobs.pop("seed", 0), "config": knobs}
        self._directory = place(assignment["directory"]) if "directory" in assignment else None
        self._stop_file = place(assignment["stop_file"]) if "stop_file" in assignment else None
        self._checkpoint_seconds = float(assignment.get("checkpoint_seconds", 0.0))
        self._log = TrialLog(self._directory, logger) if self._directory is not None else None
        cpus = assignment.get("cpus", os.environ.get("OMP_NUM_THREADS"))
        if cpus is not None:
            # A trial that takes more threads than its share starves its neighbours.
            torch.set_num_threads(max(1, int(float(cpus))))
        gpus = float(assignment["gpus"]) if "gpus" in assignment else _gpus_given()
        device = torch.device("cuda" if gpus > 0 and torch.cuda.is_available() else "cpu")

        def fresh() -> LockStep:
            return LockStep(
                self.family,
                assignment["config"],
                seed=assignment["seed"],
                replicates=assignment["replicates"],
                device=device,
            )

        self.trial = fresh()
        self._unreported: list[dict[str, Any]] = []
        if self._directory is not None:
            recorded = int(assignment.get("recorded_epoch", 0))
            patiently(lambda: self._continue_from_checkpoint(fresh, recorded))
        self._saved_at = time.monotonic()
        self._next_attempt = 0.0  # to save, after one that failed

    def step(self) -> dict[str, Any]:
        """One epoch of every replicate: the medians, the k values and the rest (see `LockStep.step`)."""
        if self._unreported:
            return self._validated(self._unreported.pop(0) | {"replayed": True})
        result = self._validated(self.trial.step())
        logger.info(
            "epoch %d: val_accuracy %.4f [%.4f, %.4f], %d of %d replicates, %.1f s",
            result["epoch"],
            result["val_accuracy"],
            result["val_accuracy_min"],
            result["val_accuracy_max"],
            result["replicates_ok"],
            len(self.trial.replicates),
            result["epoch_seconds"],
        )
        for failure in result["failures"]:
            logger.error("replicate %(replicate)d failed at epoch %(epoch)d:\n%(traceback)s", failure)
        stopping = self._is_asked_to_stop()
        due = time.monotonic() - self._saved_at >= self._checkpoint_seconds and time.monotonic() >= self._next_attempt
        if self._directory is not None and (due or stopping or result["finished"]):
            self._save(self._directory)
        return result | {"interrupted": stopping and not result["finished"]}

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

    def _continue_from_checkpoint(self, fresh: Callable[[], LockStep], recorded: int) -> None:
        from trainables import checkpoints
        from trainables.seeded_state import ForeignWeights

        assert self._directory is not None
        for path, state in checkpoints.newest_first(self._directory):
            try:
                self.trial.load(state)
            except ForeignWeights:
                raise  # a fresh start would join two networks in one curve
            except Exception as error:  # whatever does not fit, the one before may; none of it may stay behind
                logger.warning("cannot continue from %s (%s); trying the one before", path, error)
                self.trial = fresh()
                continue
            self._unreported = [result for result in self.trial.history if result["epoch"] > recorded]
            logger.info("continuing from %s, epoch %d", path.name, self.trial.epoch)
            return

    def _save(self, directory: Place) -> None:
        from trainables import checkpoints

        try:
            checkpoints.save(directory, self.trial.state(), self.trial.epoch)
        except (OSError, RuntimeError) as error:  # torch's own writer says RuntimeError when the disk is full
            logger.warning("cannot save a checkpoint at epoch %d (%s); trying again later", self.trial.epoch, error)
            self._next_attempt = time.monotonic() + SAVE_AGAIN_SECONDS
        else:
            self._saved_at = time.monotonic()
        if self._log is not None:
            self._log.send()

    def save_checkpoint(self, checkpoint_dir: str) -> None:
        """Ray's own hook: the same state in one file of the directory Ray gives."""
        from trainables import checkpoints

        checkpoints.save_file(Path(checkpoint_dir) / CHECKPOINT_NAME, self.trial.state())

    def load_checkpoint(self, checkpoint: str) -> None:
        """Ray's own hook: continue from a directory written by `save_checkpoint`."""
        from trainables import checkpoints

        self.trial.load(checkpoints.load_file(Path(checkpoint) / CHECKPOINT_NAME))

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Take another configuration in the same process: the imports and the dataset stay, everything else goes."""
        self.cleanup()
        self.setup(new_config)
        return True

    def cleanup(self) -> None:
        """Free the models and close the log."""
        import gc

        import torch

        log = self.__dict__.pop("_log", None)
        if log is not None:
            log.close()
        self.__dict__.pop("trial", None)  # absent when the set-up itself failed
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()

    @classmethod
    def default_resource_request(cls, config: dict[str, Any]) -> tune.PlacementGroupFactory:
        """The CPUs and GPUs of the assignment; one CPU without one."""
        assignment = config.get("trial") or {}
        bundle = {"CPU": float(assignment.get("cpus", 1.0)), "GPU": float(assignment.get("gpus", 0.0))}
        return tune.PlacementGroupFactory([{name: amount for name, amount in bundle.items() if amount > 0}])


class BlurTrainable(ReplicatedTrainable):
    """A trial of the blur family."""

    family = "blur"


class OnlineNormTrainable(ReplicatedTrainable):
    """A trial of the online_norm family."""

    family = "online_norm"


class DeconvTrainable(ReplicatedTrainable):
    """A trial of the deconv family."""

    family = "deconv"


class BNOnlyTrainable(ReplicatedTrainable):
    """A trial of the bn_only family."""

    family = "bn_only"


class ImageNetTrainable(ReplicatedTrainable):
    """A trial of the imagenet family."""

    family = "imagenet"


# family name -> its Trainable
TRAINABLES: dict[str, type[ReplicatedTrainable]] = {
    cls.family: cls for cls in (BlurTrainable, OnlineNormTrainable, DeconvTrainable, BNOnlyTrainable, ImageNetTrainable)
}


def _gpus_given() -> float:
    """GPUs that Ray gave this worker: it no longer hides the others. Outside of Ray, whatever there is."""
    if not ray.is_initialized():
        return 1.0
    return float(len(ray.get_runtime_context().get_accelerator_ids().get("GPU", ())))
