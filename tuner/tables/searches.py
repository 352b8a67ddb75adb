"""All searches of a storage: as a table of at most 100 columns, as CSV and as JSON; chosen and ordered."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import math
import time
from collections.abc import Callable, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from trainables import families as offered
from trainables.config.wording import nearest, printable
from tuner.errors import BadInput
from tuner.records import labels
from tuner.results.progress import duration
from tuner.results.summary import STATES, Summary
from tuner.tables.grid import grid
from tuner.tables.heading import named
from tuner.tables.text import MISSING, metric, plain, spread

_COLUMNS = ("experiment", "state", "best", "[min, max]", "vs base", "age", "cost")


def _by_distance(row: Summary) -> float:
    """How far the best is above the baseline in the sense of its objective."""
    return _last(row.distance) if row.mode == "min" else _first(row.distance)


_ORDERS: dict[str, Callable[[Summary], Any]] = {
    "age": lambda row: 0,  # as they come: the newest first
    "name": lambda row: row.name,
    "state": lambda row: STATES.index(row.state),
    "family": lambda row: (row.family or "~", row.space or ""),
    "trials": lambda row: _first(row.trials),
    "median": lambda row: _last(row.median) if row.mode == "min" else _first(row.median),
    "distance": _by_distance,
    "cost": lambda row: _first(row.spent),
}
ORDERS = tuple(_ORDERS)


def chosen(
    rows: Sequence[Summary], states: Sequence[str], families: Sequence[str], tags: Sequence[str]
) -> list[Summary]:
    """The rows in one of the states, of one of the families and with all of the tags; an empty list asks for nothing.

    `BadInput` for what no experiment could be: a state, a family or a tag that cannot be.
    """
    wanted, named = {_state(state) for state in states}, {_family(family, rows) for family in families}
    for tag in tags:
        labels.require(tag)
    return [
        row
        for row in rows
        if (not wanted or row.state in wanted)
        and (not named or row.family in named)
        and all(tag in row.tags for tag in tags)
    ]


def nothing(rows: Sequence[Summary], states: Sequence[str], families: Sequence[str], tags: Sequence[str]) -> str:
    """Why `chosen` leaves none of the rows, in a sentence: what is asked for that none of them has, and what they have."""
    asked = [("--state", states), ("--family", families), *(("--tag", [tag]) for tag in tags)]
    for option, words in asked:
        if words and not chosen(rows, *(words if option == one else [] for one in ("--state", "--family", "--tag"))):
            there = sorted(_there(rows)[option])
            near = nearest(words[0], there, before="; ") if len(words) == 1 else ""
            has = f"there is {', '.join(there)}" if there else "none has any"
            return f"no experiment here has {' or '.join(f'{option} {word}' for word in words)}; {has}{near}"
    told = " ".join(f"{option} {word}" for option, words in asked for word in words)
    return f"no experiment here has all of {told} at once"


def _there(rows: Sequence[Summary]) -> dict[str, set[str]]:
    return {
        "--state": {row.state for row in rows},
        "--family": {row.family for row in rows if row.family is not None},
        "--tag": {tag for row in rows for tag in row.tags},
    }


def ordered(rows: Sequence[Summary], by: str) -> list[Summary]:
    """The rows by one of `ORDERS`: newest, best and most expensive first, names by the alphabet."""
    if by not in _ORDERS:
        near = nearest(by, ORDERS, before="; ")
        raise BadInput(f"--sort is {by}, but must be one of {', '.join(ORDERS)}{near}")
    return sorted(rows, key=_ORDERS[by])


def listing_view(rows: Sequence[Summary], now: float | None = None) -> RenderableType:
    """A paragraph a search: its name, below it space, tags and note, beside it what is known of its results."""
    now = time.time() if now is None else now
    parts: list[RenderableType] = []
    if rows:
        cells = [_cells(row, now) for row in rows]
        styles = ["dim" if row.state == "unreadable" else "" for row in rows]
        parts += [Text(), grid(_COLUMNS, cells, left=["experiment", "state"], styles=styles)]
    if any(row.distance is not None for row in rows):
        told = "best: the median of the best trial at its highest rung; vs base: minus the baseline's at that epoch"
        parts += [Text(), Text(told, style="dim")]
    broken = [
        Text(plain(f"{printable(row.name)}: {row.problem}"), style="red") for row in rows if row.problem is not None
    ]
    return Group(*parts, *([Text()] if broken else []), *broken)


def to_json(rows: Sequence[Summary], storage: str, now: float | None = None) -> str:
    """One JSON object: storage, and experiments, each with the fields of `Summary` and `age` in seconds."""
    content = {"storage": storage, "experiments": [_record(row, now) for row in rows]}
    return json.dumps(content, indent=2, allow_nan=False) + "\n"


def to_csv(rows: Sequence[Summary], now: float | None = None) -> str:
    """A row a search under the names of the fields of `Summary`, and age; tags stand in one cell with spaces between."""
    names = [*(field.name for field in dataclasses.fields(Summary)), "age"]
    file = io.StringIO()
    writer = csv.DictWriter(file, fieldnames=names, lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({**_record(row, now), "tags": " ".join(row.tags)})
    return file.getvalue()


def _record(row: Summary, now: float | None) -> dict[str, Any]:
    age = None if row.created is None else max(0.0, (time.time() if now is None else now) - row.created)
    return {**dataclasses.asdict(row), "age": None if age is None else round(age)}


def _cells(row: Summary, now: float) -> list[str]:
    below = [named(row.family, row.space or "")] if row.family else []
    below = [" ".join([*below, *(f"#{tag}" for tag in row.tags)]), row.note]
    state = [row.state] if row.trials is None else [row.state, f"{row.ended}/{row.trials}"]
    return [
        "\n".join([printable(row.name), *(line for line in below if line)]),
        " ".join([*state, *(["confirmed"] if row.confirmed else [])]),
        metric(row.median),
        spread(row.low, row.high),
        MISSING if row.distance is None else f"{row.distance:+.4f}",
        MISSING if row.created is None else _largest_unit(now - row.created),
        MISSING if row.spent is None or row.unit is None else f"{_hours(row.spent)} {row.unit.removesuffix('ours')}",
    ]


def _hours(amount: float) -> str:
    """Hours in three digits."""
    return f"{amount:.2f}" if amount < 10 else f"{amount:.0f}"


def _largest_unit(seconds: float) -> str:
    return " ".join(duration(seconds).split()[:2])


def _state(text: str) -> str:
    """The state that a word means: itself, with `-` or `_` for the space, or its beginning where that is one's alone."""
    word = text.strip().lower().replace("-", " ").replace("_", " ")
    if word in STATES:
        return word
    begun = [state for state in STATES if word and state.startswith(word)]
    if len(begun) != 1:
        near = nearest(word, STATES, before="; ")
        raise BadInput(f"--state is {text}, but must be one of {', '.join(STATES)}{near}")
    return begun[0]


def _family(text: str, rows: Sequence[Summary]) -> str:
    """The family that a word means: one of the rows', which may be a user's own, or one that can be launched."""
    there = _there(rows)["--family"]
    if text in there:
        return text
    try:
        return offered.canonical(text)
    except ValueError:
        known = sorted({*there, *offered.names()})
        near = nearest(text, known, before="; ")
        raise BadInput(f"--family is {text}, but must be one of {', '.join(known)}{near}") from None


def _first(number: float | None) -> float:
    """A sort key: the largest first, what is not known last."""
    return math.inf if number is None else -number


def _last(number: float | None) -> float:
    """A sort key: the smallest first, what is not known last."""
    return math.inf if number is None else number
