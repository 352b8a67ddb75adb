"""The terminal while a search runs: sentences for the person and, below them, the live table."""

from __future__ import annotations

from types import TracebackType

from rich.console import Console

from tuner.live import LiveView
from tuner.manifest import Manifest
from tuner.paths import ExperimentPaths
from tuner.session import Listener


class Terminal:
    """Context manager: the live table is on the screen from the first record to the end of the block."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._view: LiveView | None = None

    def __enter__(self) -> Terminal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._view is not None:
            self._view.close()

    def tell(self, text: str) -> None:
        """Print a sentence, above the live table if there is one."""
        self._console.print(text, markup=False, highlight=False)

    def listen(self, paths: ExperimentPaths, manifest: Manifest) -> Listener:
        """Open the live table of an experiment; returns what takes its records."""
        self._view = LiveView(manifest, self._console)
        return self._view.update
