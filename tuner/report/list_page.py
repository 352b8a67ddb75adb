"""The page of all searches of a storage: one HTML file that may reach its own server and nothing else."""

from __future__ import annotations

from typing import Any

from tuner.report import page

_SCRIPTS = ("dom", "state", "format", "glossary", "table", "searches")


def render(shown: dict[str, Any], live: dict[str, Any]) -> str:
    """The page as HTML.

    Args:
        shown: what `tuner.report.live.ListFeed` makes.
        live: `data` (address of new content), `seconds` (between two looks) and `now` (unix seconds).
    """
    return page.filled("list.html", _SCRIPTS, shown, live=live, charts=False, storage=shown["storage"])
