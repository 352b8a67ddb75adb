"""The addresses of the dashboard and what answers at each of them."""

from __future__ import annotations

import json
import time
from typing import Any
from urllib.parse import quote

from tuner.errors import BadInput, sentence
from tuner.report import compare_page, list_page, trial_log
from tuner.report.acting import Actor
from tuner.report.page import render
from tuner.report.refusal import Refusal
from tuner.report.server import Answer, Request, Route
from tuner.report.site import Site
from tuner.report.trial_files import trial_files


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
        "trial": "trial.json",
    }
    if site.actor is not None and site.actor.admits(request.query.get("token")):
        live["act"] = "act.json"
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
    return _json(said)


def _trial(site: Site, request: Request) -> Answer:
    """What the folder of a trial holds: the end of its log, its checkpoints."""
    which = request.query.get("trial", "")
    if not which.isdecimal() or len(which) > 9:
        raise Refusal(400, f"the trial is {which!r}, but must be a number")
    return _json(trial_files(site.paths(request.parts["name"]), int(which)))


def _actions(site: Site, request: Request) -> Answer:
    """The buttons of a search and what their commands print."""
    return _json(_actor(site, request).told(site.paths(request.parts["name"])))


def _act(site: Site, request: Request) -> Answer:
    """Run the command of a button: `{"action": ..., "number": ...}`."""
    actor = _actor(site, request)
    try:
        asked = json.loads(request.body)
    except ValueError:
        asked = None
    if not isinstance(asked, dict):
        raise Refusal(400, 'what is sent must be an object such as {"action": "stop"}')
    started = actor.start(site.paths(request.parts["name"]), asked.get("action"), asked.get("number"))
    return _json(started, status=202)


def _compare(site: Site, request: Request) -> Answer:
    """The page of several searches beside each other, `names=first,second`."""
    names = list(dict.fromkeys(filter(None, request.query.get("names", "").split(","))))
    try:
        shown = compare_page.content([site.paths(name) for name in names])
    except BadInput as error:
        raise Refusal(400, str(error)) from None
    return Answer(compare_page.render(shown, {"all": "/"}))


def _actor(site: Site, request: Request) -> Actor:
    """Who runs commands; `Refusal` for whoever has not the token."""
    if site.actor is None:
        raise Refusal(403, "this dashboard only reads; start it with --act to act from its pages")
    if not site.actor.admits(request.query.get("token")):
        raise Refusal(403, "the token is missing or wrong; open the address that `tuner dashboard --act` printed")
    return site.actor


def _list_content(site: Site, request: Request) -> Answer:
    """What the page of all searches shows."""
    return _as_json(*site.all.newest())


def _as_json(shown: dict[str, Any], seconds: float) -> Answer:
    """What a feed has, for whoever does not have it yet."""
    return _json(shown, version=shown["version"], again=seconds)


def _json(value: Any, **more: Any) -> Answer:
    return Answer(json.dumps(value, allow_nan=False), "application/json", **more)


ROUTES = [
    Route("GET", "/compare", _compare),
    Route("GET", "/", _list),
    Route("GET", "/list.json", _list_content),
    Route("GET", "/search/{name}", _search_without_slash),
    Route("GET", "/search/{name}/", _search),
    Route("GET", "/search/{name}/content.json", _content),
    Route("GET", "/search/{name}/trial.json", _trial),
    Route("GET", "/search/{name}/act.json", _actions),
    Route("POST", "/search/{name}/act.json", _act),
    Route("GET", "/search/{name}/live.json", _monitor),
    Route("GET", "/search/{name}/log/{trial}", _log),
]
