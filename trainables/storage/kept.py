"""What can be had again at any time, kept in the user's cache as a JSON file that may be lost, spoiled or impossible to write."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

from trainables.storage import home
from trainables.storage.whole import whole


class Kept:
    """JSON values by name in `rows`, to be read and changed; `write` keeps them for the next process.

    Args:
        name: of the file under ~/.cache/tuner.
        of: what the rows were made of, or the version of their form; those of another one are not read.
    """

    def __init__(self, name: str, of: str) -> None:
        self._of = of
        self._file: Path | None = None
        with contextlib.suppress(home.UnusablePath):  # nobody's home: nothing is kept
            self._file = home.absolute("~/.cache/tuner") / name
        self._there = self._read()
        self.rows: dict[str, Any] = dict(self._there)

    def write(self) -> None:
        """Write what changed, whole or not at all; in silence where that cannot be."""
        if self._file is None or self.rows == self._there:
            return
        with contextlib.suppress(OSError, ValueError):
            self._file.parent.mkdir(parents=True, exist_ok=True)
            with whole(self._file) as file:
                file.write(json.dumps({"of": self._of, "rows": self.rows}).encode())

    def _read(self) -> dict[str, Any]:
        try:
            content = json.loads(self._file.read_bytes()) if self._file is not None else None
        except (OSError, ValueError, RecursionError):
            return {}
        rows = content.get("rows") if isinstance(content, dict) and content.get("of") == self._of else None
        return rows if isinstance(rows, dict) else {}
