"""The arguments and options by which a command is told what to search, gathered for it into one `Request`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from inspect import Parameter
from typing import TYPE_CHECKING, Annotated, Any

import typer

from search_spaces.budget import OPTIONS, Ascending, Option, Word, numbers
from tuner.commands.gathered import gathering, option
from tuner.commands.options import Family, Seed, Setting, Space, SpaceWord, one_space
from tuner.rules import registry

if TYPE_CHECKING:
    from tuner.experiment.request import Request


def takes_request(command: Callable[..., Any]) -> Callable[..., Any]:
    """The command with FAMILY, SPACE or --space, --set, --seed and an option for each one of a budget before its own parameters.

    It receives them together as `asked`.
    """
    return gathering(command, "asked", list(_parameters()), _request, first=True)


def _request(
    family: str, word: str | None, space: str | None, set_: list[str] | None, seed: int, **budget: Any
) -> Request:
    from tuner.experiment.request import Request

    return Request(family, one_space(word, space), set_ or [], seed, budget)


def _parameters() -> Iterator[Parameter]:
    yield Parameter("family", Parameter.POSITIONAL_OR_KEYWORD, annotation=Family)
    yield Parameter("word", Parameter.POSITIONAL_OR_KEYWORD, default=None, annotation=SpaceWord)
    yield option("space", None, Space)
    yield option("set_", None, Setting)
    yield from (option(name, None, _annotation(of_budget)) for name, of_budget in OPTIONS.items())
    yield option("seed", 0, Seed)


def _annotation(of_budget: Option) -> Any:
    """An option of a budget as Typer takes it."""
    rule = of_budget.rule
    said = of_budget.help.replace("{rules}", registry.described())
    if isinstance(rule, Ascending):
        return Annotated[Any, typer.Option(help=said, parser=numbers, metavar="N,N,...", show_default=False)]
    kind: type = str if isinstance(rule, Word) else int if rule.whole else float
    metavar = "|".join(rule.among) or None if isinstance(rule, Word) else None
    return Annotated[kind | None, typer.Option(help=said, metavar=metavar, show_default=False)]
