"""Python processes of our own that import nothing from the folder the user happens to be in.

`python -m` and `python -c` put the working directory first on the path: a `numbers.py` there would break a child, and an
older checkout there would take its place without a word.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = str(Path(__file__).resolve().parents[2])  # the folder that holds the packages of this project
# Where this process finds its packages goes behind what the child finds by itself: nothing takes the place of a module
# of the standard library.
_CALL = (
    "import importlib, sys\n"
    "name, root, *others = sys.argv[1:]\n"
    "if root not in sys.path: sys.path.insert(0, root)\n"
    "sys.path += [path for path in others if path not in sys.path]\n"
    "importlib.import_module(name).main()\n"
)


def python(*arguments: str) -> list[str]:
    """A command line of this interpreter that leaves the working directory off the path."""
    return [sys.executable, "-P", *arguments]


def calling(module: str) -> list[str]:
    """A command line that calls `main()` of a module of this project, the very code that this process runs."""
    return python("-c", _CALL, module, ROOT, *_path())


def environment(**variables: str) -> dict[str, str]:
    """This process's environment for a child whose own children are to be as independent of the folder as it is."""
    return os.environ | {"PYTHONSAFEPATH": "1"} | variables


def last_line(text: str) -> str:
    """The last line of what a child wrote to standard error: mostly its exception."""
    lines: Sequence[str] = text.strip().splitlines()
    return lines[-1].strip() if lines else ""


def ending(code: int, errors: str) -> str:
    """How a child ended, in words: its exit code or signal, and the last line that it wrote to standard error."""
    how = f"was killed by signal {-code}" if code < 0 else f"ended with code {code}"
    reason = last_line(errors)
    return f"{how} ({reason})" if reason else how


def _path() -> list[str]:
    """This process's path without the working directory."""
    return [path for path in sys.path if path and Path(path).is_absolute() and path != os.getcwd()]
