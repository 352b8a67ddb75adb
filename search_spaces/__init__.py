"""What to search: a module or folder a family, each with `smoke()`, `search()`, `paper()` and others, and spaces of a user's own.

Importing this package costs nothing; Ray is imported when a space is built.
"""

from __future__ import annotations

import ast
import difflib
import importlib
import importlib.util
import sys
from pathlib import Path
from typing import overload

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


@overload
def names(family: None = None) -> dict[str, tuple[str, ...]]: ...
@overload
def names(family: str) -> tuple[str, ...]: ...
def names(family: str | None = None) -> dict[str, tuple[str, ...]] | tuple[str, ...]:
    """The spaces that there are; nothing is imported for it.

    Without a family those that every family has, of smoke, search and paper, by family; of a family, all of its spaces:
    these three, then the others that its module has.
    """
    if family is None:
        return {each: tuple(name for name in SPACES if name in _defined(each)) for each in families.names()}
    module = families.canonical(family)
    common = names()[module]
    return (*common, *sorted(_listed(module) & _defined(module) - {*SPACES}))


def _defined(family: str) -> set[str]:
    """What the module of a family's spaces defines, read from its text unless it is imported already."""
    name = f"search_spaces.{family}"
    if name in sys.modules:
        return set(vars(sys.modules[name]))
    defined: set[str] = set()
    for statement in _text(family):
        if isinstance(statement, ast.FunctionDef):
            defined.add(statement.name)
        elif isinstance(statement, ast.Assign):
            defined |= {target.id for target in statement.targets if isinstance(target, ast.Name)}
        elif isinstance(statement, ast.ImportFrom):
            defined |= {alias.asname or alias.name for alias in statement.names}
    return defined


def _listed(family: str) -> set[str]:
    """The functions of a family's module that say they give a `SearchSpace`; of a folder, what its `__all__` names."""
    found: set[str] = set()
    for statement in _text(family):
        if isinstance(statement, ast.FunctionDef) and not statement.name.startswith("_"):
            if isinstance(statement.returns, ast.Name) and statement.returns.id == SearchSpace.__name__:
                found.add(statement.name)
        elif isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]) == "__all__":
            found |= set(ast.literal_eval(statement.value))
    return found


def _text(family: str) -> list[ast.stmt]:
    """The statements of the module of a family's spaces; none where there is no such module."""
    try:
        spec = importlib.util.find_spec(f"search_spaces.{family}")
    except ValueError:  # in sys.modules without a file of its own
        return []
    if spec is None or spec.origin is None:
        return []
    return ast.parse(Path(spec.origin).read_bytes()).body


def load(family: str, name: str) -> SearchSpace:
    """A space by family and name, hyphens or underscores alike; `ValueError` naming the nearest one if unknown."""
    module = families.canonical(family)
    space = name.strip().lower().replace("-", "_")
    has = names(module)
    if not has:
        raise ValueError(f"the family {module} has no search spaces of its own; give --space path/to/my_space.py")
    if space not in has:
        near = difflib.get_close_matches(space, has, n=1)
        hint = f"; did you mean `{near[0]}`?" if near else ""
        common, others = names()[module], [other for other in has if other not in SPACES]
        further = f" and none of its further ones, {', '.join(others)}" if others else ""
        raise ValueError(
            f"`{name}` is not a space of the family {module} (there are: {', '.join(common)}){further}{hint}"
        )
    built: SearchSpace = getattr(importlib.import_module(f"search_spaces.{module}"), space)()
    return built
