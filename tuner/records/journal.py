"""The bytes under the records: a file that grows on a disk, numbered segments on S3; either way a write is whole or not there.

S3 has no append, so there the newest segment is written anew with each write, and a new one is begun when it is large: few
objects to read, and together they are, byte for byte, the file that a disk would hold. Each write names the version that it
replaces, so two drivers can never mix their records.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from trainables.storage import Place, S3Path
from trainables.storage.s3path import Conflict
from tuner.errors import TunerError

SEGMENT = 256 * 1024  # bytes after which a new segment is begun


class Journal(Protocol):
    """Whole lines, appended in order by one process."""

    def append(self, data: bytes) -> None:
        """Add lines, all or none of them; OSError when the storage does not take them."""

    def settle(self, wait: bool = True) -> None:
        """Write what could not be written before; with `wait`, return only once all of it is there."""

    def close(self) -> None:
        """Flush to the storage and close; a second call does nothing."""


def journal(place: Place) -> Journal:
    """The journal at a place, to append to; what a kill left half-written there is cut off."""
    return FileJournal(place) if isinstance(place, Path) else SegmentJournal(place)


def lines(place: Place) -> Iterator[bytes]:
    """The lines at a place in order, each with its newline; the last one may lack it. None when there is no journal."""
    if isinstance(place, Path):
        if place.exists():
            with place.open("rb") as file:
                yield from file
        return
    for segment in _segments(place):
        yield from segment.read_bytes().splitlines(keepends=True)


class FileJournal:
    """A file, made with its folder when missing, to which each append is one system call."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        _drop_torn_tail(path)
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        self._end = os.fstat(self._file).st_size  # of what was written whole
        self._torn = False
        self._on_network = _on_network(path)

    def append(self, data: bytes) -> None:
        self._mend()
        self._torn = True
        try:
            rest = data
            while rest:  # a signal may cut a write short
                rest = rest[os.write(self._file, rest) :]
            if self._on_network:  # only now a full or lost server says so
                os.fsync(self._file)
        except OSError:
            with contextlib.suppress(OSError):
                self._mend()
            raise
        self._end, self._torn = self._end + len(data), False

    def close(self) -> None:
        if self._file >= 0:
            file, self._file = self._file, -1
            try:
                os.fsync(file)
            finally:
                os.close(file)

    def settle(self, wait: bool = True) -> None:
        """Nothing to do: every append is there already."""

    def _mend(self) -> None:
        """Cut off a half-written line, which would spoil the next one as well."""
        if self._torn:
            os.ftruncate(self._file, self._end)
            self._torn = False


class SegmentJournal:
    """Objects PLACE/00000.jsonl, PLACE/00001.jsonl, ... where PLACE is the journal's name without its ending."""

    def __init__(self, place: S3Path) -> None:
        self._place = place
        self._number, self._data = 0, b""
        self._tag: str | None = None  # of the segment's version that holds these bytes; None before the first
        for segment in _segments(place):
            self._number = int(segment.name.partition(".")[0])
        self._recall()

    def append(self, data: bytes) -> None:
        if len(self._data) >= SEGMENT:
            self._number, self._data, self._tag = self._number + 1, b"", None
        whole = self._data + data
        try:
            tag = self._segment().replace(whole, self._tag)
        except Conflict:
            # Ours after all if only the answer to an earlier attempt was lost.
            version = self._segment().read_version()
            if version.data != whole:
                raise TunerError(
                    f"another process writes to {self._place.parent} now, so this one leaves it alone; follow the search "
                    "with `tuner status`"
                ) from None
            tag = version.tag
        self._data, self._tag = whole, tag

    def settle(self, wait: bool = True) -> None:
        """Nothing to do: every append is there already."""

    def close(self) -> None:
        """Nothing to close."""

    def _segment(self) -> S3Path:
        return _folder(self._place) / f"{self._number:05d}.jsonl"

    def _recall(self) -> None:
        try:
            version = self._segment().read_version()
        except FileNotFoundError:
            return
        self._data, self._tag = version.data, version.tag


def _segments(place: S3Path) -> list[S3Path]:
    return sorted(_folder(place).glob("*.jsonl"), key=lambda segment: segment.name)


def _folder(place: S3Path) -> S3Path:
    return place.parent / place.name.partition(".")[0]


def _drop_torn_tail(path: Path) -> None:
    """Cut a last line that a kill left without its newline, so that the next record starts on a line of its own."""
    if not path.exists():
        return
    with path.open("r+b") as file:
        end = file.seek(0, os.SEEK_END)
        step = 4096
        position = end
        while position > 0:
            position = max(0, position - step)
            file.seek(position)
            newline = file.read(min(step, end - position)).rfind(b"\n")
            if newline >= 0:
                file.truncate(position + newline + 1)
                return
        file.truncate(0)


def _on_network(path: Path) -> bool:
    """Whether the file lies on a network file system, as far as the kernel's list of mounts tells."""
    try:
        mounts = [line.split()[1:3] for line in Path("/proc/self/mounts").read_text().splitlines()]
    except OSError:
        return False
    where = path.resolve()
    holding = [(len(point), kind) for point, kind in mounts if where.is_relative_to(point)]
    return max(holding, default=(0, ""))[1].startswith(("nfs", "cifs", "smb", "fuse", "lustre", "ceph"))
