"""What the listing says of this project's spaces, kept in the user's cache: to build them takes seconds of Ray Tune's imports.

It belongs to the sources that it was read from, by their hash; one of other sources, or that cannot be read, is made anew.
"""

from __future__ import annotations

import contextlib
import hashlib
import sys
from pathlib import Path

from pydantic import BaseModel

import search_spaces
import trainables
from trainables import families
from trainables.storage import home, whole


class Listed(BaseModel, from_attributes=True):
    """What is listed of a space: its budget in short, and what it asks."""

    trials: int
    epochs: int
    grace: int
    reduction: float
    summary: str = ""


class _Kept(BaseModel):
    sources: str
    spaces: dict[str, Listed] = {}  # by family/name


def listed(wanted: list[tuple[str, str]]) -> list[Listed]:
    """These spaces by family and name, in this order; `ValueError` for one that cannot be loaded."""
    place, sources = home.absolute("~/.cache/tuner/spaces.json"), hashlib.sha256(b"".join(_sources())).hexdigest()
    kept, found = _Kept(sources=sources), []
    with contextlib.suppress(OSError, ValueError):
        read = _Kept.model_validate_json(place.read_bytes())
        kept = read if read.sources == sources else kept
    before = len(kept.spaces)
    # What an installed package offers changes without a trace in our sources; what is imported already costs nothing.
    ours = [search_spaces.origin(*space) == families.OURS and not _is_imported(space[0]) for space in wanted]
    for (family, name), keeps in zip(wanted, ours, strict=True):
        said = kept.spaces.get(f"{family}/{name}") if keeps else None
        if said is None:
            space = search_spaces.load(family, name)
            said = Listed.model_validate(space.budget).model_copy(update={"summary": space.summary})
        if keeps:
            kept.spaces[f"{family}/{name}"] = said
        found.append(said)
    if len(kept.spaces) > before:
        with contextlib.suppress(OSError):
            place.parent.mkdir(parents=True, exist_ok=True)
            with whole(place) as file:
                file.write(kept.model_dump_json().encode())
    return found


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
