"""Waiting for a storage that does not answer, where going on without an answer would be worse."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import TypeVar

from trainables.storage.s3path import StorageError

logger = logging.getLogger("trainables")

PATIENCE = 1800.0  # seconds
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 30.0  # between two attempts

Answer = TypeVar("Answer")


def patiently(ask: Callable[[], Answer]) -> Answer:
    """The answer of a call, tried again with growing pauses while it raises `StorageError`; the error after `PATIENCE`."""
    end, pause = time.monotonic() + PATIENCE, _FIRST_PAUSE
    while True:
        try:
            return ask()
        except StorageError as error:
            if time.monotonic() >= end:
                raise
            logger.warning("%s; trying again in %g s", error, pause)
            time.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)
