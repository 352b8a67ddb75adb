"""Waiting for a storage that does not answer, longer before each further attempt."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import TypeVar

from trainables.storage.s3path import StorageError

logger = logging.getLogger("trainables")

PATIENCE = 1800.0  # seconds that whoever needs the storage waits for it
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 30.0  # between two attempts

Answer = TypeVar("Answer")


def longer(pause: float) -> float:
    """Seconds before the next attempt, after one that waited for `pause`: the first waits for 0."""
    return min(2 * pause or _FIRST_PAUSE, _LONGEST_PAUSE)


def patiently(ask: Callable[[], Answer]) -> Answer:
    """The answer of a call, tried again with growing pauses while it raises `StorageError`; the error after `PATIENCE`."""
    end, pause = time.monotonic() + PATIENCE, 0.0
    while True:
        try:
            return ask()
        except StorageError as error:
            if time.monotonic() >= end:
                raise
            pause = longer(pause)
            logger.warning("%s; trying again in %g s", error, pause)
            time.sleep(pause)
