"""Standard output whose reader may leave: a pipe that is closed, a terminal that is gone, a disk that is full.

Output that nobody reads must not end a search, while a command that only prints has nothing left to do. Both are decided
here, below Rich, Typer, logging and `print`, where the bytes leave the process.
"""

from __future__ import annotations

import errno
import io
import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, TextIO, TypeVar, cast

from tuner.errors import sentence

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

T = TypeVar("T")
_READER_LEFT = (errno.EPIPE, errno.EIO, errno.EBADF)  # a pipe, a terminal, a descriptor that was never open


class OutputLost(BaseException):
    """What was printed can be written no more. No `Exception`: nobody on the way may take it for an error of his own."""

    def __init__(self, error: OSError) -> None:
        super().__init__(str(error))
        self.error = error

    @property
    def exit_code(self) -> int:
        """0 when the reader has read enough (`tuner results NAME | head`), else 2."""
        return 0 if self.error.errno in _READER_LEFT else 2

    def __str__(self) -> str:
        return f"cannot write the output ({sentence(self.error)}); make room there, or send it somewhere else"


class _Descriptor(io.RawIOBase):
    """An open descriptor that is led to nowhere once writing to it fails.

    Args:
        endures: whether whoever writes goes on then, or gets `OutputLost`.
    """

    def __init__(self, number: int, endures: bool) -> None:
        self._number = number
        self.endures = endures

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._number

    def isatty(self) -> bool:
        return os.isatty(self._number)

    def write(self, data: ReadableBuffer) -> int:
        try:
            return os.write(self._number, data)
        except BlockingIOError:
            os.set_blocking(self._number, True)  # somebody who shares the descriptor made it so
            return os.write(self._number, data)
        except OSError as error:
            _lead_to_nowhere(self._number)
            if not self.endures:
                raise OutputLost(error) from None
            return memoryview(data).nbytes


_output: _Descriptor | None = None  # the one below sys.stdout, once this process is a command line


def settle() -> None:
    """Make the standard streams of a command line safe to write to; called once, before anything is printed.

    A descriptor that is closed would be taken by the next file that is opened, and get what is printed.
    """
    global _output
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            _lead_to_nowhere(number)
    if sys.stdout is sys.__stdout__:  # nobody, such as a test, has put another one in its place
        _output = _Descriptor(1, endures=False)
        sys.stdout = _text(_output, sys.__stdout__)
    if sys.stderr is sys.__stderr__:
        sys.stderr = _text(_Descriptor(2, endures=True), sys.__stderr__)


def outlive_reader() -> None:
    """From here on the command does more than print, and goes on when nobody reads what it prints."""
    if _output is not None:
        _output.endures = True


def end_with_reader() -> None:
    """From here on the command only prints, and ends when nobody reads that."""
    if _output is not None:
        _output.endures = False


def enduring(speak: Callable[[T], object]) -> Callable[[T], None]:
    """The same function of one thing to say, but silent for good once what it says can be written no more.

    For whoever hands a search his own: a console on a pipe, a file that is closed.
    """
    heard = True

    def say(what: T) -> None:
        nonlocal heard
        if not heard:
            return
        try:
            speak(what)
        except OSError:
            heard = False
        except (SystemExit, ValueError) as error:
            # Rich ends the process when a pipe is closed; Python says of a closed file that its value is wrong.
            if not isinstance(error.__context__, BrokenPipeError) and "closed file" not in str(error):
                raise
            heard = False

    return say


def _text(raw: _Descriptor, like: TextIO | None) -> TextIO:
    encoding, handling = (like.encoding, like.errors) if like is not None else ("utf-8", "replace")
    return io.TextIOWrapper(
        io.BufferedWriter(cast(io.RawIOBase, raw)),
        encoding=encoding,
        errors=handling,
        line_buffering=raw.isatty() or raw.fileno() == 2,
    )


def _lead_to_nowhere(number: int) -> None:
    nowhere = os.open(os.devnull, os.O_RDWR)
    if nowhere != number:
        os.dup2(nowhere, number)
        os.close(nowhere)
    else:
        os.set_inheritable(number, True)
