"""Training of others gone on with: epoch and optimizer of their checkpoint, where both fit this configuration."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from trainables import optim
from trainables.models.foreign import weights as foreign_weights
from trainables.trial.replicate import Replicate

if TYPE_CHECKING:
    from trainables.trial.lockstep import LockStep

logger = logging.getLogger("trainables")

OPTIMIZERS = ("optimizer", "optimizer_state_dict", "optim", "optimizer_state")
SCHEDULERS = ("scheduler", "lr_scheduler", "scheduler_state_dict")
PLATEAU = "plateau"  # the one schedule of ours that is no function of the epoch
# What an optimizer remembers of every parameter, besides a momentum.
_MEMORY = {
    torch.optim.SGD: frozenset(),
    torch.optim.RMSprop: frozenset({"step", "square_avg"}),
    torch.optim.Adam: frozenset({"step", "exp_avg", "exp_avg_sq"}),
    torch.optim.AdamW: frozenset({"step", "exp_avg", "exp_avg_sq"}),
}
_MOMENTUM = "momentum_buffer"
_SETTINGS = ("momentum", "weight_decay", "betas", "alpha")


def begin(trial: LockStep, replicates: list[Replicate], state: dict[str, Any], name: str) -> None:
    """Let the replicates begin from the weights of a foreign checkpoint, and go on after its epoch where all of it fits.

    What was not taken is told in one sentence.

    Raises:
        ValueError: weights of another network, or a checkpoint with as many epochs behind it as the budget has.
    """
    told = {foreign_weights.load_weights(replicate.model, state, name=name) for replicate in replicates} - {None}
    for sentence in told:
        logger.warning("%s", sentence)
    optimizer = next((state[key] for key in OPTIMIZERS if _is_optimizer(state.get(key))), None)
    epochs = _epochs(state)
    if optimizer is None or epochs is None:
        return
    taken = (
        *foreign_weights.WRAPPINGS,
        *OPTIMIZERS,
        "epoch",
        *(SCHEDULERS if trial.config.lr_schedule == PLATEAU else ()),
    )
    others = ", ".join(key for key in state if key not in taken)
    try:
        memories = [_memory(trial, replicate, state, optimizer, epochs, name) for replicate in replicates]
        followed = _plateau(trial.config, state) if trial.config.lr_schedule == PLATEAU else None
    except Misfit as reason:
        logger.warning(
            "%s: training begins at epoch 1 from its weights; not taken: epoch, optimizer (%s)", name, reason
        )
        return
    if epochs >= trial.config.epochs:
        raise ValueError(
            f"{name} has {epochs} epochs behind it, but the budget is {trial.config.epochs}; raise --epochs"
        )
    for replicate, memory in zip(replicates, memories, strict=True):
        if followed is not None:
            replicate.optimizer.param_groups[0][optim.PLATEAU_MEMORY] = followed
            for group in replicate.optimizer.param_groups:
                group["lr"] = optimizer["param_groups"][0]["lr"]
        for parameter, values in memory.items():
            replicate.optimizer.state[parameter] = values
    trial.epoch = epochs
    logger.warning("%s: training goes on after its epoch %d; not taken: %s", name, epochs, others or "nothing else")


class Misfit(Exception):
    """Why the optimizer of a checkpoint is not taken, in words."""


def _epochs(state: Mapping[str, Any]) -> int | None:
    """Epochs a checkpoint has behind it; torchvision's own scripts keep the number of the last one, from 0."""
    epoch = state.get("epoch")
    if not isinstance(epoch, int) or isinstance(epoch, bool):
        return None
    counted_from_0 = {"lr_scheduler", "args"} <= state.keys()
    return epoch + counted_from_0 if epoch + counted_from_0 > 0 else None


def _is_optimizer(value: Any) -> bool:
    return isinstance(value, dict) and isinstance(value.get("state"), dict) and bool(value.get("param_groups"))


