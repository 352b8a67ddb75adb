"""Stopping a search without losing anything: a file that asks for it, and Ctrl-C that makes the file.

A trial looks for the file after each epoch, checkpoints and ends. So the same request works from the terminal that runs
the search, from another one (`tuner stop`) and from any machine that shares the storage.
"""

from __future__ import annotations

import contextlib
import itertools
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

_LOOK_EVERY = 0.5  # seconds between two looks at the file: the storage may be remote


class StopRequest:
    """The request to stop one experiment."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._looked = -_LOOK_EVERY
        self._made = False

    def make(self) -> None:
        """Ask the search to stop after the epochs that are running."""
        self._path.touch()
        self._made = True

    def withdraw(self) -> None:
        """Forget an earlier request."""
        self._path.unlink(missing_ok=True)
        self._made = False

    def is_made(self) -> bool:
        """Whether somebody asked."""
        now = time.monotonic()
        if not self._made and now - self._looked >= _LOOK_EVERY:
            self._looked = now
            self._made = self._path.exists()
        return self._made


@contextlib.contextmanager
def on_signal(request: StopRequest) -> Iterator[None]:
    """Within the block the first Ctrl-C (or SIGTERM) makes the request, the second raises KeyboardInterrupt.

    The handler prints nothing: it may have interrupted whoever holds the terminal's lock.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread may handle signals; whoever runs us in another one stops us through the file
        return

    signals = itertools.count(1)

    def handle(number: int, frame: FrameType | None) -> None:
        if next(signals) > 1:
            raise KeyboardInterrupt
        request.make()

    former = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)
