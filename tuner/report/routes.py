"""The addresses of the dashboard and what answers at each of them."""

from __future__ import annotations

import json
import time
from typing import Any
from urllib.parse import quote

from tuner.errors import sentence
from tuner.report import list_page, trial_log
from tuner.report.page import render
from tuner.report.server import Answer, Request, Route
from tuner.report.site import Refusal, Site


def path_of(name: str) -> str:
    """The path of the page of a search."""
    return f"/search/{quote(name, safe='')}/"


def _list(site: Site, request: Request) -> Answer:
    """The page of all searches."""
    shown, seconds = site.all.newest()
    live = {"data": "/list.json", "seconds": seconds, "now": time.time()}
    return Answer(list_page.render(shown, live), again=seconds)


def _search(site: Site, request: Request) -> Answer:
    """The page of one search."""
    name = request.parts["name"]
    shown, seconds = site.feed(name).newest()
    live = {
        "data": "content.json",
        "monitor": "live.json",
        "seconds": seconds,
        "now": time.time(),
        "tensorboard": site.tensorboard.get(name),
    }
    return Answer(render(shown, live=live), again=seconds)


def _search_without_slash(site: Site, request: Request) -> Answer:
    """To where the page's relative addresses are right."""
    path = path_of(site.paths(request.parts["name"]).name)
    return Answer("", "text/plain", 308, headers={"Location": path})


def _content(site: Site, request: Request) -> Answer:
    """What the page of one search shows."""
    return _as_json(*site.feed(request.parts["name"]).newest())


def _monitor(site: Site, request: Request) -> Answer:
    """What happens in one search."""
    return _as_json(*site.monitor(request.parts["name"]).newest())


def _log(site: Site, request: Request) -> Answer:
    """What the log of a trial says from the byte `from` on; without it its end."""
    trial, start = request.parts["trial"], request.query.get("from")
    for number in (trial, start or "0"):
        if not (number.isascii() and number.isdecimal() and len(number) <= 15):
            raise Refusal(400, f"`{number}` is not a whole number")
    try:
        said = trial_log.piece(site.paths(request.parts["name"]), int(trial), None if start is None else int(start))
    except OSError as error:
        raise Refusal(503, f"the log of trial {trial} cannot be read ({sentence(error)})") from None
    return Answer(json.dumps(said), "application/json")


def _list_content(site: Site, request: Request) -> Answer:
    """What the page of all searches shows."""
    return _as_json(*site.all.newest())


def _as_json(shown: dict[str, Any], seconds: float) -> Answer:
    text = json.dumps(shown, allow_nan=False)
    return Answer(text, "application/json", version=shown["version"], again=seconds)


ROUTES = [
    Route("GET", "/", _list),
    Route("GET", "/list.json", _list_content),
    Route("GET", "/search/{name}", _search_without_slash),
    Route("GET", "/search/{name}/", _search),
    Route("GET", "/search/{name}/content.json", _content),
    Route("GET", "/search/{name}/live.json", _monitor),
    Route("GET", "/search/{name}/log/{trial}", _log),
]
