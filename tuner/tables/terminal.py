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
from tuner.tables.phases import Phases

_NEWS = ("epoch", "late", "end", "error")  # records with which the start is over


class Terminal:
    """Context manager: the live table is on the screen from the first record to the end of the block; before, the phases."""

    def __init__(self, console: Console, phases: Phases | None = None) -> None:
        self._console = console
        self._view: LiveView | None = None
        self._broadcast: Broadcast | None = None
        self._phases = Phases(console) if phases is None else phases
        self.begin = self._phases.begin

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, *exception: object) -> None:
        self._phases.end(quiet=True)
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
        phases = self._phases
        phases.keep_off_screen()
        view = self._view = LiveView(manifest, self._console, since=opened, doing=lambda: phases.now)

        def news(record: Record) -> None:
            if record["event"] in _NEWS and record.get("time", opened) >= opened:
                phases.end()
            view.update(record)

        if ASKED not in os.environ:
            return news
        broadcast = self._broadcast = Broadcast(self._say)
        broadcast.open(manifest, opened)

        def both(record: Record) -> None:
            news(record)
            broadcast.update(record)

        return both

    def _say(self, line: str) -> None:
        self._console.file.write(line)
        self._console.file.flush()
