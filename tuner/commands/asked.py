"""The arguments and options by which a command is told what to search, gathered for it into one `Request`."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator
from inspect import Parameter
from typing import Annotated, Any, get_type_hints

import typer

from search_spaces.budget import OPTIONS, Ascending, Option, Word, numbers
from tuner.commands.options import Family, Seed, Setting, Space
from tuner.rules import registry


def takes_request(command: Callable[..., Any]) -> Callable[..., Any]:
    """The command with FAMILY, --space, --set, --seed and an option for each one of a budget before its own parameters.

    It receives them together as `asked`, its first parameter.
    """
    # A request is known to type checkers only: its room imports Ray, which `--help` does without.
    types = get_type_hints(command, localns={"Request": Any}, include_extras=True)
    own = list(inspect.signature(command).parameters.values())[1:]
    parameters = [
        *_parameters(),
        *(it.replace(annotation=types[it.name], kind=Parameter.KEYWORD_ONLY) for it in own),
    ]

    @functools.wraps(command)
    def called(family: str, **given: Any) -> Any:
        from tuner.experiment.request import Request

        space, settings, seed = (given.pop(name) for name in ("space", "set_", "seed"))
        budget = {name: given.pop(name) for name in OPTIONS}
        return command(Request(family, space, settings or [], seed, budget), **given)

    called.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]  # what Typer reads
    called.__annotations__ = {it.name: it.annotation for it in parameters}
    return called


def _parameters() -> Iterator[Parameter]:
    yield Parameter("family", Parameter.POSITIONAL_OR_KEYWORD, annotation=Family)
    for name, default, annotation in (
        ("space", "smoke", Space),
        ("set_", None, Setting),
        *((name, None, _annotation(option)) for name, option in OPTIONS.items()),
        ("seed", 0, Seed),
    ):
        yield Parameter(name, Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


def _annotation(option: Option) -> Any:
    """An option of a budget as Typer takes it."""
    rule = option.rule
    said = option.help.replace("{rules}", registry.described())
    if isinstance(rule, Ascending):
        return Annotated[Any, typer.Option(help=said, parser=numbers, metavar="N,N,...", show_default=False)]
    kind: type = str if isinstance(rule, Word) else int if rule.whole else float
    metavar = "|".join(rule.among) or None if isinstance(rule, Word) else None
    return Annotated[kind | None, typer.Option(help=said, metavar=metavar, show_default=False)]
