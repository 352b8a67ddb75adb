"""Telling a person elsewhere how a search ended: one JSON POST to a URL, which may hold a secret and is never written down."""

from __future__ import annotations

import json
import os
import threading
import urllib.error
import urllib.request
from collections.abc import Sequence
from typing import Any, Literal
from urllib.parse import urlsplit

from tuner.errors import BadInput

VARIABLE = "TUNER_NOTIFY"  # where no --notify is given; a batch script or a job takes the URL from there
State = Literal["finished", "failed", "interrupted", "needs a person"]
WAITS = (0.0, 1.0, 2.0)  # seconds before each attempt
_PATIENCE = 2.0  # seconds for an answer
_MOST = 5.0  # seconds that the end of a search waits for all of it


def chosen(given: str | None) -> str | None:
    """The URL that is meant: what is given, else what the environment says; BadInput for what is none."""
    url = given if given is not None else os.environ.get(VARIABLE) or None
    if url is None:
        return None
    told = "--notify" if given is not None else VARIABLE
    try:
        parts = urlsplit(url)
        sound = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        sound = False
    if not sound or not url.isascii() or any(character.isspace() for character in url):
        raise BadInput(
            f"{told} must be a URL such as https://hooks.example.com/services/SECRET, with http or https and a host; correct it "
            "(it is not shown here, since it may hold a secret)"
        )
    return url


def message(
    name: str, state: State, best: str | None, commands: Sequence[str], reason: str | None = None
) -> dict[str, Any]:
    """What is posted; `text` is what Slack and those alike show."""
    said = [f"tuner: {name} {'is ' if state in ('finished', 'interrupted') else ''}{state}", reason, best]
    lines = [". ".join(part for part in said if part), *(f"`{command}`" for command in commands)]
    return {
        "text": "\n".join(lines),
        "name": name,
        "state": state,
        "best": best,
        "reason": reason,
        "commands": list(commands),
    }


def post(url: str, content: dict[str, Any]) -> str | None:
    """Post it, and wait for that a few seconds at most; a sentence where nobody was told, without the URL."""
    failure: list[str] = ["no answer yet"]
    thread = threading.Thread(target=_attempts, args=(url, json.dumps(content).encode(), failure), daemon=True)
    thread.start()
    thread.join(_MOST)
    if not failure:
        return None
    return f"nobody was notified: {urlsplit(url).hostname} ({failure[-1]}); the search itself is not touched by that"


def _attempts(url: str, body: bytes, failure: list[str]) -> None:
    """Try again for a while; `failure` is empty once it was taken, else holds why not."""
    over = threading.Event()
    for wait in WAITS:
        over.wait(wait)
        request = urllib.request.Request(url, body, {"Content-Type": "application/json", "User-Agent": "tuner"})
        try:
            with urllib.request.urlopen(request, timeout=_PATIENCE):
                failure.clear()
                return
        except urllib.error.HTTPError as error:
            failure.append(f"HTTP {error.code}")
        except Exception as error:  # whatever a network can do must not end a search
            failure.append(type(error).__name__)
