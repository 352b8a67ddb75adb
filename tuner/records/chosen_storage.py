"""Which storage is meant where a command names none: TUNER_STORAGE, else the `storage` of the project's tuner.toml."""

from __future__ import annotations

import os
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path

from trainables.config.wording import nearest, one_line
from tuner.errors import BadInput, sentence

VARIABLE = "TUNER_STORAGE"
FILE = "tuner.toml"
_KEYS = ("storage",)
_ELSEWHERE = re.compile(r"~|s3:|[a-z][a-z0-9+.-]+:/", re.IGNORECASE)  # no folder from where the file lies


@dataclass(frozen=True)
class Chosen:
    """The text of a storage, and who says it, as a person would look for it."""

    text: str
    by: str


def chosen() -> Chosen | None:
    """The storage that the environment or the project names; None where neither does, and then it is the default one.

    The project's file is the nearest `tuner.toml` in the working directory or above it; a folder in it is meant from
    where the file lies. A variable that is empty counts as not set. `BadInput` for a file that cannot be read as such.
    """
    text = os.environ.get(VARIABLE, "").strip()
    if text:
        return Chosen(text, VARIABLE)
    file = _nearest_file()
    return None if file is None else _of_file(file)


def _nearest_file() -> Path | None:
    try:
        here = Path.cwd()
    except OSError:  # a working directory that was removed
        return None
    return next((folder / FILE for folder in (here, *here.parents) if os.path.isfile(folder / FILE)), None)


def _of_file(file: Path) -> Chosen | None:
    try:
        content = tomllib.loads(file.read_bytes().decode())
    except OSError as error:
        raise BadInput(f"cannot read {file} ({sentence(error)}); see to its rights, or remove it") from None
    except ValueError as error:
        raise BadInput(f"{file} is not TOML ({one_line(str(error))}); repair it") from None
    strange = next((key for key in content if key not in _KEYS), None)
    if strange is not None:
        near = nearest(strange, _KEYS, otherwise="remove it")
        raise BadInput(f"`{strange}` in {file} is not known, but only {', '.join(_KEYS)}; {near}")
    if "storage" not in content:
        return None
    text = content["storage"]
    if not isinstance(text, str) or not text.strip():
        raise BadInput(f'`storage` in {file} is {text!r}, but must be a folder or "s3://BUCKET/PREFIX"; correct it')
    return Chosen(text if _ELSEWHERE.match(text) else str(file.parent / text), str(file))
