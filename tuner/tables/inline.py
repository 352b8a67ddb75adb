"""The live table of a search in the output of a notebook's cell, renewed in its place."""

from __future__ import annotations

import io
import sys
import time
from typing import Any

from rich.console import Console

from tuner.records.lines import Record
from tuner.records.manifest import Manifest
from tuner.records.paths import ExperimentPaths
from tuner.tables.live import LiveView

_EVERY = 1.0  # seconds between two renewals
_WIDTH = 100


def in_notebook() -> bool:
    """Whether this process runs the cells of a notebook."""
    shell = sys.modules.get("IPython")
    found = shell.get_ipython() if shell is not None else None
    return found is not None and hasattr(found, "kernel")


class Cell:
    """Context manager: sentences are printed, the table is below them from the first record on."""

    def __init__(self) -> None:
        self._view: LiveView | None = None
        self._handle: Any = None
        self._shown = 0.0

    def __enter__(self) -> Cell:
        return self

    def __exit__(self, *exception: object) -> None:
        if self._view is not None:
            self._view.close()
        self._renew(last=True)

    def tell(self, text: str) -> None:
        """Print a sentence."""
        print(text)

    def listen(self, paths: ExperimentPaths, manifest: Manifest) -> Any:
        """What takes the records of an experiment."""
        view = self._view = LiveView(
            manifest, Console(file=io.StringIO(), width=_WIDTH, force_jupyter=False, force_terminal=False)
        )

        def update(record: Record) -> None:
            view.update(record)
            self._renew()

        return update

    def _renew(self, *, last: bool = False) -> None:
        if self._view is None or (not last and time.monotonic() - self._shown < _EVERY):
            return
        from IPython.display import HTML, display

        self._shown = time.monotonic()
        console = Console(file=io.StringIO(), width=_WIDTH, record=True, force_jupyter=False, force_terminal=False)
        console.print(self._view.table())
        html = console.export_html(inline_styles=True, code_format="<pre>{code}</pre>")
        shown = HTML(html)  # type: ignore[no-untyped-call]
        if self._handle is None:
            self._handle = display(shown, display_id=True)  # type: ignore[no-untyped-call]
        else:
            self._handle.update(shown)
