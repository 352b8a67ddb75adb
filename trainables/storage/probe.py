"""Can this process write to a place: tried, not guessed from permissions."""

from __future__ import annotations

import secrets
import tempfile
from pathlib import Path

from trainables.storage import temporary
from trainables.storage.place import Place
from trainables.storage.s3path import Conflict, StorageError


def probe(place: Place) -> None:
    """Write something to a place and remove it again; OSError (for S3 a `StorageError`) where that fails.

    A folder that does not exist yet is not made: the nearest one above it that exists is tried. Of S3 it is also asked that
    it honours the condition of a write, on which locks and records rest.
    """
    if isinstance(place, Path):
        existing = next(path for path in (place, *place.parents) if path.exists())
        with tempfile.TemporaryFile(dir=existing):
            return
    trial = place / f".probe-{temporary.mark()}-{secrets.token_hex(8)}"
    trial.replace(b"", None)
    try:
        trial.replace(b"", None)
    except Conflict:
        return
    finally:
        trial.unlink()
    raise StorageError(
        f"the S3 server of {place} ignores the condition of a write (If-None-Match), so two drivers could mix their records; "
        "use one that honours it, or a folder"
    )
