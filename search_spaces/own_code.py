"""A Python file that is a whole experiment: a space and what it trains, found in it and checked before anything starts."""

from __future__ import annotations

import ast
import contextlib
import dataclasses
import inspect
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from search_spaces import domains
from search_spaces.own_file import require_file, told
from search_spaces.space import SearchSpace
from trainables.config.own import code as own
from trainables.config.own.code import OwnCode, extends_rays
from trainables.config.own.collecting import collect
from trainables.config.own.configuration import OwnConfig, config_class, declared

METHODS = ("epoch", "state", "load")
_OF_RAY = ("setup", "step", "save_checkpoint", "load_checkpoint")


class Refused(ValueError):
    """A file that is no experiment, in one sentence."""


def load_experiment(path: str | Path) -> SearchSpace:
    """The space of a file, its `family` the code that the file holds, or a family by name where it holds none.

    The file is executed; what it prints goes to standard error.

    Raises:
        ValueError: no such file, an error inside (with its line), no space or several, nothing to train or several, a class
            that lacks a method.
    """
    file = require_file(path)
    try:
        code = collect(file)
    except SyntaxError as error:
        raise ValueError(told(error, file.absolute())) from error
    return of_code(code)


def of_code(code: OwnCode) -> SearchSpace:
    """The space of code that was found before, from its texts; raises like `load_experiment`."""
    file = Path(code.path)
    code = dataclasses.replace(code, trains="", kind=own.REPLICATE, knobs={})
    try:
        with contextlib.redirect_stdout(sys.stderr):
            module = code.module()
            space = _space(module, code, file)
            return bound(space, code, module, str(file))
    except Refused:
        raise
    except (Exception, SystemExit) as error:
        raise Refused(told(error, file)) from error


def bound(space: SearchSpace, code: OwnCode, module: ModuleType | None, where: str) -> SearchSpace:
    """The space with its code in the place of a family: what is trained, how, by which objective and with which knobs."""
    trained = space.trainable
    if trained is None and space.family:
        return space
    if trained is None:
        trained = _only_one(module, where) if module is not None else None
    if trained is None:
        raise Refused(
            f"{where} holds nothing that could be trained; add a class with epoch(), state() and load(state), or give the "
            "space `trainable=` or a `family`"
        )
    name = getattr(trained, "__qualname__", type(trained).__name__)
    kind = _kind(trained, name, where)
    code = dataclasses.replace(
        code,
        trains=code.trains or name,
        kind=kind,
        metric=space.objective.metric,
        mode=space.objective.mode,
    )
    if kind != own.FAMILY and declared(trained) is None:
        code = dataclasses.replace(code, knobs=_knobs(space, where))
    if kind == own.RAY_FUNCTION and space.budget.placement != "spread":
        space = space.with_budget(placement="spread")  # see `validation`: it cannot be otherwise
    try:
        config_class(code)
    except Exception as error:
        raise Refused(f"{where}: {error}") from error
    return dataclasses.replace(
        space, family=code, name=space.name or code.name, summary=space.summary or _first_line(module)
    )


def _space(module: ModuleType, code: OwnCode, file: Path) -> SearchSpace:
    """The one space that the file defines: the function `space()`, or a SearchSpace by any name."""
    tree = ast.parse(code.files[code.entry])
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "space"]
    build = getattr(module, "space", None)
    held = {id(value): name for name, value in vars(module).items() if isinstance(value, SearchSpace)}
    if len(functions) + len(held) > 1:
        second = f"line {functions[1].lineno} defines space() again" if len(functions) > 1 else ""
        raise Refused(
            f"{file} holds {len(functions) + len(held)} search spaces ({second or ', '.join(held.values())}), but one file is "
            "one experiment; keep one of them"
        )
    if held:
        return next(value for value in vars(module).values() if isinstance(value, SearchSpace))
    if not callable(build):
        raise Refused(
            f"{file} holds no search space; add a function space() that returns a SearchSpace (docs/own-model.md shows one)"
        )
    built = build()
    if not isinstance(built, SearchSpace):
        raise Refused(f"space() in {file} returns {type(built).__name__}, but must return a SearchSpace")
    return built


