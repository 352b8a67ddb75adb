"""The dashboard over HTTP: a table of routes on the loopback address. A new page or button is a line of it:

`Route("POST", "/search/{name}/stop", stop)` in `ROUTES` of `tuner/report/routes.py`, where `stop(site, request)` returns an
`Answer` or raises `Refusal`; what a path has at `{name}` is `request.parts["name"]`. A POST is answered only when it comes
from a page of this server.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from tuner.errors import TunerError
from tuner.report.refusal import Refusal
from tuner.report.site import Site

HOST = "127.0.0.1"
_LARGEST = 2**20  # bytes of what a page may send


@dataclass(frozen=True)
class Request:
    """What was asked: the parts of the path that the route names, the query (the last value of each name), the body."""

    parts: dict[str, str]
    query: dict[str, str]
    body: bytes = b""


@dataclass(frozen=True)
class Answer:
    """What is answered. One that has a `version` is not sent again to whoever has it; `again`: in so many seconds it is
    worth asking anew."""

    text: str
    kind: str = "text/html"
    status: int = 200
    version: str | None = None
    again: float | None = None
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Route:
    """A method, a path in which `{name}` stands for any one part, and who answers."""

    method: str
    path: str
    answer: Callable[[Site, Request], Answer]

    def match(self, path: str) -> dict[str, str] | None:
        """The named parts of a path of this form; None for another one."""
        ours, theirs = self.path.split("/"), path.split("/")
        if len(ours) != len(theirs):
            return None
        parts = {}
        for name, part in zip(ours, theirs, strict=True):
            if name.startswith("{") and part:
                parts[name[1:-1]] = unquote(part)
            elif name != part:
                return None
        return parts


class Server(ThreadingHTTPServer):
    """Serves a site by its routes.

    Args:
        site: what is served.
        routes: the first that matches answers.
        port: a free port; OSError if it is busy.
    """

    daemon_threads = True
    allow_reuse_address = False  # a busy port must be found busy

    def __init__(self, site: Site, routes: Sequence[Route], port: int) -> None:
        super().__init__((HOST, port), _Handler)
        self.site = site
        self.routes = routes

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a reader who left before the answer was there."""


class _Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self._serve("GET")

    def do_POST(self) -> None:
        self._serve("POST")

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: the terminal is for what its reader asked for."""

    def _serve(self, method: str) -> None:
        try:
            answer = self._answer(method)
        except Refusal as refusal:
            answer = Answer(str(refusal), "text/plain", refusal.status)
        except TunerError as error:
            answer = Answer(str(error), "text/plain", 503)
        except Exception as error:  # whatever one search holds, the others are served
            answer = Answer(f"{type(error).__name__}: {error}", "text/plain", 500)
        self._send(answer)

    def _answer(self, method: str) -> Answer:
        # A name that an attacker points at this machine must not read the page through somebody's browser.
        host = self.headers.get("Host", "")
        if host.rpartition(":")[0] not in (HOST, "localhost"):
            raise Refusal(403, "this page is served on the loopback address alone")
        if method == "POST":
            self._require_own_page(host)
        asked = urlsplit(self.path)
        found = [(route, parts) for route in self.server.routes if (parts := route.match(asked.path)) is not None]
        if not found:
            raise Refusal(404, "there is nothing here; all searches are at /")
        for route, parts in found:
            if route.method == method:
                if method == "POST" and self.headers.get_content_type() != "application/json":  # as forms send it
                    raise Refusal(415, "what is sent must be application/json")
                query = {name: values[-1] for name, values in parse_qs(asked.query).items()}
                return route.answer(self.server.site, Request(parts, query, self._body()))
        raise Refusal(405, f"{method} is not what this address answers")

    def _require_own_page(self, host: str) -> None:
        """`Refusal` of what another site's page, or its form, could have sent through somebody's browser."""
        if self.headers.get("Origin") != f"http://{host}":
            raise Refusal(403, "only a page of this server may ask for that")
        if self.headers.get("Sec-Fetch-Site", "same-origin") != "same-origin":
            raise Refusal(403, "only a page of this server may ask for that")

    def _body(self) -> bytes:
        length = self.headers.get("Content-Length") or "0"
        if not length.isdecimal() or int(length) > _LARGEST:
            raise Refusal(413, f"at most {_LARGEST} bytes can be sent")
        return self.rfile.read(int(length))

    def _send(self, answer: Answer) -> None:
        known = answer.version is not None and self.headers.get("If-None-Match", "").strip('"') == answer.version
        body = b"" if known else answer.text.encode(errors="backslashreplace")
        self.send_response(304 if known else answer.status)
        self.send_header("Content-Type", f"{answer.kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("X-Frame-Options", "DENY")  # nobody's page may put a button of ours under another one
        if answer.version is not None:
            self.send_header("ETag", f'"{answer.version}"')
        if answer.again is not None:
            self.send_header("X-Look-Again", f"{answer.again:.1f}")
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
