"""Training that does not begin from a seed alone: from a checkpoint of ours or of others, or from torchvision's weights."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, cast

from trainables.models.foreign import files as foreign_files
from trainables.trial import foreign_training, init_from, state_form
from trainables.trial.replicate import Replicate

if TYPE_CHECKING:
    from trainables.trial.lockstep import LockStep


def resume_from(trial: LockStep, path: str | Path) -> None:
    """Continue a trial's own checkpoint, or let every replicate begin from any other.

    A trial that goes on may have a larger budget than the one it was saved under. A checkpoint of others that holds an
    epoch and an optimizer is gone on with where both fit; see `trainables.trial.foreign_training`.

    Raises:
        ValueError: no such file, a checkpoint of another trial, or weights of another network.
    """
    state = foreign_files.read(Path(path))
    if isinstance(state.get("config"), dict) and {"history", "replicates", "epoch", "seed"} <= state.keys():
        state_form.require_trial(str(path), state)
        config = dict(state["config"])
        if trial.config.epochs >= config.get("epochs", 0):
            config["epochs"] = trial.config.epochs
        try:
            trial.load({**state, "config": config})
        except (LookupError, TypeError, AttributeError, RuntimeError) as error:
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            raise ValueError(f"{path} does not hold a whole trial ({reason}); give another checkpoint") from None
        return
    foreign_training.begin(trial, _living(trial), state, str(path))


def start_pretrained(trial: LockStep) -> None:
    """Let every replicate begin from torchvision's ImageNet weights, its last layer excepted where classes differ.

    Raises:
        ValueError: torchvision has no weights of this network, they are not on this machine, or they do not fit.
    """
    arch = trial.family.pretrained(trial.config)
    state = foreign_files.read(init_from.torchvision_file(trial.config))
    for replicate in _living(trial):
        init_from.begin(replicate.model, state, f"torchvision's {arch}")


def _living(trial: LockStep) -> list[Replicate]:
    """The replicates that did not fail, of a trial that trains them in this process."""
    return [cast(Replicate, member) for member in trial.replicates if member.failure is None]
