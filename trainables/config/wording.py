"""Parts of the sentences that say what is wrong."""

from __future__ import annotations

from collections.abc import Sequence

LISTED = 5  # names shown before "..."


def some(names: Sequence[str]) -> str:
    """The first five names of a list, and how many there are."""
    return ", ".join(names[:LISTED]) + (f", ... ({len(names)} in all)" if len(names) > LISTED else "")
