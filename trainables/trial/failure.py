"""The failure of a replicate as it is recorded; a full card is told from it, since that is the failure of its trial."""

from __future__ import annotations

import traceback
from typing import Any

from trainables.process.out_of_memory import OutOfMemory, is_out_of_memory

TRACEBACK_LENGTH = 4000  # characters kept of a traceback: its end says what happened


def recorded(
    index: int, epoch: int, error: BaseException, *, finite: bool, message: str | None = None
) -> dict[str, Any]:
    """What is kept of an error that is being handled, of the replicate `index` at a 0-based epoch.

    `message` is the error by default. Raises `OutOfMemory` from an error that says so.
    """
    if is_out_of_memory(error):
        raise OutOfMemory(f"replicate {index} at epoch {epoch + 1}: {error}") from error
    return {
        "replicate": index,
        "epoch": epoch + 1,
        "kind": "raised" if finite else "non-finite",
        "message": message or f"{type(error).__name__}: {error}",
        "traceback": trace(),
    }


def trace() -> str:
    """The end of the traceback of the error that is being handled."""
    return traceback.format_exc()[-TRACEBACK_LENGTH:]
