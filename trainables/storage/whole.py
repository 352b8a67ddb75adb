"""Files that appear whole or not at all, on a disk and on S3."""

from __future__ import annotations

import contextlib
import glob
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from trainables.storage import temporary
from trainables.storage.place import Place


@contextlib.contextmanager
def whole(place: Place) -> Iterator[IO[bytes]]:
    """A binary file to write; what was written is at `place` once the block has ended, and nothing if an error ends it.

    On a disk it has a temporary name beside its own until it is flushed, and what killed processes of this machine left
    under such names is removed; on S3 it is one upload.
    """
    if not isinstance(place, Path):
        with tempfile.TemporaryFile() as copy:
            yield copy
            copy.seek(0)
            place.upload(copy)
        return
    unfinished = unfinished_name(place)
    try:
        with unfinished.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(place)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise
    with contextlib.suppress(OSError):
        for left_by_a_kill in place.parent.glob(f".{glob.escape(place.name)}.*.tmp"):
            if temporary.owner_is_dead(left_by_a_kill.name):
                left_by_a_kill.unlink()


def unfinished_name(path: Path) -> Path:
    """Where this process writes a file before it is whole."""
    return path.with_name(f".{path.name}.{temporary.mark()}.tmp")
