"""The search spaces as a person reads them: a listing, and one space with every knob, its range and meaning."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args, get_origin

from pydantic.fields import FieldInfo
from rich.console import Console, ConsoleOptions, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

import search_spaces
from search_spaces.budget import written
from search_spaces.overrides import describe
from search_spaces.space import SearchSpace
from trainables import families
from tuner.errors import as_bad_input
from tuner.rules.ranking import rungs
from tuner.tables.grid import grid
from tuner.tables.listed import listed
from tuner.tables.published import figures_view

NARROW = 60  # columns of a screen on which two columns of text are hard to read


def listing(family: str | None = None) -> RenderableType:
    """Every space with its budget, of one family or of all."""
    with as_bad_input():
        chosen = {families.canonical(family)} if family else set(families.names())
        known = {name: search_spaces.names(name) for name in families.names() if name in chosen}
        wanted = [(name, space) for name, spaces in known.items() for space in spaces]
        found = listed(wanted)
    origins = [search_spaces.origin(name, space) for name, space in wanted]
    rows = []
    for (name, offered), space in zip(wanted, found, strict=True):
        levels = rungs(space.epochs, space.grace, space.reduction)
        shape = [str(space.trials), str(space.epochs), " ".join(map(str, levels))]
        rows.append([name, offered, *shape, space.summary])
    columns = ["family", "space", "trials", "epochs", "rungs", "what it asks"]
    if set(origins) - {families.OURS}:  # what is installed beside this project
        columns.append("from")
        rows = [[*row, origin] for row, origin in zip(rows, origins, strict=True)]
    return grid(columns, rows, left=["family", "space", "rungs", "what it asks", "from"])


def resolve(family: str, name: str) -> SearchSpace:
    """The space that two words mean, as for `launch`."""
    from search_spaces.own_code import load_experiment

    if family.endswith(".py"):
        return load_experiment(family)
    return search_spaces.load_file(name) if name.endswith(".py") else search_spaces.load(family, name)


def one(family: str, name: str) -> RenderableType:
    """One space: its budget, the searched knobs, then all others."""
    with as_bad_input():
        space = resolve(family, name)
        fields = families.config_class(space.family).model_fields
    knobs = []
    searched = space.searched
    settings = {**space.settings, **space.fixed}
    for knob in (*searched, *(key for key in fields if key not in searched)):
        text = Text(_domain(space, knob), style="bold") if knob in searched else Text()
        if knob in settings:
            text.append(f"= {describe(settings[knob])}", style="bold")
        notes = [] if fields[knob].is_required() else [f"default {describe(fields[knob].default)}"]
        if knob in space.baseline:
            notes.insert(0, f"baseline {describe(space.baseline[knob])}")
        allowed = _allowed(fields[knob])
        if allowed:
            notes.append(f"allowed {allowed}")
        text.append(f"{'  ' if text else ''}{', '.join(notes)}")
        text.append(f"\n{fields[knob].description or ''}{_condition(space, knob)}", style="dim")
        knobs.append((knob, text))
    budget = space.budget
    levels = " ".join(map(str, rungs(budget.epochs, budget.grace, budget.reduction)))
    ranked = "" if budget.rank_window == 1 else f" (ranked by the median of {budget.rank_window} epochs)"
    by_rung = "" if budget.seeds is None else f" (seeds by rung {written(budget.seeds)})"
    heading = Text(
        f"{families.title(space.family)} / {space.name}: {space.summary}\n"
        f"{budget.trials} trials x {budget.replicates} replicates{by_rung}, {budget.epochs} epochs, rungs {levels}{ranked}; "
        "objective "
        f"{space.objective.metric} ({space.objective.mode}){_protocol(space)}{_bracket(space)}\n"
    )
    figures = [Text(), figures_view(space.published)] if space.published else []
    return Group(heading, _Knobs(knobs), *figures)


@dataclass(frozen=True)
class _Knobs:
    """Knobs with what is said of each beside it or, on a narrow screen, below it."""

    knobs: Sequence[tuple[str, Text]]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        if options.max_width < NARROW:
            for knob, text in self.knobs:
                yield Text(knob)
                yield Padding(text, (0, 0, 0, 2))
            return
        table = Table(box=None, pad_edge=False, show_header=False)
        table.add_column(no_wrap=True)
        table.add_column(overflow="fold")
        for knob, text in self.knobs:
            table.add_row(Text(knob), text)
        yield table


def _protocol(space: SearchSpace) -> str:
    given = space.protocol
    return "" if given is None else f" on {given.dataset}, selected on the {given.selection}"


def _bracket(space: SearchSpace) -> str:
    knobs = space.bracket_knobs
    return f"; at a rung only trials of the same {' and '.join(knobs)} are compared" if knobs else ""


def _domain(space: SearchSpace, knob: str) -> str:
    if knob in space.parameters:
        return describe(space.parameters[knob])
    values: dict[str, Any] = {describe(point[knob]): None for point in space.points if knob in point}
    return f"points: {', '.join(values)}"


def _allowed(field: FieldInfo) -> str:
    """The bounds of a knob as an interval, or its values."""
    values = get_args(field.annotation) if get_origin(field.annotation) is Literal else ()
    if values:
        return ", ".join(map(str, values))
    low = high = ""
    for bound in field.metadata:
        for kind, sign in (("ge", ">= "), ("gt", "> ")):
            low = f"{sign}{getattr(bound, kind):g}" if hasattr(bound, kind) else low
        for kind, sign in (("le", "<= "), ("lt", "< ")):
            high = f"{sign}{getattr(bound, kind):g}" if hasattr(bound, kind) else high
    return " and ".join(bound for bound in (low, high) if bound)


def _condition(space: SearchSpace, knob: str) -> str:
    conditions = [
        f"{other} in {', '.join(map(str, values))}" for other, values in space.active_when.get(knob, {}).items()
    ]
    return f" (only where {' and '.join(conditions)})" if conditions else ""
