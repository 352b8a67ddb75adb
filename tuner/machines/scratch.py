"""The folder for Ray's own files while a session runs: on the driver's disk, never read again."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from tuner.errors import BadInput, sentence
from tuner.records import leftovers
from tuner.records.paths import ExperimentPaths


def require(paths: ExperimentPaths) -> None:
    """BadInput when the folder could not be made, before anything is started."""
    scratch = paths.scratch
    if scratch.is_symlink() or scratch.exists():
        if not scratch.is_dir() or scratch.is_symlink():
            raise _taken(scratch, "there is something of that name that is no folder")
        if scratch.stat().st_uid != os.getuid():
            raise _taken(scratch, "it belongs to another user")
    elif not os.access(scratch.parent, os.W_OK | os.X_OK):
        raise _taken(scratch, "nothing can be written there")


@contextlib.contextmanager
def made(paths: ExperimentPaths) -> Iterator[Path]:
    """The folder, empty and readable by this user alone, for the time of the block."""
    require(paths)
    scratch = paths.scratch
    shutil.rmtree(scratch, ignore_errors=True)  # of a session that was killed: this one holds its lock
    try:
        scratch.mkdir(mode=0o700)
        leftovers.sign(scratch)
    except OSError as error:
        raise _taken(scratch, sentence(error)) from None
    try:
        yield scratch
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _taken(scratch: Path, reason: str) -> BadInput:
    return BadInput(
        f"Ray's own files cannot be kept in {scratch} ({reason}); remove what is there, or set TMPDIR to a folder that can be "
        "written"
    )
