"""Stopping a search without losing anything: a file that asks for it, and Ctrl-C that makes the file.

A trial looks for the file before its first epoch and after each one, checkpoints and ends. So the same request works from
the terminal that runs the search, from another one (`tuner stop`) and from any machine that shares the storage.
"""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

from trainables.storage import Place

_LOOK_EVERY = 0.5  # seconds between two looks at the file
_LOOK_FAR_EVERY = 2.0  # where a look is a request to S3
_LOOK_AGAIN = 30.0  # after a look that failed
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_ONE_CLOSING = 1.0  # seconds within which several signals say that one terminal was closed


class StopRequest:
    """The request to stop one experiment."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._every = _LOOK_EVERY if isinstance(place, Path) else _LOOK_FAR_EVERY
        self._next_look = 0.0
        self._made = False
        self._written = False
        self._failing = False  # the storage, at the last look

    def make(self) -> None:
        """Ask the search to stop after the epochs that are running; OSError if the request cannot be written."""
        self._place.touch()
        self._made = self._written = True

    def intend(self) -> None:
        """Ask from within the driver, maybe from a signal handler: the next `is_made` writes the request."""
        self._made, self._next_look = True, 0.0

    def withdraw(self) -> None:
        """Forget an earlier request."""
        self._place.unlink(missing_ok=True)
        self._made = self._written = False

    def is_made(self, fresh: bool = False) -> bool:
        """Whether somebody asked. A storage that fails is asked again later.

        Args:
            fresh: look now, and not only if the last look was some time ago.
        """
        now = time.monotonic()
        if not self._written and (now >= self._next_look or (fresh and not self._failing)):
            self._next_look = now + self._every
            try:
                if self._made:
                    self.make()
                else:
                    self._made = self._written = self._place.exists()
                self._failing = False
            except OSError:
                self._failing = True
                self._next_look = now + _LOOK_AGAIN
        return self._made


@contextlib.contextmanager
def on_signal(request: StopRequest) -> Iterator[None]:
    """Within the block the first Ctrl-C, SIGTERM or SIGHUP makes the request, the second raises KeyboardInterrupt.

    SIGHUP means that the terminal was closed. Under `nohup` it stays ignored; and since the kernel and the shell may both
    send it, one that follows another signal at once is no second request.
    The handler prints nothing: it may have interrupted whoever holds the terminal's lock.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread may handle signals; whoever runs us in another one stops us through the file
        return

    asked: list[float] = []

    def handle(number: int, frame: FrameType | None) -> None:
        now = time.monotonic()
        if asked and number == signal.SIGHUP and now - asked[0] < _ONE_CLOSING:
            return
        if asked:
            raise KeyboardInterrupt
        asked.append(now)
        request.intend()

    heeded = [number for number in _SIGNALS if signal.getsignal(number) != signal.SIG_IGN or number != signal.SIGHUP]
    former = {number: signal.signal(number, handle) for number in heeded}
    try:
        yield
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)
