"""The look of every table: a rule under the heading, two spaces between columns, cells that are plain text."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest

from rich import box
from rich.cells import cell_len
from rich.table import Table
from rich.text import Text

from tuner.tables.text import plain

WIDTH = 100  # columns that every table fits, the narrowest terminal the service is drawn for
GAP = 2


def grid(
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    left: Sequence[str] = (),
    styles: Sequence[str] = (),
    title: str = "",
) -> Table:
    """A table of cells whose text is taken literally, markup and escape codes included.

    Columns are right-aligned and never broken, except those named in `left`: they are left-aligned and may wrap.
    `styles` gives each row its own.
    """
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, padding=(0, GAP - 1, 0, 0), pad_edge=False, header_style="bold")
    if title:
        table.title, table.title_justify, table.title_style = Text(title), "left", "bold"
    for name in columns:
        if name in left:
            table.add_column(Text(name), overflow="fold")
        else:
            table.add_column(Text(name), justify="right", no_wrap=True, overflow="ellipsis")
    for row, style in zip_longest(rows, styles):
        table.add_row(*(Text(plain(cell)) for cell in row), style=style)
    return table


def width(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> int:
    """The columns of the screen a table takes when nothing wraps."""
    widest = [max(cell_len(plain(cell)) for cell in column) for column in zip(columns, *rows, strict=True)]
    return sum(widest) + GAP * (len(widest) - 1)
