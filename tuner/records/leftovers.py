"""What killed processes left behind, removed by the next session: only what is this user's and known to be dead.

A name that bears a mark (`trainables.storage.temporary`) says whose it is; Ray's scratch folder holds the entry of its
owner. What says neither was left by an older version, and is removed once nothing in it has changed for a day.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from trainables.storage import Place, temporary
from tuner.records.owner import Owner, read_owner
from tuner.records.paths import ExperimentPaths

_FORGOTTEN = 24 * 3600.0  # seconds without a change after which what names no owner counts as left over
_OWNER = "owner"  # in a scratch folder


def clear(paths: ExperimentPaths) -> None:
    """Clear up beside an experiment and in the temporary folder; by the holder of its lock, also in the experiment.

    What cannot be removed stays.
    """
    with contextlib.suppress(OSError):
        for left in [*paths.root.parent.glob(".probe-*"), *paths.root.parent.glob(".*.new")]:
            if _is_left_over(left):
                _remove(left)
    for left in Path(tempfile.gettempdir()).glob(f"tuner-{os.getuid()}-*"):
        if _is_left_over(left):
            _remove(left)
    if isinstance(paths.root, Path):
        with contextlib.suppress(OSError):
            for left in paths.root.glob("*manifest*.tmp"):
                left.unlink(missing_ok=True)
            for stacks in paths.root.glob("trials/*/stacks*.txt"):
                if (
                    stacks.stat().st_size == 0
                ):  # of a worker that was killed in the middle of an epoch, and did not hang
                    stacks.unlink()


def sign(scratch: Path) -> None:
    """Say in a scratch folder that it is this process's."""
    (scratch / _OWNER).write_bytes(Owner().entry())


def _is_left_over(place: Place) -> bool:
    """Whether a temporary file or folder is this user's, and its process known to be gone."""
    dead = temporary.owner_is_dead(place.name)
    if not isinstance(place, Path):
        return bool(dead)
    try:
        if place.lstat().st_uid != os.getuid():
            return False
        if dead is not None:
            return dead
        owner = _owner(place)
        if owner is not None:
            return owner.is_here and not owner.is_alive
        return time.time() - max(path.lstat().st_mtime for path in _tree(place)) > _FORGOTTEN
    except OSError:
        return False


def _owner(folder: Path) -> Owner | None:
    try:
        return read_owner((folder / _OWNER).read_bytes())
    except OSError:
        return None


def _tree(top: Path) -> Iterator[Path]:
    yield top
    if top.is_dir() and not top.is_symlink():
        yield from top.rglob("*")


def _remove(place: Place) -> None:
    if not isinstance(place, Path):
        for part in place.glob("*"):
            part.unlink(missing_ok=True)
        place.unlink(missing_ok=True)
    elif place.is_dir() and not place.is_symlink():
        shutil.rmtree(place, ignore_errors=True)
    else:
        with contextlib.suppress(OSError):
            place.unlink()
