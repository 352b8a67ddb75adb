"""The live report: the page over HTTP on the loopback address, its content made anew from the records while they grow."""

from __future__ import annotations

import hashlib
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tuner.errors import TunerError
from tuner.records.paths import ExperimentPaths
from tuner.report.content import content
from tuner.report.page import render
from tuner.results.history import History

SECONDS = 5.0  # between two looks at a running search
SECONDS_AT_REST = 30.0  # and at one that has ended, but may be resumed
FEWEST_SECONDS = 1.0  # between two looks, however little is left
SHARE = 0.1  # of the time may go into making content: a page must not slow down the search beside it
HOST = "127.0.0.1"


class Feed:
    """The newest content of an experiment, remade only when somebody asks and the last one is old enough."""

    def __init__(self, paths: ExperimentPaths) -> None:
        self._paths = paths
        self._lock = threading.Lock()
        self._content: dict[str, Any] = {}
        self._due = 0.0

    def newest(self) -> tuple[dict[str, Any], float]:
        """(content with its `version`, seconds until it is worth asking again); TunerError if it cannot be read."""
        with self._lock:
            if time.monotonic() >= self._due:
                began = time.thread_time()
                made = content(History.load(self._paths), self._paths)
                text = json.dumps({**made, "written": None}, sort_keys=True)
                self._content = {**made, "version": hashlib.sha256(text.encode()).hexdigest()[:16]}
                pause = SECONDS if made["state"] == "running" else SECONDS_AT_REST
                self._due = time.monotonic() + max(pause, (time.thread_time() - began) / SHARE)
            return self._content, max(FEWEST_SECONDS, self._due - time.monotonic())


class Server(ThreadingHTTPServer):
    """Serves `/` (the page) and `/content.json` (what it shows) of one experiment; bound to the loopback address.

    Args:
        feed: where the content comes from.
        port: a free port; OSError if it is busy.
        tensorboard: address of TensorBoard, linked from the page.
    """

    daemon_threads = True
    allow_reuse_address = False  # a busy port must be found busy

    def __init__(self, feed: Feed, port: int, tensorboard: str | None = None) -> None:
        super().__init__((HOST, port), _Handler)
        self.feed = feed
        self.tensorboard = tensorboard


class _Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        # A name that an attacker points at this machine must not read the page through somebody's browser.
        if self.headers.get("Host", "").rpartition(":")[0] not in (HOST, "localhost"):
            self._answer(403, "text/plain", "this page is served on the loopback address alone")
        elif self.path in ("/", "/content.json"):
            try:
                self._content()
            except TunerError as error:
                self._answer(503, "text/plain", str(error))
        else:
            self._answer(404, "text/plain", "there is nothing here; the report is at /")

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: the terminal is for what its reader asked for."""

    def _content(self) -> None:
        shown, seconds = self.server.feed.newest()
        if self.path == "/":
            live = {"data": "/content.json", "seconds": seconds, "tensorboard": self.server.tensorboard}
            self._answer(200, "text/html", render(shown, live=live))
        elif self.headers.get("If-None-Match") == shown["version"]:
            self._answer(304, "application/json", "", seconds)
        else:
            self._answer(200, "application/json", json.dumps(shown, allow_nan=False), seconds)

    def _answer(self, status: int, kind: str, text: str, seconds: float | None = None) -> None:
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Content-Type-Options", "nosniff")
        if seconds is not None:
            self.send_header("X-Look-Again", f"{seconds:.1f}")
        self.end_headers()
        self.wfile.write(body)
