"""A key of an S3 bucket, with the part of `pathlib.Path` that an experiment needs.

What S3 has not is not imitated: there is no append and no rename. A write is whole or not there, and `replace` writes only
if nobody else has written since: with that a lock and an append-only journal are made.
"""

from __future__ import annotations

import fnmatch
import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Any

from trainables.storage.s3client import Conflict, StorageError, client, sentences

__all__ = ["Conflict", "S3Path", "StorageError", "Version"]


@dataclass(frozen=True)
class Version:
    """The content of a key at one moment. `tag` names that content for `S3Path.replace`; `age` is seconds since it was
    written, by the server's clock alone."""

    data: bytes
    tag: str
    age: float


@dataclass(frozen=True)
class S3Path:
    """`s3://bucket/key`; the key may be that of an object or the beginning of many ("folders" need no making).

    Every call raises FileNotFoundError where `pathlib` would and `StorageError`, an OSError whose text is a sentence,
    where the storage cannot be reached or used.
    """

    bucket: str
    key: str = ""

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.key}".rstrip("/")

    def __truediv__(self, part: str) -> S3Path:
        return S3Path(self.bucket, f"{self.key}/{part}".lstrip("/"))

    @property
    def name(self) -> str:
        return self.key.rpartition("/")[2] or self.bucket

    @property
    def parent(self) -> S3Path:
        return S3Path(self.bucket, self.key.rpartition("/")[0])

    def exists(self) -> bool:
        """Whether there is an object with exactly this key."""
        try:
            self._call("head_object")
        except FileNotFoundError:
            return False
        return True

    is_file = exists

    def read_bytes(self) -> bytes:
        return self.read_version().data

    def read_text(self) -> str:
        return self.read_bytes().decode()

    def open(self, mode: str) -> IO[bytes]:
        """The content as a binary file for reading, fetched at once; `mode` must be "rb"."""
        assert mode == "rb", mode
        return io.BytesIO(self.read_bytes())

    def read_version(self) -> Version:
        """The content together with what is needed to replace it."""
        with sentences(str(self)):
            answer = client().get_object(Bucket=self.bucket, Key=self.key)
            data = bytes(answer["Body"].read())
        headers = answer["ResponseMetadata"]["HTTPHeaders"]
        return Version(data, answer["ETag"], _age(headers))

    def write_bytes(self, data: bytes) -> None:
        """Write the whole object."""
        self._call("put_object", Body=data)

    def replace(self, data: bytes, tag: str | None) -> str:
        """Write the whole object if it still is the version of that tag (None: if there is none); the new tag.

        Raises:
            Conflict: it is not. An earlier attempt of the same write, whose answer was lost, gives this as well: compare
                what is there.
        """
        condition = {"IfNoneMatch": "*"} if tag is None else {"IfMatch": tag}
        try:
            return str(self._call("put_object", Body=data, **condition)["ETag"])
        except FileNotFoundError:
            raise Conflict(f"{self} was removed by somebody else meanwhile") from None

    def upload(self, file: IO[bytes]) -> None:
        """Write the whole object from a binary file, in parts where it is large; whole or not there all the same."""
        with sentences(str(self)):
            client().upload_fileobj(file, self.bucket, self.key)

    def download(self, file: IO[bytes]) -> None:
        """Write the content to a binary file."""
        with sentences(str(self)):
            client().download_fileobj(self.bucket, self.key, file)

    def touch(self) -> None:
        self.write_bytes(b"")

    def unlink(self, missing_ok: bool = False) -> None:
        """Remove the object; S3 does not tell whether it was there."""
        self._call("delete_object")

    def mkdir(self, parents: bool = False, exist_ok: bool = False) -> None:
        """Nothing: a key needs no folder."""

    def glob(self, pattern: str) -> Iterator[S3Path]:
        """The children whose name matches, each a key or the beginning of keys; for `PART/PART` the grandchildren."""
        first, _, rest = pattern.partition("/")
        for name in self._children(first.partition("*")[0]):
            if fnmatch.fnmatchcase(name, first):
                child = self / name
                if not rest:
                    yield child
                elif "*" in rest:
                    yield from child.glob(rest)
                elif (child / rest).exists():
                    yield child / rest

    def tags(self) -> dict[str, str]:
        """The objects directly below this key by name, each with the tag of its content (see `read_version`)."""
        skip = len(self._prefix())
        return {entry["Key"][skip:]: entry["ETag"] for page in self._pages("") for entry in page.get("Contents", ())}

    def _children(self, start: str) -> Iterator[str]:
        """The names of the children that begin with `start`."""
        skip = len(self._prefix())
        for page in self._pages(start):
            for entry in page.get("CommonPrefixes", ()):
                yield entry["Prefix"][skip:-1]
            for entry in page.get("Contents", ()):
                yield entry["Key"][skip:]

    def _prefix(self) -> str:
        return f"{self.key}/" if self.key else ""

    def _pages(self, start: str) -> Iterator[dict[str, Any]]:
        """The answers that list the children whose name begins with `start`."""
        token: dict[str, Any] = {}
        while True:
            with sentences(str(self)):
                page = client().list_objects_v2(
                    Bucket=self.bucket, Prefix=self._prefix() + start, Delimiter="/", **token
                )
            yield page
            if not page.get("IsTruncated"):
                return
            token = {"ContinuationToken": page["NextContinuationToken"]}

    def _call(self, operation: str, **arguments: Any) -> Any:
        with sentences(str(self)):
            return getattr(client(), operation)(Bucket=self.bucket, Key=self.key, **arguments)


def _age(headers: dict[str, str]) -> float:
    from email.utils import parsedate_to_datetime

    now, written = (parsedate_to_datetime(headers[name]) for name in ("date", "last-modified"))
    return max(0.0, (now - written).total_seconds())
