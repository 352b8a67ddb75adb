"""Options that several commands take, declared once and handed to a command together, as one of its parameters."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from inspect import Parameter
from typing import Any, get_type_hints

from tuner.commands.app import phases


def option(name: str, default: Any, annotation: Any) -> Parameter:
    """An option of a command, as Typer reads it off a signature."""
    return Parameter(name, Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


def gathering(
    command: Callable[..., Any], into: str, options: Sequence[Parameter], gather: Callable[..., Any], *, first: bool
) -> Callable[..., Any]:
    """The command with these options in place of its parameter `into`, which it receives as `gather(**options)`.

    They come before its own parameters if they are to be first, else after them.
    """
    # What is received is known to type checkers only: its room may import Ray, which `--help` does without.
    types = get_type_hints(command, localns={"Request": Any, "SessionOptions": Any}, include_extras=True)
    own = [
        it.replace(annotation=types[it.name], kind=Parameter.KEYWORD_ONLY if first else it.kind)
        for it in inspect.signature(command).parameters.values()
        if it.name != into
    ]
    parameters = [*options, *own] if first else [*own, *options]

    @functools.wraps(command)
    def called(*arguments: Any, **given: Any) -> Any:
        given |= dict(zip((it.name for it in parameters), arguments, strict=False))
        try:
            gathered = gather(**{it.name: given.pop(it.name, it.default) for it in options})
            return command(**{into: gathered}, **given)
        finally:
            phases.end(quiet=True)

    called.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]  # what Typer reads
    called.__annotations__ = {it.name: it.annotation for it in parameters}
    return called