def _memory(
    trial: LockStep, replicate: Replicate, state: dict[str, Any], theirs: dict[str, Any], epochs: int, name: str
) -> dict[Tensor, dict[str, Any]]:
    """For each parameter what their optimizer remembers of it."""
    optimizer, groups = replicate.optimizer, theirs["param_groups"]
    required = _MEMORY.get(type(optimizer))
    if required is None:
        raise Misfit(f"of {type(optimizer).__name__} nothing can be taken")
    _require_settings(trial, optimizer, groups[0], epochs)
    parameters = dict(replicate.model.named_parameters())
    ours = _our_names(replicate, state, name)
    in_their_order = [parameters[key] for key in ours if key in parameters]
    keys = [key for group in groups for key in group["params"]]
    if len(keys) != len(in_their_order) or len(parameters) != len(keys):
        raise Misfit(f"it has {len(keys)} parameters, the network {len(parameters)}")
    found: dict[Tensor, dict[str, Any]] = {}
    for key, parameter in zip(keys, in_their_order, strict=True):
        values = {kind: value for kind, value in theirs["state"].get(key, {}).items() if value is not None}
        wrong = [kind for kind, value in values.items() if _is_of_values(value) and value.shape != parameter.shape]
        if wrong or values.keys() - {_MOMENTUM} != required or (_MOMENTUM in values and not _has_momentum(optimizer)):
            raise Misfit(
                f"it remembers {', '.join(map(str, values)) or 'nothing'}, which is not {type(optimizer).__name__}'s"
            )
        found[parameter] = {kind: _placed(value, parameter) for kind, value in values.items()}
    return found


def _require_settings(trial: LockStep, optimizer: torch.optim.Optimizer, theirs: dict[str, Any], epochs: int) -> None:
    """The learning rate of the epoch before or after, and what else decides a step."""
    own = optimizer.param_groups[0]
    for setting in _SETTINGS:
        if setting in own and setting in theirs and not _alike(own[setting], theirs[setting]):
            raise Misfit(f"its {setting} is {theirs[setting]}, this configuration's {own[setting]}")
    if trial.config.lr_schedule == PLATEAU:
        return
    rates = [trial.family.learning_rate_at(trial.config, epoch) for epoch in (epochs - 1, epochs)]
    rate = theirs.get("lr")
    least, most = min(rates), max(rates)  # what lies between is that of a batch within the epoch
    if not isinstance(rate, float | int) or not least * 0.999 - 1e-12 <= rate <= most * 1.001 + 1e-12:
        raise Misfit(f"its learning rate after {epochs} epochs is {rate}, this configuration's {rates[0]:g}")


def _plateau(config: Any, state: Mapping[str, Any]) -> tuple[float, int]:
    """The best value of the metric so far, and the epochs since, of a schedule that follows it as ours does."""
    theirs: dict[str, Any] = next((state[key] for key in SCHEDULERS if isinstance(state.get(key), dict)), {})
    if not {"best", "num_bad_epochs"} <= theirs.keys():
        raise Misfit("it holds no schedule that follows a metric, as lr_schedule=plateau does")
    mode = optim.PLATEAU_MODES[config.plateau_metric]
    for setting, own in (("mode", mode), ("patience", config.plateau_patience), ("factor", config.lr_factor)):
        if theirs.get(setting, own) != own:
            raise Misfit(f"the {setting} of its schedule is {theirs[setting]}, this configuration's {own}")
    best = float(theirs["best"])
    in_percent = mode == "max" and best > 1
    return best / 100 if in_percent else best, int(theirs["num_bad_epochs"])


def _our_names(replicate: Replicate, state: dict[str, Any], name: str) -> list[str]:
    """Our names of their tensors, in their order: that of definition, which is how an optimizer numbers parameters."""
    theirs = foreign_weights.unwrapped(name, state)
    weights, _ = foreign_weights.with_names_of(replicate.model.state_dict(), theirs)
    ours = {id(tensor): key for key, tensor in weights.items()}
    return [ours[id(tensor)] for tensor in theirs.values() if id(tensor) in ours]


def _is_of_values(value: Any) -> bool:
    """Whether it is a tensor with a number for each of a parameter, unlike a count of steps."""
    return isinstance(value, Tensor) and value.dim() > 0


def _has_momentum(optimizer: torch.optim.Optimizer) -> bool:
    return bool(optimizer.param_groups[0].get("momentum", 0))


def _alike(own: Any, theirs: Any) -> bool:
    pairs = zip(own, theirs, strict=False) if isinstance(own, tuple | list) else [(own, theirs)]
    return all(math.isclose(float(a), float(b), rel_tol=1e-6) for a, b in pairs)


def _placed(value: Any, parameter: Tensor) -> Any:
    """A value where the optimizer wants it: beside the parameter, counts as tensors."""
    if _is_of_values(value):
        return value.detach().clone().to(parameter)
    return value.clone() if isinstance(value, Tensor) else torch.tensor(float(value))