def _only_one(module: ModuleType, where: str) -> Any:
    """The class of the file that can be trained, if there is one; ValueError where there are several."""
    here = [one for one in vars(module).values() if inspect.isclass(one) and one.__module__ == module.__name__]
    found = [one for one in here if _is_family(one) or _is_of_ray(one) or _resembles(one)]
    # A class that others of the file extend is a part of them.
    found = [one for one in found if not any(other is not one and issubclass(other, one) for other in found)]
    if len(found) > 1:
        names = ", ".join(one.__name__ for one in found)
        raise Refused(
            f"{where} holds several classes that could be trained ({names}); name one with `trainable=` in the space"
        )
    return found[0] if found else None


def _resembles(cls: type) -> bool:
    """Whether a class is meant as a replicate: it has some of the protocol, or is made of what a replicate is made of."""
    if sum(callable(getattr(cls, name, None)) for name in METHODS) >= 2 or callable(getattr(cls, "epoch", None)):
        return True
    try:
        return list(inspect.signature(cls).parameters)[:3] == ["config", "seed", "device"]
    except (TypeError, ValueError):
        return False


def _is_family(cls: Any) -> bool:
    """Told by the name, since importing the class itself imports torch."""
    bases = getattr(cls if inspect.isclass(cls) else type(cls), "__mro__", ())
    return any((base.__module__, base.__name__) == ("trainables.family", "Family") for base in bases)


def _is_of_ray(cls: Any) -> bool:
    """Whether a class is a trainable of Ray Tune: one of Ray's, or one with the same methods."""
    return all(callable(getattr(cls, name, None)) for name in _OF_RAY) or extends_rays(cls)


def _kind(trained: Any, name: str, where: str) -> str:
    """What sort of thing is trained; ValueError for what cannot be."""
    if _is_family(trained):
        return own.FAMILY
    if inspect.isclass(trained) and _is_of_ray(trained):
        return own.RAY_CLASS
    if inspect.isclass(trained):
        missing = [f"{method}()" for method in METHODS if not callable(getattr(trained, method, None))]
        if missing:
            raise Refused(
                f"the class {name} in {where} has no method {' and no '.join(missing)}; a class that is trained has "
                "__init__(config, seed, device), epoch(), state() and load(state)"
            )
        _require_arguments(trained, 3, f"{name} in {where} must be made of (config, seed, device)")
        _require_arguments(getattr(trained, METHODS[0]), 1, f"{name}.epoch() in {where} must take no argument but self")
        _require_arguments(getattr(trained, METHODS[1]), 1, f"{name}.state() in {where} must take no argument but self")
        _require_arguments(
            getattr(trained, METHODS[2]), 2, f"{name}.load(state) in {where} must take the state and nothing else"
        )
        return own.REPLICATE
    if callable(trained):
        _require_arguments(trained, 1, f"the function {name} in {where} must take (config)")
        return own.RAY_FUNCTION
    raise Refused(
        f"`trainable` of the space in {where} is a {type(trained).__name__}, but must be a class with epoch(), state() and "
        "load(state), a Family, or a trainable of Ray Tune"
    )


def _require_arguments(function: Any, count: int, rule: str) -> None:
    try:
        signature = inspect.signature(function)
        signature.bind(*[None] * count)
    except TypeError:
        raise Refused(f"{rule}, but takes {signature}; change its parameters") from None
    except ValueError:  # written in C
        return


def _knobs(space: SearchSpace, where: str) -> dict[str, Any]:
    """The knobs of code without a configuration class, each with its value in the baseline or in `fixed`, or None."""
    names = dict.fromkeys([*space.searched, *space.fixed, *space.baseline])
    for name in names:
        if not name.isidentifier() or name.startswith("_") or hasattr(OwnConfig, name):
            raise Refused(f"`{name}` in {where} cannot be the name of a knob; choose another")
    given = {**space.fixed, **space.baseline}
    lacking = [
        name for name in space.parameters if name not in given and name not in space.active_when and not space.points
    ]
    if lacking:
        raise Refused(
            f"`{lacking[0]}` is searched in {where}, but the baseline does not say its value, and it has no default; add it to "
            "`baseline`"
        )
    return {name: None if domains.is_domain(given.get(name)) else given.get(name) for name in names}


def _first_line(module: ModuleType | None) -> str:
    return ((module and module.__doc__) or "").strip().partition("\n")[0]
