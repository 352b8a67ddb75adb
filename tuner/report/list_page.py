"""The page of all searches of a storage: one HTML file that may reach its own server and nothing else."""

from __future__ import annotations

import functools
from typing import Any

from tuner.report import page

_SCRIPTS = ("dom", "state", "format", "glossary", "table", "searches")


def render(shown: dict[str, Any], live: dict[str, Any]) -> str:
    """The page as HTML.

    Args:
        shown: what `tuner.report.live.ListFeed` makes.
        live: `data` (address of new content), `seconds` (between two looks) and `now` (unix seconds).
    """
    code = _code()
    return page.filled(
        "list.html",
        (code,),
        live=live,
        code=code,
        storage=shown["storage"],
        content=page.as_script(shown),
    )


@functools.cache
def _code() -> str:
    return page.joined(_SCRIPTS)
