"""Checkpoints of a trial on disk: written whole or not at all, read back without running code, the newest good one first."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

logger = logging.getLogger(__name__)

KEEP = 2  # the newest, and the one before it in case the newest cannot be read


def save(directory: Path, state: dict[str, Any], epoch: int) -> Path:
    """Write `checkpoint_EPOCH.pt` under a temporary name, rename it into place, and drop all but the newest two."""
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / f"checkpoint_{epoch:06d}.pt"
    save_file(path, state)
    for old in sorted(directory.glob("checkpoint_*.pt"))[:-KEEP]:
        old.unlink(missing_ok=True)
    return path


def save_file(path: Path, state: dict[str, Any]) -> None:
    """Write a state to one file: temporary name, flush to the disk, rename."""
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


def load_file(path: Path) -> dict[str, Any]:
    """Read a state onto the CPU; only tensors and plain containers are accepted, never code."""
    state = torch.load(path, map_location="cpu", weights_only=True)
    if not isinstance(state, dict):
        raise ValueError(
            f"{path} holds a {type(state).__name__}, but a checkpoint is a dictionary; it is not one of ours"
        )
    return state


def newest_first(directory: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    """The readable checkpoints of a trial, newest first; an unreadable one is reported in the log and skipped."""
    found = [path for path in directory.glob("checkpoint_*.pt") if re.fullmatch(r"checkpoint_\d+\.pt", path.name)]
    for path in sorted(found, reverse=True):
        try:
            state = load_file(path)
        except Exception as error:  # torn, empty, another format: whatever is wrong with it, the one before may be fine
            logger.warning(
                "cannot read checkpoint %s (%s: %s); trying the one before", path, type(error).__name__, error
            )
            continue
        yield path, state
