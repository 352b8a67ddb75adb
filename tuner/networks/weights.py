"""The weights of a trial's median replicate, from its last checkpoint or that of its best epoch, as safetensors."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tuner.errors import BadInput
from tuner.networks import kept
from tuner.records import output
from tuner.records.paths import ExperimentPaths
from tuner.results.history import History, Trial
from tuner.results.leaderboard import find


def export_weights(paths: ExperimentPaths, which: str, path: Path | None = None, epoch: str | None = None) -> str:
    """Write the state dict of the median replicate of a trial, given by its number, `best` or `baseline`.

    The file's metadata are strings: family, config (JSON), experiment, trial, seed, replicate, epoch, metric, value, median.

    Args:
        path: of the file; default EXPERIMENT-trial-N.safetensors in the working directory.
        epoch: `last`, or `best` where the trial keeps its best epoch, by the median of the objective; by default the one
            by which the space's published figures are read.

    Returns:
        A sentence that names the file and the replicate.

    Raises:
        BadInput: no such trial, no checkpoint left of it, or a path that cannot be written.
    """
    history = History.load(paths)
    trial = find(history, which)
    target = Path(f"{paths.name}-trial-{trial.index}.safetensors") if path is None else path
    output.require_writable(target)
    from safetensors.torch import save

    _, state = kept.checkpoint_of(paths, history, trial, epoch)
    trained = state["epoch"]
    replicate = median_replicate(history, trial, trained)
    try:
        tensors = _weights(history, state, replicate)
    except (ValueError, LookupError, TypeError, AttributeError, RuntimeError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise BadInput(
            f"the checkpoint of trial {trial.index} at epoch {trained} does not hold its weights ({reason}); choose another trial"
        ) from None
    metadata = {
        "family": str(state["family"]),
        "config": json.dumps(state["config"]),
        "experiment": history.name,
        "trial": str(trial.index),
        "seed": str(state["seed"]),
        "replicate": str(replicate),
        "epoch": str(trained),
        "metric": history.metric,
        "value": repr(trial.values(trained)[replicate]),
        "median": repr(trial.median(trained)),
    }
    written = output.write(target, save(tensors, metadata=metadata))
    which_one = f"replicate {replicate}, the median one, at epoch {trained}{_which(history, trial, trained)}"
    return f"wrote {written}: the weights of {which_one}"


def median_replicate(history: History, trial: Trial, epoch: int) -> int:
    """The living replicate whose objective is nearest to the median at an epoch; the first of several."""
    values, median = trial.values(epoch), trial.median(epoch)
    if median is None:
        raise BadInput(
            f"trial {trial.index} of `{history.name}` has no median at epoch {epoch}, so none of its replicates is the "
            "median one; choose another trial"
        )
    return min(
        (index for index, value in enumerate(values) if value is not None),
        key=lambda index: abs(float(values[index] or 0.0) - median),
    )


def _which(history: History, trial: Trial, epoch: int) -> str:
    """What more there is to say of an epoch that is not the last one."""
    if epoch == trial.last_epoch:
        return ""
    best = trial.best_epoch(history.metric)
    return f", the best one by {history.metric}" if epoch == best else f"; the best one, {best}, could not be kept"


def _weights(history: History, state: dict[str, Any], replicate: int) -> dict[str, Any]:
    """The replicate's state dict, through the family's own way of reading a checkpoint."""
    from trainables.config import earlier
    from trainables.trial.crew import Packed
    from trainables.trial.lockstep import LockStep

    config = earlier.completed(state["family"], state["config"])
    trial = LockStep(state["family"], config, seed=state["seed"], replicates=len(state["replicates"]))
    trial.load(state)
    assert isinstance(trial.crew, Packed)
    model = trial.crew.replicates[replicate].model
    # A tensor of its own for each name: safetensors holds no two names for one memory.
    return {name: tensor.detach().clone().contiguous() for name, tensor in model.state_dict().items()}
