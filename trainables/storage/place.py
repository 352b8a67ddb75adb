"""From the text of a storage to the place it means: a `Path`, or an `S3Path` for s3://BUCKET/PREFIX."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path

from trainables.storage import temporary
from trainables.storage.s3path import S3Path

Place = Path | S3Path
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):/")


def place(text: str) -> Place:
    """The place that a text means: s3://BUCKET/PREFIX, or else a folder; ValueError for what is almost an address.

    Keys and endpoints do not belong into the text: they come from the standard AWS variables and files.
    """
    scheme = _SCHEME.match(text)
    if scheme is None and not re.match(r"s3:", text, re.IGNORECASE):
        return Path(text)
    if not text.startswith("s3://"):
        # Whatever follows may hold a secret that is not to be repeated.
        start = scheme.group(0) if scheme else "s3:"
        raise ValueError(f"the storage begins with {start}, but must be a folder or s3://BUCKET/PREFIX; correct it")
    bucket, _, key = text.removeprefix("s3://").partition("/")
    if "@" in text or "?" in text:
        raise ValueError(
            "the storage holds `@` or `?`, but must be s3://BUCKET/PREFIX alone; give keys and the endpoint through "
            "AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_ENDPOINT_URL"
        )
    if not re.fullmatch(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", bucket):
        raise ValueError(
            f"the bucket of the storage is `{bucket}`, but a bucket has 3 to 63 lower-case letters, digits, dots and "
            "dashes; give s3://BUCKET/PREFIX"
        )
    parts = [part for part in key.split("/") if part]
    if {".", ".."} & set(parts):
        raise ValueError(f"the storage is {text}, but a prefix has no `.` or `..`; write it out")
    return S3Path(bucket, "/".join(parts))


@contextlib.contextmanager
def local_copy(source: Place) -> Iterator[Path]:
    """A file on this machine with the content of `source` and its name: itself where it is local, else a copy for the
    time of the block."""
    if isinstance(source, Path):
        yield source
        return
    with temporary.folder() as folder:
        copy = folder / source.name
        with copy.open("wb") as file:
            source.download(file)
        yield copy
