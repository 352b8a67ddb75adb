"""The look of every table: a rule under the heading, two spaces between columns, cells of plain text, no number cut."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest

from rich import box
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderableType
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from tuner.tables.text import plain

WIDTH = 100  # columns that every table fits, the narrowest terminal the service is drawn for
GAP = 2
WHOLE = 24  # a word up to this length is not broken within a table
WRAPPED = 12  # a cell that may wrap is given at least this much; on a narrower screen rows become paragraphs


@dataclass(frozen=True)
class Grid:
    """A table where it fits the screen, and else a paragraph a row: no number is cut, however narrow the screen is."""

    table: Table
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    left: Sequence[str]  # columns whose cells may wrap
    styles: Sequence[str] = ()

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        if self._least() <= options.max_width:
            yield self.table
            return
        if self.table.title:
            yield Text(str(self.table.title), style="bold")
        for number, (row, style) in enumerate(zip_longest(self.rows, self.styles)):
            if number:
                yield Text()
            yield paragraph(self.columns, row, options.max_width, style or "")

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        return Measurement(min(self._least(), options.max_width), options.max_width)

    def _least(self) -> int:
        """The columns of the screen that the table takes at least: cells that may wrap are not made narrower than this."""
        total = GAP * (len(self.columns) - 1)
        for name, *cells in zip(self.columns, *self.rows, strict=True):
            widest = max(cell_len(plain(cell)) for cell in (name, *cells))
            words = max((cell_len(word) for cell in (name, *cells) for word in plain(cell).split()), default=0)
            total += min(widest, max(WRAPPED, min(words, WHOLE))) if name in self.left else widest
        return total


def paragraph(columns: Sequence[str], row: Sequence[str], most: int, style: str = "") -> Text:
    """The cells of a row, each behind the name of its column, on lines of at most `most` columns that end between them."""
    lines: list[str] = []
    for name, cell in zip(columns, row, strict=True):
        name, cell = name.strip(), plain(cell).strip()
        if not cell:
            continue
        part = f"{name} {cell}" if name else cell
        if lines and cell_len(lines[-1]) + GAP + cell_len(part) <= most:
            lines[-1] += " " * GAP + part
        elif cell_len(part) <= most or not name:
            lines.append(part)
        else:
            lines += [name, cell]
    return Text("\n".join(lines), style=style, overflow="fold")


def grid(
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    left: Sequence[str] = (),
    styles: Sequence[str] = (),
    title: str = "",
) -> Grid:
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
            table.add_column(Text(name), justify="right", no_wrap=True)
    for row, style in zip_longest(rows, styles):
        table.add_row(*(Text(plain(cell)) for cell in row), style=style)
    return Grid(table, columns, rows, left, styles)


def width(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> int:
    """The columns of the screen a table takes when nothing wraps."""
    widest = [max(cell_len(plain(cell)) for cell in column) for column in zip(columns, *rows, strict=True)]
    return sum(widest) + GAP * (len(widest) - 1)
