"""Checkpoints on disk: written whole or not at all, read back without running code unless they are of a user's own code."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from trainables import statistics
from trainables.storage import Place, StorageError, local_copy, whole

if TYPE_CHECKING:
    from trainables.models.foreign.weights import load_weights

__all__ = ["BEST", "KEEP", "is_best", "load_file", "load_weights", "newest_first", "save", "save_file"]

logger = logging.getLogger(__name__)

KEEP = 2  # the newest, and the one before it in case the newest cannot be read
BEST = "best.pt"  # beside them, where it is kept: of the epoch with the best median so far


def save(directory: Place, state: dict[str, Any], epoch: int) -> Place:
    """Write `checkpoint_EPOCH.pt` and drop all but the newest two; OSError when the storage does not take it."""
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / f"checkpoint_{epoch:06d}.pt"
    save_file(path, state)
    for old in _oldest_first(directory)[:-KEEP]:
        old.unlink(missing_ok=True)
    if isinstance(directory, Path):  # a trial has one writer, so nobody else is writing what bears a temporary name
        for left_by_a_kill in directory.glob("*checkpoint*.tmp"):
            left_by_a_kill.unlink(missing_ok=True)
    return path


def is_best(history: Sequence[Mapping[str, Any]], metric: str, mode: str | None = None) -> bool:
    """Whether the newest epoch has a better median of the metric, whose name says its mode by default, than every one before
    it of as many seeds."""
    if statistics.is_late(history[-1]):  # of seeds that catch up: no median of the trial
        return False
    seeds = len(history[-1].get(f"{metric}_values", ()))
    alike = [one for one in history if not statistics.is_late(one) and len(one.get(f"{metric}_values", ())) == seeds]
    return statistics.improves([result[metric] for result in alike], mode or statistics.mode_of(metric))


def save_file(path: Place, state: dict[str, Any]) -> None:
    """Write a state whole or not at all."""
    with whole(path) as file:
        _write(state, file)


def _write(state: dict[str, Any], file: IO[bytes]) -> None:
    if state.get("own"):
        from trainables.config.own import state as own_state

        file.write(own_state.packed(state))
        return
    import torch

    torch.save(state, file)


def load_file(path: Place, *, own: bool = False) -> dict[str, Any]:
    """Read a state onto the CPU; only tensors and plain containers are accepted, never code.

    `own`: it is of a user's own code, and so may run code (see `trainables.config.own.state`).
    """
    with local_copy(path) as file:
        state = _read(Path(file), own)
    if not isinstance(state, dict):
        raise ValueError(
            f"{path} holds a {type(state).__name__}, but a checkpoint is a dictionary; it is not one of ours"
        )
    return state


def _read(file: Path, own: bool) -> Any:
    if own:
        from trainables.config.own import state as own_state

        return own_state.unpacked(file.read_bytes())
    import torch

    return torch.load(file, map_location="cpu", weights_only=True)


def __getattr__(name: str) -> Any:
    """`load_weights`, which needs torch and the networks that others saved."""
    if name == "load_weights":
        from trainables.models.foreign.weights import load_weights

        return load_weights
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def newest_first(directory: Place, *, own: bool = False) -> Iterator[tuple[Place, dict[str, Any]]]:
    """The readable checkpoints of a trial, newest first; an unreadable one is reported in the log and skipped.

    Raises:
        StorageError: the storage does not answer, so nobody knows what is readable there.
    """
    for path in reversed(_oldest_first(directory)):
        try:
            state = load_file(path, own=own)
        except StorageError:
            raise  # older checkpoints would not be better, only farther back
        except Exception as error:  # torn, empty, another format: whatever is wrong with it, the one before may be fine
            reason = str(error).partition("\n")[0] if isinstance(error, OSError) else "it is torn, or not one of ours"
            logger.warning("cannot read checkpoint %s (%s); trying the one before", path, reason)
            continue
        yield path, state


def _oldest_first(directory: Place) -> list[Place]:
    found = [path for path in directory.glob("checkpoint_*.pt") if re.fullmatch(r"checkpoint_\d+\.pt", path.name)]
    return sorted(found, key=lambda path: path.name)
