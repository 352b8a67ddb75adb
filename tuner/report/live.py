"""What the dashboard's pages show, made anew from the records while these grow, and only when somebody looks."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import threading
import time
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

from trainables.storage import Place
from tuner.records.paths import ExperimentPaths
from tuner.report.content import content
from tuner.report.monitor import monitor
from tuner.results import all_searches
from tuner.results.history import History

SECONDS = 5.0  # between two looks at a running search
SECONDS_AT_REST = 30.0  # and at one that has ended, but may be resumed
FEWEST_SECONDS = 1.0  # between two looks, however little is left
SHARE = 0.1  # of the time may go into making content: a page must not slow down the search beside it


class _Renewed(ABC):
    """The newest of something, remade only when somebody asks and the last one is old enough."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._content: dict[str, Any] = {}
        self._due = 0.0

    @abstractmethod
    def _make(self) -> tuple[dict[str, Any], bool]:
        """The content, and whether a search runs in it."""

    def newest(self) -> tuple[dict[str, Any], float]:
        """(content with its `version`, seconds until it is worth asking again); TunerError if it cannot be read."""
        with self._lock:
            if time.monotonic() >= self._due:
                began = time.thread_time()
                made, running = self._make()
                text = json.dumps({**made, "written": None}, sort_keys=True)
                self._content = {**made, "version": hashlib.sha256(text.encode()).hexdigest()[:16]}
                pause = SECONDS if running else SECONDS_AT_REST
                self._due = time.monotonic() + max(pause, (time.thread_time() - began) / SHARE)
            return self._content, max(FEWEST_SECONDS, self._due - time.monotonic())


class Feed(_Renewed):
    """The newest content of an experiment."""

    def __init__(self, paths: ExperimentPaths) -> None:
        super().__init__()
        self._paths = paths

    def _make(self) -> tuple[dict[str, Any], bool]:
        made = content(History.load(self._paths), self._paths)
        return made, made["state"] == "running"


class MonitorFeed(_Renewed):
    """The newest of what happens in an experiment."""

    def __init__(self, paths: ExperimentPaths) -> None:
        super().__init__()
        self._paths = paths

    def _make(self) -> tuple[dict[str, Any], bool]:
        made = monitor(History.load(self._paths), self._paths)
        return made, bool(made["live"])


class ListFeed(_Renewed):
    """The newest list of all experiments of a storage: `storage` (in words), and `searches`, the rows of `Summary`."""

    def __init__(self, storage: Place, described: str) -> None:
        super().__init__()
        self._storage = storage
        self._described = described

    def _make(self) -> tuple[dict[str, Any], bool]:
        begun = not isinstance(self._storage, Path) or self._storage.exists()  # else nothing was ever launched there
        rows = [dataclasses.asdict(row) for row in (all_searches.load(self._storage) if begun else [])]
        return {"storage": self._described, "searches": rows}, any(row["state"] == "running" for row in rows)
