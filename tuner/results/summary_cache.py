"""Rows of a list kept between two looks at a storage, in the user's cache, each with the stamp of the files it was made from."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Collection
from typing import Any

from trainables.storage import Place
from trainables.storage.kept import Kept
from tuner.results.summary import Summary

_FORM = "2"  # of the rows; another one is not read


class SummaryCache:
    """The rows of one storage."""

    def __init__(self, root: Place) -> None:
        digest = hashlib.sha256(str(root).encode(errors="surrogateescape")).hexdigest()[:16]
        self._kept = Kept(f"lists/{digest}.json", _FORM)

    def get(self, name: str, stamp: list[Any]) -> Summary | None:
        """The row kept under a name, if it was made from these files."""
        kept = self._kept.rows.get(name)
        if not isinstance(kept, dict) or kept.get("stamp") != json.loads(json.dumps(stamp)):
            return None
        try:
            return Summary(**kept["row"])
        except (KeyError, TypeError):  # of an earlier version
            return None

    def put(self, name: str, stamp: list[Any], row: Summary) -> None:
        self._kept.rows[name] = {"stamp": stamp, "row": dataclasses.asdict(row)}

    def keep(self, names: Collection[str]) -> None:
        """Write what changed, without the experiments that are gone."""
        self._kept.rows = {name: row for name, row in self._kept.rows.items() if name in names}
        self._kept.write()
