"""What to search: one module a family, each with `smoke()`, `search()` and `paper()`, and spaces of a user's own.

Importing this package costs nothing; Ray is imported when a space is built.
"""

from __future__ import annotations

import difflib
import importlib
import traceback
import types
from pathlib import Path

from search_spaces.space import Allocation, Budget, Objective, Protocol, Published, SearchSpace, SpaceExhausted
from trainables import families

__all__ = [
    "Allocation",
    "Budget",
    "Objective",
    "Protocol",
    "Published",
    "SearchSpace",
    "SpaceExhausted",
    "load",
    "load_file",
    "names",
]

SPACES = ("smoke", "search", "paper")


def names() -> dict[str, tuple[str, ...]]:
    """The spaces of every family."""
    return dict.fromkeys(families.names(), SPACES)


def load(family: str, name: str) -> SearchSpace:
    """A space by family and name, hyphens or underscores alike; `ValueError` naming the nearest one if unknown."""
    module = families.canonical(family)
    space = name.strip().lower().replace("-", "_")
    if space not in SPACES:
        near = difflib.get_close_matches(space, SPACES, n=1)
        hint = f"; did you mean `{near[0]}`?" if near else ""
        raise ValueError(f"`{name}` is not a space of the family {module} (there are: {', '.join(SPACES)}){hint}")
    built: SearchSpace = getattr(importlib.import_module(f"search_spaces.{module}"), space)()
    return built


def load_file(path: str | Path) -> SearchSpace:
    """The space that a user's own Python file builds in its function `space()`. The file is executed.

    Raises:
        ValueError: no such file, no such function, something else returned, or an error inside (with its line).
    """
    file = Path(path).expanduser()
    if not file.is_file():
        raise ValueError(f"there is no search space file {file}; give a Python file that defines space()")
    module = types.ModuleType("search_space_file")
    module.__file__ = str(file)
    try:
        exec(compile(file.read_bytes(), str(file), "exec", dont_inherit=True), module.__dict__)
        build = getattr(module, "space", None)
        built = build() if callable(build) else None
    except (Exception, SystemExit) as error:
        raise ValueError(f"{file}{_line(error, file)} raises {type(error).__name__}: {error}; fix the file") from error
    if not callable(build):
        raise ValueError(f"{file} does not define the function space(); add one that returns a SearchSpace")
    if not isinstance(built, SearchSpace):
        raise ValueError(f"space() in {file} returns {type(built).__name__}, but must return a SearchSpace")
    return built


def _line(error: BaseException, file: Path) -> str:
    """Where in the user's file it happened: the innermost of its lines."""
    if isinstance(error, SyntaxError):
        return f", line {error.lineno},"
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(file)]
    return f", line {lines[-1]}," if lines else ""
