"""A user's own search space: a Python file that defines `space()`, executed as it would be if it were imported."""

from __future__ import annotations

import contextlib
import hashlib
import sys
import traceback
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from search_spaces.space import SearchSpace
from trainables.config.wording import one_line, reason
from trainables.storage.home import expanded


def load_file(path: str | Path) -> SearchSpace:
    """The space that a user's own Python file builds in its function `space()`. The file is executed.

    What it prints goes to standard error: standard output is for what a command says, which may be JSON. It may import what
    lies beside it; what is installed goes first.

    Raises:
        ValueError: no such file, no such function, something else returned, or an error inside (with its line).
    """
    file = require_file(path)
    try:
        source = file.read_bytes()
    except OSError as error:
        raise ValueError(f"cannot read {file} ({reason(error)}); make it readable, or give another file") from None
    # Dataclasses and pydantic look the module up by its name, so it is registered, each file under a name of its own.
    module = types.ModuleType(f"search_space_file_{hashlib.sha256(bytes(file.absolute())).hexdigest()[:12]}")
    module.__file__ = str(file)
    sys.modules[module.__name__] = module
    try:
        with contextlib.redirect_stdout(sys.stderr), _importing_from(file.parent):
            exec(compile(source, str(file), "exec", dont_inherit=True), module.__dict__)
            build = getattr(module, "space", None)
            built: Any = build() if callable(build) else None
    except (Exception, SystemExit) as error:
        del sys.modules[module.__name__]
        raise ValueError(told(error, file)) from error
    if not callable(build):
        raise ValueError(f"{file} does not define the function space(); add one that returns a SearchSpace")
    if not isinstance(built, SearchSpace):
        raise ValueError(f"space() in {file} returns {type(built).__name__}, but must return a SearchSpace")
    return built


def require_file(path: str | Path) -> Path:
    """The file that a path means; `ValueError` where there is none."""
    file = expanded(path)
    if not file.is_file():
        raise ValueError(f"there is no search space file {file}; give a Python file that defines space()")
    return file


@contextlib.contextmanager
def _importing_from(folder: Path) -> Iterator[None]:
    """Inside the block, what lies in a folder can be imported, behind all that is installed; no bytecode is left there."""
    place, before = str(folder.absolute()), sys.dont_write_bytecode
    sys.path.append(place)
    sys.dont_write_bytecode = True
    try:
        yield
    finally:
        sys.path.remove(place)
        sys.dont_write_bytecode = before


def told(error: BaseException, file: Path) -> str:
    """An error inside the file in one sentence, with its line."""
    said = one_line(str(error.msg if isinstance(error, SyntaxError) else error))
    if isinstance(error, SyntaxError) and error.filename and error.filename.endswith(".py"):
        file = Path(error.filename)  # it may be in what the file imports from beside it
    what = f"{file}{_line(error, file)} raises {type(error).__name__}{': ' if said else ''}{said}"
    if isinstance(error, ImportError):
        return f"{what}; the file is copied into the experiment and must stand alone: install what it imports, or put it in"
    if isinstance(error, SystemExit):
        return f"{what}, which would end the command; leave sys.exit out"
    return f"{what}; fix the file"


def _line(error: BaseException, file: Path) -> str:
    """Where in the user's file it happened: the innermost of its lines."""
    if isinstance(error, SyntaxError) and error.filename == str(file):
        return f", line {error.lineno}," if error.lineno else ""
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(file)]
    return f", line {lines[-1]}," if lines else ""
