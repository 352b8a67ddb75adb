"""What people say of an experiment: a note and tags, a small file beside the records that no driver reads or writes."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict, ValidationError

from trainables.config.wording import nearest, one_line
from trainables.storage import whole
from tuner.errors import BadInput, sentence
from tuner.records.forms import complaint
from tuner.records.paths import ExperimentPaths

NOTE_LENGTH = 500
TAG_LENGTH = 40


@dataclass(frozen=True)
class Labels:
    """The note, empty where there is none, and the tags in the order they were given."""

    note: str = ""
    tags: tuple[str, ...] = ()


class _File(BaseModel):
    """What the file must hold."""

    model_config = ConfigDict(strict=True)

    note: str = ""
    tags: list[str] = []


def read(paths: ExperimentPaths) -> Labels:
    """The labels of an experiment; `BadInput` where the file is not of the form."""
    try:
        said = _File.model_validate_json(paths.labels.read_bytes())
    except FileNotFoundError:
        return Labels()
    except OSError as error:
        raise BadInput(f"cannot read {paths.labels} ({sentence(error)}); it holds the note and the tags") from None
    except ValidationError as error:
        raise BadInput(
            f"{paths.labels} is not of the form of a note and tags: {complaint(error)}; repair or remove it"
        ) from None
    return Labels(said.note, tuple(said.tags))


def write_note(paths: ExperimentPaths, text: str) -> Labels:
    """Replace the note; an empty text removes it."""
    note = one_line(text)
    if len(note) > NOTE_LENGTH:
        raise BadInput(f"the note has {len(note)} characters, but must have at most {NOTE_LENGTH}; shorten it")
    if not note.isprintable():
        raise BadInput("the note holds characters that a terminal cannot show; leave them out")
    return _write(paths, Labels(note, read(paths).tags))


def write_tags(paths: ExperimentPaths, add: Sequence[str] = (), remove: Sequence[str] = ()) -> Labels:
    """Add tags, those that are there already stay where they are, and remove others."""
    before = read(paths)
    for tag in add:
        require(tag)
    for tag in remove:
        if tag not in before.tags:
            there = f"its tags are {', '.join(before.tags)}" if before.tags else "it has none"
            near = nearest(tag, before.tags, before="; ")
            raise BadInput(f"`{tag}` is not a tag of `{paths.name}`, {there}{near}")
    tags = dict.fromkeys([*before.tags, *add])
    return _write(paths, Labels(before.note, tuple(tag for tag in tags if tag not in remove)))


def require(tag: str) -> None:
    """`BadInput` where no experiment could have the tag."""
    if len(tag) > TAG_LENGTH or not re.fullmatch(r"\w[\w.:/+-]*", tag):
        raise BadInput(
            f"the tag is {tag!r}, but must have at most {TAG_LENGTH} letters, digits and `.`, `_`, `-`, `:`, `/`, `+`, and "
            "begin with a letter or digit; choose another"
        )


def _write(paths: ExperimentPaths, labels: Labels) -> Labels:
    content = {"note": labels.note, "tags": labels.tags}
    try:
        with whole(paths.labels) as file:
            file.write(f"{json.dumps(content, indent=2)}\n".encode())
    except OSError as error:
        raise BadInput(
            f"cannot write {paths.labels} ({sentence(error)}); ask its owner, or see to the rights of the folder"
        ) from None
    return labels
