"""Training that does not begin from a seed alone: from a checkpoint of ours or of others, or from torchvision's weights."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, cast

import torch

from trainables import checkpoints
from trainables.trial import state_form
from trainables.trial.replicate import Replicate

if TYPE_CHECKING:
    from trainables.trial.lockstep import LockStep


def resume_from(trial: LockStep, path: str | Path) -> None:
    """Continue a trial's own checkpoint, or let every replicate begin from the weights of any other.

    A trial that goes on may have a larger budget than the one it was saved under.

    Raises:
        ValueError: no such file, a checkpoint of another trial, or weights of another network.
    """
    state = checkpoints.read_foreign(Path(path))
    if "history" in state and "replicates" in state:
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
    for replicate in _living(trial):
        checkpoints.load_weights(replicate.model, state, name=str(path))


def start_pretrained(trial: LockStep) -> None:
    """Let every replicate begin from torchvision's ImageNet weights, its last layer excepted where classes differ.

    Raises:
        ValueError: torchvision has no weights of this network, they are not on this machine, or they do not fit.
    """
    arch = trial.family.pretrained(trial.config)
    state = checkpoints.read_foreign(_file(arch))
    for replicate in _living(trial):
        mine = replicate.model.state_dict()
        last = {name: mine[name] for name in list(mine)[-2:] if name in state and state[name].shape != mine[name].shape}
        checkpoints.load_weights(replicate.model, state | last, name=f"torchvision's {arch}")


def _living(trial: LockStep) -> list[Replicate]:
    """The replicates that did not fail, of a trial that trains them in this process."""
    return [cast(Replicate, member) for member in trial.replicates if member.failure is None]


def _file(arch: str) -> Path:
    """Where torch keeps torchvision's weights once they have been downloaded."""
    from torchvision.models import get_model_weights

    try:
        weights = next(iter(get_model_weights(arch)))
    except (ValueError, StopIteration):
        raise ValueError(f"torchvision has no weights of {arch or 'this network'}; leave --pretrained out") from None
    path = Path(torch.hub.get_dir()) / "checkpoints" / Path(weights.url).name
    if not path.is_file():
        raise ValueError(f"torchvision's weights of {arch} are not on this machine; put {path.name} into {path.parent}")
    return path
