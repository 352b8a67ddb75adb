"""Rows of a list kept between two looks at a storage, in the user's cache: a convenience that may be lost at any time."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
from pathlib import Path
from typing import Any

from trainables.storage import Place, home, whole
from tuner.results.summary import Summary

_FORM = 1  # of the file; another one is not read


class SummaryCache:
    """The rows of one storage, each with the stamp of the files that it was made from."""

    def __init__(self, file: Path | None) -> None:
        self._file = file
        self._kept = _read(file)
        self._changed = False

    @classmethod
    def of(cls, root: Place) -> SummaryCache:
        """That of a storage; one that keeps nothing where this user has no home folder."""
        folder = home.found()
        digest = hashlib.sha256(str(root).encode(errors="surrogateescape")).hexdigest()[:16]
        return cls(None if folder is None else folder / ".cache" / "tuner" / "lists" / f"{digest}.json")

    def get(self, name: str, stamp: list[Any]) -> Summary | None:
        """The row kept under a name, if it was made from these files."""
        kept = self._kept.get(name)
        if not isinstance(kept, dict) or kept.get("stamp") != json.loads(json.dumps(stamp)):
            return None
        try:
            return Summary(**kept["row"])
        except (KeyError, TypeError):  # of an earlier version
            return None

    def put(self, name: str, stamp: list[Any], row: Summary) -> None:
        self._kept[name] = {"stamp": stamp, "row": dataclasses.asdict(row)}
        self._changed = True

    def keep(self, names: set[str]) -> None:
        """Write what changed, without the experiments that are gone; in silence where nothing can be written."""
        gone = self._kept.keys() - names
        if self._file is None or not (self._changed or gone):
            return
        rows = {name: kept for name, kept in self._kept.items() if name in names}
        with contextlib.suppress(OSError, ValueError):
            self._file.parent.mkdir(parents=True, exist_ok=True)
            with whole(self._file) as file:
                file.write(json.dumps({"form": _FORM, "rows": rows}).encode())


def _read(file: Path | None) -> dict[str, Any]:
    try:
        content = json.loads(file.read_bytes()) if file is not None else None
    except (OSError, ValueError, RecursionError):
        return {}
    rows = content.get("rows") if isinstance(content, dict) and content.get("form") == _FORM else None
    return rows if isinstance(rows, dict) else {}
