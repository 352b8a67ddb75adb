"""What every verb refuses before it begins: words that are blank or no text, and options of the original programs.

A variable of the shell that was never set makes `--storage "$UNSET"` an empty word, which as a path would be the current
folder. Bytes that are not UTF-8 reach Python as halves of characters that no manifest, record or bucket can hold.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import typer
from rich.markup import escape
from typer.core import TyperCommand

from tuner.errors import BadInput

Function = TypeVar("Function", bound=Callable[..., Any])


class Verb(TyperCommand):
    """A command that looks at its words first."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        helped: list[Any] = [parameter for parameter in self.params if getattr(parameter, "help", None)]
        said = [(parameter, parameter.help) for parameter in helped]
        try:
            for parameter, text in said:
                parameter.help = escape(text)  # Rich would take [default: 60] for a style, and show nothing of it
            super().format_help(ctx, formatter)
        finally:
            for parameter, text in said:
                parameter.help = text

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        require_text(args)
        self._require_own_options(args)
        given, _, _ = self.make_parser(ctx).parse_args(args=list(args))
        for parameter in self.params:
            words = given.get(parameter.name or "")
            for word in words if isinstance(words, list | tuple) else [words]:
                if isinstance(word, str) and not word.strip():
                    raise BadInput(_blank(parameter))
        return super().parse_args(ctx, args)

    def _require_own_options(self, args: list[str]) -> None:
        """BadInput for options of the original programs, and for knobs given as options, where --set takes them."""
        own = frozenset(option for parameter in self.params for option in parameter.opts)
        if "--set" not in own or all(word in own for word in args if word.startswith("-")):
            return
        from trainables import families
        from trainables.config import originals

        named = (word.strip().lower().replace("-", "_") for word in args)
        family = next((word for word in named if word in families.names()), None)
        knobs = families.config_class(family).model_fields if family else ()
        if told := list(originals.answered(args, own, family, frozenset(knobs))):
            raise BadInput.listing(told)


class Verbs(typer.Typer):
    """A command line whose commands are `Verb`s."""

    def command(self, name: str | None = None, **options: Any) -> Callable[[Function], Function]:
        return super().command(name, **{"cls": Verb, **options})


def require_text(words: list[str]) -> None:
    """BadInput for a word of the command line that is not UTF-8."""
    for word in words:
        if any("\ud800" <= character <= "\udfff" for character in word):
            shown = "".join(f"\\x{ord(c) - 0xDC00:02x}" if "\udc80" <= c <= "\udcff" else c for c in word)
            raise BadInput(
                f"`{shown}` on the command line is not UTF-8, so it could not be kept as text; rename what it means, or use "
                "a link to it whose name is"
            )


def _blank(parameter: Any) -> str:
    option = parameter.param_type_name == "option"
    what = max(parameter.opts, key=len) if option else f"the argument {str(parameter.name).upper()}"
    required = parameter.required or parameter.nargs == -1
    return (
        f"{what} is empty, but must say something; {'give it' if required else 'give it, or leave it out'} (a variable of "
        "the shell that was never set gives an empty word)"
    )
