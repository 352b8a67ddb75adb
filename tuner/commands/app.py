"""The command line that the verbs register with, and where they print."""

from __future__ import annotations

import sys
from typing import Annotated

import typer
from rich.console import Console

from tuner.commands.entry import settle_width
from tuner.commands.given import Verbs
from tuner.tables.phases import Phases

app = Verbs(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)


def _print_version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        print(f"tuner {version('tuner')}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and leave.", is_eager=True, callback=_print_version)
    ] = False,
) -> None:
    """Hyperparameter search where every number is a median over five seeds and ASHA decides on that median."""


settle_width()  # Rich reads it when a console is made
# Rich takes 80 columns where it cannot ask a terminal; the tables are made for 100.
out = Console() if sys.stdout is not None and sys.stdout.isatty() else Console(width=100)

err = Console(stderr=True)

phases = Phases(out)  # of a verb that runs a search
# Of one that prints what it finds: beside that, which a program may read, and only where it takes long.
aside = Phases(err, first=4.5)


def say(sentence: str, to: Console = out) -> None:
    """Print a sentence that may hold a name, a path or a command, none of which is marked up or broken."""
    to.print(sentence, markup=False, highlight=False, soft_wrap=True)


def write(text: str) -> None:
    """Output of another machine, as it comes."""
    sys.stdout.write(text)
    sys.stdout.flush()
