"""A piece of a trial's log, from where the last one ended: so that a page can follow it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from tuner.records.paths import ExperimentPaths

_PIECE = 64 * 1024  # bytes at a time


def piece(paths: ExperimentPaths, trial: int, start: int | None) -> dict[str, Any]:
    """What the log of a trial says from a byte on, in whole lines where there are any.

    Args:
        start: a byte, the `next` of the piece before; None for the last 64 KiB. Beyond the end, as after a log that was
            begun anew, it is taken as 0.

    Returns:
        `text`; `next`, the byte from which to go on; `size` of the log in bytes (None: there is no log yet). OSError where
        it cannot be read.
    """
    place = paths.trial_log(trial)
    try:
        if isinstance(place, Path):
            with place.open("rb") as file:
                size = os.fstat(file.fileno()).st_size
                begin = _begin(start, size)
                file.seek(begin)
                read = file.read(_PIECE)
        else:
            data = place.read_bytes()
            size = len(data)
            begin = _begin(start, size)
            read = data[begin : begin + _PIECE]
    except FileNotFoundError:
        return {"text": "", "next": 0, "size": None}
    if start is None and begin > 0:
        skipped = read.find(b"\n") + 1  # the line in whose middle it would begin
        begin, read = begin + skipped, read[skipped:]
    whole = read.rfind(b"\n") + 1 or (len(read) if len(read) == _PIECE else 0)
    return {"text": read[:whole].decode(errors="replace"), "next": begin + whole, "size": size}


def _begin(start: int | None, size: int) -> int:
    if start is None:
        return max(0, size - _PIECE)
    return start if start <= size else 0
