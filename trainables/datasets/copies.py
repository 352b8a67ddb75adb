"""The files of a dataset in a folder or under an S3 prefix: copied one by one, and their sums beside them."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path
from typing import IO

from pydantic import BaseModel, Field

from trainables.datasets.arrays import DatasetError
from trainables.storage import Place, whole

_PIECE = 2**20  # bytes read at once


class File(BaseModel):
    """Size and sum of a file."""

    bytes: int = Field(ge=0)
    sha256: str = Field(pattern="^[0-9a-f]{64}$")


class Manifest(BaseModel):
    """What lies beside the files of a dataset."""

    dataset: str
    files: dict[str, File]


def below(shared: Place, file: str) -> Place:
    """The place of a file that is named from there, with slashes."""
    for part in file.split("/"):
        shared = shared / part
    return shared


def read(shared: Place, file: str, stream: IO[bytes]) -> None:
    """Copy a file from there; `DatasetError` where it is missing or may not be read."""
    found = below(shared, file)
    try:
        if isinstance(found, Path):
            with found.open("rb") as content:
                shutil.copyfileobj(content, stream, _PIECE)
        else:
            found.download(stream)
    except FileNotFoundError:
        raise DatasetError(f"{found} is missing; put the dataset there again with `tuner data put`") from None
    except PermissionError as error:
        raise DatasetError(f"{found} cannot be read ({error.strerror}); make it readable") from None


def write(target: Place, file: str, content: IO[bytes]) -> None:
    """Copy a file there, whole or not at all."""
    path = below(target, file)
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole(path) as stream:
        shutil.copyfileobj(content, stream, _PIECE)


def digest(path: Path) -> str:
    """SHA-256 of a file, as hexadecimal digits."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
