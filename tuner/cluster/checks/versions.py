"""Which Ray the nodes would run: it must be the one this project is made for, and never a build of the day."""

from __future__ import annotations

import importlib.metadata
import re
from collections.abc import Iterator

_NIGHTLY = re.compile(r"ray-wheels/latest|ray-\d+\.\d+\.\d+\.dev\d+")
_RAY_IMAGE = re.compile(r"(?:^|/)rayproject/ray[a-z-]*(?::(?P<tag>\S+))?$")


def ours() -> str:
    """The version of Ray that is installed here."""
    return importlib.metadata.version("ray")


def of_commands(commands: Iterator[tuple[str, str]]) -> Iterator[str]:
    """A sentence for each command, given with its place, that installs a nightly wheel."""
    for where, command in commands:
        if _NIGHTLY.search(command):
            yield (
                f"{where} installs a nightly build of Ray (Ray's own default does); give the commands that install "
                f"ray=={ours()}, or an empty list when the image has it"
            )


def of_image(where: str, image: str) -> Iterator[str]:
    """A sentence when an image is not pinned to a version or a digest, or holds another Ray than ours."""
    named, _, digest = image.partition("@")
    name, _, tag = named.rpartition(":")
    if not name or "/" in tag:
        tag = ""
    if not digest and (not tag or tag.startswith(("latest", "nightly"))):
        yield f"{where} is {image}, which is another image every day; give a tag with a version, or a digest"
        return
    found = _RAY_IMAGE.search(named)
    version = re.match(r"\d+\.\d+\.\d+", tag)
    if found and version and version.group() != ours():
        yield f"{where} is {image}, but this tuner runs on Ray {ours()}; take the image of that version"
