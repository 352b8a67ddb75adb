"""What to search: one module a family, each with `smoke()`, `search()` and `paper()`, and spaces of a user's own.

Importing this package costs nothing; Ray is imported when a space is built.
"""

from __future__ import annotations

import ast
import difflib
import importlib
import importlib.util
import sys
from pathlib import Path

from search_spaces.own_file import load_file
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
    """The spaces that every family has, of smoke, search and paper; nothing is imported for it."""
    return {family: tuple(name for name in SPACES if name in _defined(family)) for family in families.names()}


def _defined(family: str) -> set[str]:
    """What the module of a family's spaces defines, read from its text unless it is imported already."""
    name = f"search_spaces.{family}"
    if name in sys.modules:
        return set(vars(sys.modules[name]))
    spec = importlib.util.find_spec(name)
    if spec is None or spec.origin is None:
        return set()
    defined: set[str] = set()
    for statement in ast.parse(Path(spec.origin).read_bytes()).body:
        if isinstance(statement, ast.FunctionDef):
            defined.add(statement.name)
        elif isinstance(statement, ast.Assign):
            defined |= {target.id for target in statement.targets if isinstance(target, ast.Name)}
        elif isinstance(statement, ast.ImportFrom):
            defined |= {alias.asname or alias.name for alias in statement.names}
    return defined


def load(family: str, name: str) -> SearchSpace:
    """A space by family and name, hyphens or underscores alike; `ValueError` naming the nearest one if unknown."""
    module = families.canonical(family)
    space = name.strip().lower().replace("-", "_")
    has = names()[module]
    if not has:
        raise ValueError(f"the family {module} has no search spaces of its own; give --space path/to/my_space.py")
    if space not in has:
        near = difflib.get_close_matches(space, has, n=1)
        hint = f"; did you mean `{near[0]}`?" if near else ""
        raise ValueError(f"`{name}` is not a space of the family {module} (there are: {', '.join(has)}){hint}")
    built: SearchSpace = getattr(importlib.import_module(f"search_spaces.{module}"), space)()
    return built
