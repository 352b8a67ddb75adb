"""What is settled once, before any verb runs: a home, the encoding of the output, its width, Python's own switches."""

from __future__ import annotations

import contextlib
import io
import os
import sys

from trainables.storage import home
from tuner.errors import BadInput

_AGAIN = "TUNER_STARTED_AGAIN"


def settle() -> None:
    """Make the surroundings of this process such as every verb may rely on."""
    _require_docstrings()
    home.settle()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            with contextlib.suppress(ValueError, OSError):  # a stream that is closed already
                # A terminal of another encoding, or a file whose name is not UTF-8, is no reason to end.
                stream.reconfigure(errors="backslashreplace")


def settle_width() -> None:
    """Forget a width or height of the terminal that is none, such as COLUMNS=0: the terminal itself is asked then."""
    for name in ("COLUMNS", "LINES", "TERMINAL_WIDTH"):
        value = os.environ.get(name)
        if value is not None and not (value.isascii() and value.isdigit() and 0 < int(value) < 100_000):
            del os.environ[name]


def _require_docstrings() -> None:
    """Start again where Python leaves out docstrings (PYTHONOPTIMIZE=2): Ray cannot be imported without them."""
    if sys.flags.optimize < 2:
        return
    os.environ["PYTHONOPTIMIZE"] = "1"  # for Ray's workers as well
    if _AGAIN in os.environ:
        raise BadInput("Python leaves out docstrings, without which Ray cannot be imported; start it without -OO")
    os.environ[_AGAIN] = "1"
    os.execv(sys.executable, [sys.executable, *(word for word in sys.orig_argv[1:] if word != "-OO")])
