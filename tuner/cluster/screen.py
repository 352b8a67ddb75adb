"""The output of a job shown here: its lines and, on a terminal, the live table of the search below them."""

from __future__ import annotations

from rich.console import Console

from tuner.records.manifest import Manifest
from tuner.tables.broadcast import MARK, Receiver
from tuner.tables.live import LiveView


class Screen:
    """Context manager: what is shown within the block has been written, whole line by whole line, when it ends.

    Args:
        console: where to write.
        table: whether to draw the live table, too, where it is a terminal.
    """

    def __init__(self, console: Console, table: bool = True) -> None:
        self._console = console
        self._receiver = Receiver(self._view) if table and console.is_terminal else None
        self._rest = ""  # of a line whose end has not come yet

    def __enter__(self) -> Screen:
        return self

    def __exit__(self, *exception: object) -> None:
        if self._receiver is not None:
            self._receiver.close()
        if self._rest and not self._rest.startswith(MARK):
            self._write(self._rest, end="")

    def show(self, text: str) -> None:
        """Take the next piece of output, cut anywhere."""
        *lines, self._rest = (self._rest + text).split("\n")
        for line in lines:
            if not line.startswith(MARK):
                self._write(line, end="\n")
            elif self._receiver is not None:
                self._receiver.take(line)

    def _write(self, line: str, end: str) -> None:
        if self._receiver is not None:
            self._console.out(line, end=end, highlight=False)  # above the table
        else:
            self._console.file.write(line + end)
            self._console.file.flush()

    def _view(self, manifest: Manifest, since: float) -> LiveView:
        return LiveView(manifest, self._console, since=since, events=False)
