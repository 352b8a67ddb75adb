"""The records of a running search within what it prints, for a terminal elsewhere to draw the live table from.

A line of its own for each, marked as a JSON text sequence (RFC 7464) does: a record separator, JSON, a newline. Who follows
the output draws the lines or drops them; nobody else needs to see them.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from typing import Any

from pydantic import BaseModel, Field, ValidationError

from tuner.records.lines import Record
from tuner.records.manifest import Manifest
from tuner.tables.live import LiveView

ASKED = "TUNER_BROADCAST"  # environment variable: set where the output is read elsewhere
MARK = "\x1e"
_MANIFEST = (
    "name",
    "family",
    "space",
    "seed",
    "objective",
    "budget",
    "protocol",
    "rungs",
    "baseline",
)  # of which the table knows the search
_UNSEEN = ("scalars", "traceback", "message")  # parts of a record that the table does not show


class Broadcast:
    """Writes the marked lines of one session: `open`, each record in order, `close`."""

    def __init__(self, write: Callable[[str], object]) -> None:
        self._write = write
        self._metric = ""

    def open(self, manifest: Manifest, since: float) -> None:
        """Begin; records older than `since` (unix seconds) are history, not news."""
        self._metric = manifest.objective.metric
        content = manifest.content()
        self._say({"manifest": {key: content[key] for key in _MANIFEST}, "since": since})

    def update(self, record: Record) -> None:
        """Say one record, as much of it as the table shows."""
        said = {key: value for key, value in record.items() if key not in _UNSEEN}
        if "metrics" in said:
            said["metrics"] = {self._metric: said["metrics"].get(self._metric)}
        self._say({"record": said})

    def close(self) -> None:
        """Say that the session is over."""
        self._say({"over": True})

    def _say(self, content: dict[str, Any]) -> None:
        self._write(f"{MARK}{json.dumps(content)}\n")


class _Line(BaseModel):
    """What a marked line may hold."""

    manifest: Manifest | None = None
    since: float = Field(0.0, ge=0, le=1e11)
    record: Record | None = None
    over: bool = False


class Receiver:
    """Draws the live table from marked lines.

    Args:
        make: the view of a search, from its manifest and the time since when records are news.
    """

    def __init__(self, make: Callable[[Manifest, float], LiveView]) -> None:
        self._make = make
        self._view: LiveView | None = None

    def take(self, line: str) -> None:
        """Take a marked line; one that says nothing to this version, or that was cut on its way, is ignored."""
        try:
            content = _Line.model_validate_json(line.removeprefix(MARK))
        except ValidationError:
            return
        if content.manifest is not None:
            self.close()
            self._view = self._make(content.manifest, content.since)
        elif content.record is not None and self._view is not None:
            with contextlib.suppress(LookupError, TypeError, ValueError, AttributeError):
                self._view.update(content.record)
        elif content.over:
            self.close()

    def close(self) -> None:
        """Leave the last state on the screen; a second call does nothing."""
        if self._view is not None:
            self._view.close()
            self._view = None
