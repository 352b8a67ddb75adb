"""Can this process write to a place: tried, not guessed from permissions."""

from __future__ import annotations

import secrets
import tempfile
from pathlib import Path

from trainables.storage.place import Place


def probe(place: Place) -> None:
    """Write something to a place and remove it again; OSError (for S3 a `StorageError`) where that fails.

    A folder that does not exist yet is not made: the nearest one above it that exists is tried.
    """
    if isinstance(place, Path):
        existing = next(path for path in (place, *place.parents) if path.exists())
        with tempfile.TemporaryFile(dir=existing):
            return
    trial = place / f".probe-{secrets.token_hex(8)}"
    trial.write_bytes(b"")
    trial.unlink()
