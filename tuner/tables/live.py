"""The view of a search while it runs: a small table on a terminal, one line for each event anywhere else."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from tuner.records.lines import Record
from tuner.records.manifest import Manifest
from tuner.results.history import History
from tuner.tables import heading
from tuner.tables.status import best_line, running_view, time_line
from tuner.tables.text import metric, plain

_REFRESHES = 4  # a second
_ESTIMATE_EVERY = 1.0  # seconds
_RUNNING = 12  # running trials listed
_EVENTS = 4  # latest events kept under the table


class LiveView:
    """Shows a search, fed with all its records in order by `update`; those older than the view are history, not news.

    On a terminal: the running trials with epoch, median and rung, the counts, the best so far, elapsed time and time
    left, redrawn at most four times a second from the first news on until `close`. Otherwise: a line for each decision
    that keeps a trial, each trial that ends and each failure.

    Args:
        manifest: of the experiment, of which this process is the driver.
        console: where to draw; standard output by default.
        since: unix seconds; records older than that are history. Default now.
        events: whether the latest events stand below the table.
        doing: what the search does while no trial has reported an epoch yet, if it says.
    """

    def __init__(
        self,
        manifest: Manifest,
        console: Console | None = None,
        *,
        since: float | None = None,
        events: bool = True,
        doing: Callable[[], str | None] = lambda: None,
    ) -> None:
        self._history = History(manifest, name=manifest.name, live=True)
        self._console = console or Console()
        self._opened = round(time.time(), 3) if since is None else since  # as coarse as the times of records
        self._most = _EVENTS if events else 0
        self._doing = doing
        self._events: list[Text] = []
        self._lock = threading.Lock()  # the table is redrawn by a thread of its own
        self._live: Live | None = None
        self._time_line, self._estimated = "", 0.0

    def update(self, record: Record) -> None:
        """Show one record; without a `time` it happened now."""
        record = {"time": round(time.time(), 3), **record}
        with self._lock:
            self._history.apply(record)
            line = self._line(record)
        if record["time"] < self._opened:
            return
        if self._console.is_terminal:
            if self._live is None:
                self._live = Live(get_renderable=self._render, console=self._console, refresh_per_second=_REFRESHES)
                self._live.start()
            if line is not None and self._most:
                self._events = [*self._events, line][-self._most :]
        elif line is not None:
            clock = time.strftime("%H:%M:%S", time.localtime(record["time"]))
            self._console.print(Text(f"{clock}  ").append(line), soft_wrap=True)

    def table(self) -> RenderableType:
        """What is on the screen now."""
        return self._render()

    def close(self) -> None:
        """Leave the last state on the screen; a second call does nothing."""
        self._estimated = 0.0
        if self._live is not None:
            self._live.stop()
            self._live = None

    def _time(self) -> str:
        """The line about time, renewed every second: to estimate the rest of a large search takes a part of one."""
        now = time.time()
        if now - self._estimated >= _ESTIMATE_EVERY:
            self._time_line, self._estimated = time_line(self._history, now), now
        return self._time_line

    def _line(self, record: Record) -> Text | None:
        """What a record says to a person in one line, if it says anything that the table does not."""
        match record["event"]:
            case "decision" if record["action"] == "wait":
                told, style = f"waits: {record['reason']}", ""
            case "promote":
                told, style = f"goes on: {record['reason']}", ""
            case "decision" if record["action"] == "continue":
                told, style = f"goes on: {record['reason']}", ""
            case "end":
                told, style = self._end(record), ""
            case "replicate_failed":
                what = f"replicate {record['replicate']} at epoch {record['epoch']}"
                told, style = f"lost {what}: {record.get('message', '')}", "yellow"
            case "error" if record.get("kind") == "node":
                told, style = f"goes elsewhere: {record.get('message', '')}", "yellow"
            case "error":
                told, style = f"lost its worker: {record.get('message', '')}", "red"
            case _:
                return None
        return Text(plain(" ".join(f"trial {record['trial']} {told}".splitlines())), style=style)

    def _end(self, record: Record) -> str:
        trial = self._history.trial(record["trial"])
        how = record.get("reason") or ""
        if record["status"] == "completed" and trial is not None:
            how = f"{self._history.metric} {metric(trial.median(trial.last_epoch))}"
        ended = sum(trial.has_ended for trial in self._history.trials)
        return f"{record['status']} at epoch {record['epoch']}: {how} ({ended} of {self._history.planned} ended)"

    def _render(self) -> RenderableType:
        with self._lock:
            counts = Text(plain(f"{self._history.name}: {heading.counts(self._history)}"))
            progress = Text(self._doing() or f"{best_line(self._history)}; {self._time()}")
            running = running_view(self._history, most=_RUNNING)
            return Group(heading.protocol(self._history), counts, progress, running, *self._events)
