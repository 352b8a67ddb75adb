"""The addresses of the dashboard and what answers at each of them."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

from tuner.report.page import render
from tuner.report.server import Answer, Request, Route
from tuner.report.site import Site


def path_of(name: str) -> str:
    """The path of the page of a search."""
    return f"/search/{quote(name, safe='')}/"


def _search(site: Site, request: Request) -> Answer:
    """The page of one search."""
    name = request.parts["name"]
    shown, seconds = site.feed(name).newest()
    live = {"data": "content.json", "seconds": seconds, "tensorboard": site.tensorboard.get(name)}
    return Answer(render(shown, live=live), again=seconds)


def _search_without_slash(site: Site, request: Request) -> Answer:
    """To where the page's relative addresses are right."""
    path = path_of(site.paths(request.parts["name"]).name)
    return Answer("", "text/plain", 308, headers={"Location": path})


def _content(site: Site, request: Request) -> Answer:
    """What the page of one search shows."""
    return _as_json(*site.feed(request.parts["name"]).newest())


def _list_content(site: Site, request: Request) -> Answer:
    """What the page of all searches shows."""
    return _as_json(*site.all.newest())


def _as_json(shown: dict[str, Any], seconds: float) -> Answer:
    text = json.dumps(shown, allow_nan=False)
    return Answer(text, "application/json", version=shown["version"], again=seconds)


ROUTES = [
    Route("GET", "/list.json", _list_content),
    Route("GET", "/search/{name}", _search_without_slash),
    Route("GET", "/search/{name}/", _search),
    Route("GET", "/search/{name}/content.json", _content),
]
