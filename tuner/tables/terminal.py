"""The terminal while a search runs: sentences for the person and, below them, the live table."""

from __future__ import annotations

import os
import time

from rich.console import Console

from tuner.experiment.running import Listener
from tuner.records.lines import Record
from tuner.records.manifest import Manifest
from tuner.records.paths import ExperimentPaths
from tuner.tables.broadcast import ASKED, Broadcast
from tuner.tables.live import LiveView


class Terminal:
    """Context manager: the live table is on the screen from the first record to the end of the block."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._view: LiveView | None = None
        self._broadcast: Broadcast | None = None

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, *exception: object) -> None:
        if self._view is not None:
            self._view.close()
        if self._broadcast is not None:
            self._broadcast.close()

    def tell(self, text: str) -> None:
        """Print a sentence, above the live table if there is one."""
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)

    def listen(self, paths: ExperimentPaths, manifest: Manifest) -> Listener:
        """Open the live table of an experiment; returns what takes its records."""
        opened = round(time.time(), 3)
        view = self._view = LiveView(manifest, self._console, since=opened)
        if ASKED not in os.environ:
            return view.update
        broadcast = self._broadcast = Broadcast(self._say)
        broadcast.open(manifest, opened)

        def both(record: Record) -> None:
            view.update(record)
            broadcast.update(record)

        return both

    def _say(self, line: str) -> None:
        self._console.file.write(line)
        self._console.file.flush()
