"""What the listing says of this project's spaces, kept in the user's cache: to build them takes seconds of Ray Tune's imports.

It belongs to the sources that it was read from, by their hash; one of other sources, or that cannot be read, is made anew.
"""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

from pydantic import BaseModel, ValidationError

import search_spaces
import trainables
from trainables import families
from trainables.storage.kept import Kept


class Listed(BaseModel, from_attributes=True):
    """What is listed of a space: its budget in short, and what it asks."""

    trials: int
    epochs: int
    grace: int
    reduction: float
    summary: str = ""


def listed(wanted: list[tuple[str, str]]) -> list[Listed]:
    """These spaces by family and name, in this order; `ValueError` for one that cannot be loaded."""
    kept, found = Kept("spaces.json", hashlib.sha256(b"".join(_sources())).hexdigest()), []
    # What an installed package offers changes without a trace in our sources; what is imported already costs nothing.
    ours = [search_spaces.origin(*space) == families.OURS and not _is_imported(space[0]) for space in wanted]
    for (family, name), keeps in zip(wanted, ours, strict=True):
        said = _kept(kept.rows.get(f"{family}/{name}")) if keeps else None
        if said is None:
            space = search_spaces.load(family, name)
            said = Listed.model_validate(space.budget).model_copy(update={"summary": space.summary})
        if keeps:
            kept.rows[f"{family}/{name}"] = said.model_dump()
        found.append(said)
    kept.write()
    return found


def _kept(row: object) -> Listed | None:
    try:
        return Listed.model_validate(row)
    except ValidationError:
        return None


def _is_imported(family: str) -> bool:
    return f"search_spaces.{family}" in sys.modules


def _sources() -> list[bytes]:
    """Every file that a space is read from, with its name."""
    ours = Path(trainables.__path__[0])
    folders = [Path(search_spaces.__path__[0]), ours / "config", ours / "plans"]
    files = [
        file for folder in folders for file in sorted(folder.rglob("*")) if file.is_file() and file.suffix != ".pyc"
    ]
    return [str(file).encode() + b"\0" + hashlib.sha256(file.read_bytes()).digest() for file in files]
