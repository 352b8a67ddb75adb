"""What to search: a module or folder a family, each with `smoke()`, `search()`, `paper()` and others, and spaces of a user's own.

Importing this package costs nothing; Ray is imported when a space is built.
"""

from __future__ import annotations

import ast
import functools
import importlib
import importlib.util
import sys
from collections.abc import Collection
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import overload

from search_spaces.own_file import load_file
from search_spaces.space import Allocation, Budget, Objective, Protocol, Published, SearchSpace, SpaceExhausted
from trainables import families
from trainables.config.wording import nearest

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

GROUP = "tuner.spaces"  # of entry points
SPACES = ("smoke", "search", "paper")


@overload
def names(family: None = None) -> dict[str, tuple[str, ...]]: ...
@overload
def names(family: str) -> tuple[str, ...]: ...
def names(family: str | None = None) -> dict[str, tuple[str, ...]] | tuple[str, ...]:
    """The spaces that there are; nothing is imported for it but what installed packages offer without saying a family.

    Without a family those that every family has, of smoke, search and paper, by family; of a family, all of its spaces:
    these three, then the others that its module has or installed packages offer.
    """
    if family is None:
        return {each: _common(each, _defined(each)) for each in families.names()}
    module = families.canonical(family)
    defined = _defined(module)
    common = _common(module, defined)
    further = _listed(module) & defined | {name for of, name in offers() if of == module}
    return (*common, *sorted(further - {*SPACES}))


def _common(family: str, defined: Collection[str]) -> tuple[str, ...]:
    """Those of smoke, search and paper that a family has."""
    offered = offers()  # asked even where all are defined, since it refuses a name that is offered twice
    return tuple(name for name in SPACES if name in defined or (family, name) in offered)


@functools.cache
def offers() -> dict[tuple[str, str], EntryPoint]:
    """The spaces that installed packages offer as entry points of the group `tuner.spaces`, by family and name.

    An entry point is called FAMILY.NAME, or NAME alone where the space says its family. `ValueError` where two have one name.
    """
    found: dict[tuple[str, str], EntryPoint] = {}
    for point in entry_points(group=GROUP):
        family, _, name = point.name.strip().lower().replace("-", "_").rpartition(".")
        if not family:
            family = families.title(_built(point).family or point.name)  # which says that there is no such family
        taken = found.get((family, name))
        if taken is not None or name in _defined(family):
            other = families.origin_of(taken) if taken is not None else families.OURS
            raise ValueError(
                f"the space `{name}` of the family {family} is offered by {other} and by {families.origin_of(point)}; "
                f"uninstall one of them, or rename the entry point in {GROUP}"
            )
        found[family, name] = point
    return found


def origin(family: str, space: str) -> str:
    """The distribution that a space comes from; of a family's own spaces that of the family."""
    point = offers().get((family, space))
    return families.origin_of(point) if point is not None else families.offers()[family].origin


def _built(point: EntryPoint) -> SearchSpace:
    """The space of an entry point, which is a SearchSpace or a function that returns one."""
    try:
        found = point.load()
        built = found if isinstance(found, SearchSpace) else found()
    except Exception as error:
        raise ValueError(
            f"the space `{point.name}`, offered by {families.origin_of(point)}, cannot be loaded ({type(error).__name__}: "
            f"{error}); mend or uninstall it"
        ) from error
    if not isinstance(built, SearchSpace):
        raise ValueError(
            f"the space `{point.name}`, offered by {families.origin_of(point)}, is a {type(built).__name__}, but must be a "
            "SearchSpace; mend or uninstall it"
        )
    return built


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
        hint = nearest(space, has, before="; ")
        common, others = names()[module], [other for other in has if other not in SPACES]
        further = f" and none of its further ones, {', '.join(others)}" if others else ""
        raise ValueError(
            f"`{name}` is not a space of the family {module} (there are: {', '.join(common)}){further}{hint}"
        )
    point = offers().get((module, space))
    if point is not None:
        return _built(point)
    built: SearchSpace = getattr(importlib.import_module(f"search_spaces.{module}"), space)()
    return built
