"""Checkpoints on disk: written whole or not at all, read back without running code; weights of others taken over."""

from __future__ import annotations

import json
import logging
import os
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from trainables.config.wording import some
from trainables.storage import Place, StorageError, local_copy

logger = logging.getLogger(__name__)

PREFIX = "module."  # what torch's data-parallel wrappers put before every name
WRAPPINGS = ("state_dict", "model_state_dict", "model", "net")  # where published checkpoints keep the weights
KEEP = 2  # the newest, and the one before it in case the newest cannot be read


def save(directory: Place, state: dict[str, Any], epoch: int) -> Place:
    """Write `checkpoint_EPOCH.pt` and drop all but the newest two; OSError when the storage does not take it."""
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / f"checkpoint_{epoch:06d}.pt"
    save_file(path, state)
    for old in _oldest_first(directory)[:-KEEP]:
        old.unlink(missing_ok=True)
    return path


def save_file(path: Place, state: dict[str, Any]) -> None:
    """Write a state whole or not at all; on a disk: temporary name, flush, rename."""
    if not isinstance(path, Path):
        with tempfile.TemporaryFile() as copy:
            torch.save(state, copy)
            copy.seek(0)
            path.upload(copy)
        return
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            torch.save(state, file)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    for left_by_a_kill in path.parent.glob("checkpoint*.tmp"):
        left_by_a_kill.unlink(missing_ok=True)


def load_file(path: Place) -> dict[str, Any]:
    """Read a state onto the CPU; only tensors and plain containers are accepted, never code."""
    with local_copy(path) as file:
        state = torch.load(file, map_location="cpu", weights_only=True)
    if not isinstance(state, dict):
        raise ValueError(
            f"{path} holds a {type(state).__name__}, but a checkpoint is a dictionary; it is not one of ours"
        )
    return state


def newest_first(directory: Place) -> Iterator[tuple[Place, dict[str, Any]]]:
    """The readable checkpoints of a trial, newest first; an unreadable one is reported in the log and skipped.

    Raises:
        StorageError: the storage does not answer, so nobody knows what is readable there.
    """
    for path in reversed(_oldest_first(directory)):
        try:
            state = load_file(path)
        except StorageError:
            raise  # older checkpoints would not be better, only farther back
        except Exception as error:  # torn, empty, another format: whatever is wrong with it, the one before may be fine
            logger.warning(
                "cannot read checkpoint %s (%s: %s); trying the one before", path, type(error).__name__, error
            )
            continue
        yield path, state


def load_weights(
    model: nn.Module, source: str | Path | dict[str, Any], replicate: int = 0, name: str = "the checkpoint"
) -> None:
    """Put the weights of a checkpoint, ours or a foreign one, into a model; the model is untouched when they do not fit.

    A dictionary around the weights (with optimizer, epoch, ...) is unwrapped, the prefix `module.` is removed where
    every name has it and added where the model is wrapped itself. Only tensors and plain containers are read.

    Args:
        model: built for these weights.
        source: a file, or what it holds.
        replicate: which one, of a trial's checkpoint.
        name: what errors call a dictionary; a file is called by its path.

    Raises:
        ValueError: no such file, not a checkpoint, no such replicate, or weights of another network; the sentence lists
            what is missing, what is unexpected and what has another shape.
    """
    name, state = (name, source) if isinstance(source, dict) else (str(source), read_foreign(Path(source)))
    weights = _unwrapped(name, state, replicate)
    mine = model.state_dict()
    if mine and all(key.startswith(PREFIX) for key in mine):
        weights = {PREFIX + key: tensor for key, tensor in weights.items()}
    complaints = [
        f"{what}: {some(keys)}"
        for what, keys in (
            ("missing", [key for key in mine if key not in weights]),
            ("unexpected", [key for key in weights if key not in mine]),
            (
                "of another shape",
                [_shapes(key, weights[key], mine[key]) for key in mine if _differ(weights, mine, key)],
            ),
        )
        if keys
    ]
    if complaints:
        raise ValueError(
            f"{name} holds the weights of another network ({'; '.join(complaints)}); build the one it was trained with"
        )
    model.load_state_dict(weights)


def read_foreign(path: Path) -> dict[str, Any]:
    """What a file holds, ours or not, as tensors and plain containers; `ValueError` in one sentence otherwise."""
    if not path.is_file():
        raise ValueError(f"there is no checkpoint {path}; give the file of a checkpoint or of a state dictionary")
    try:
        return _safetensors(path) if path.suffix == ".safetensors" else load_file(path)
    except ValueError:
        raise
    except Exception as error:  # torch's reader raises nearly anything at a damaged file, pickle's at one with code
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise ValueError(
            f"{path} cannot be read as tensors and plain containers ({reason}); save the model's state_dict() alone"
        ) from error


def _safetensors(path: Path) -> dict[str, Any]:
    """The tensors under `state_dict`; of exported weights also `family` and `config`."""
    from safetensors import safe_open

    with safe_open(path, framework="pt") as file:
        metadata = file.metadata() or {}
        state: dict[str, Any] = {"state_dict": {name: file.get_tensor(name) for name in file.keys()}}  # noqa: SIM118
    if metadata.keys() >= {"family", "config"}:
        try:
            config = json.loads(metadata["config"])
        except (ValueError, RecursionError):
            raise ValueError(f"{path} says a `config` that is no JSON; export the weights again") from None
        state |= {"family": metadata["family"], "config": config}
    return state


def _unwrapped(name: str, state: dict[str, Any], replicate: int) -> dict[str, Tensor]:
    """The names and tensors inside, without `module.`."""
    if "replicates" in state:
        state = _replicate(name, state["replicates"], replicate)
    while (key := next((key for key in WRAPPINGS if isinstance(state.get(key), dict)), None)) is not None:
        state = state[key]
    weights = {key: tensor for key, tensor in state.items() if isinstance(tensor, Tensor)}
    if not weights or len(weights) < len(state):
        raise ValueError(
            f"{name} holds no state dictionary (its entries: {some(list(state))}); save model.state_dict()"
        )
    if all(key.startswith(PREFIX) for key in weights):
        weights = {key.removeprefix(PREFIX): tensor for key, tensor in weights.items()}
    return weights


def _replicate(name: str, replicates: list[dict[str, Any]], index: int) -> dict[str, Any]:
    if not 0 <= index < len(replicates):
        raise ValueError(f"{name} has the replicates 0 to {len(replicates) - 1}, but {index} was asked for")
    if replicates[index]["failure"] is not None:
        raise ValueError(f"replicate {index} of {name} failed and has no weights; choose another one")
    return replicates[index]


def _differ(theirs: dict[str, Tensor], mine: dict[str, Tensor], key: str) -> bool:
    return key in theirs and theirs[key].shape != mine[key].shape


def _shapes(key: str, theirs: Tensor, mine: Tensor) -> str:
    return f"{key} {tuple(theirs.shape)} instead of {tuple(mine.shape)}"


def _oldest_first(directory: Place) -> list[Place]:
    found = [path for path in directory.glob("checkpoint_*.pt") if re.fullmatch(r"checkpoint_\d+\.pt", path.name)]
    return sorted(found, key=lambda path: path.name)
