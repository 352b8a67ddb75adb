"""A folder as the bytes of its files, and back: what trainables of Ray Tune save as a checkpoint."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path


def to_files(folder: Path) -> dict[str, bytes]:
    """The content of each file by its path in the folder."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def from_files(files: Mapping[str, bytes], folder: Path) -> Path:
    """The folder, filled."""
    for name, content in files.items():
        place = folder / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
    return folder
