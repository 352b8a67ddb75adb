"""Append-only records: one JSON object a line, written once, readable by anything, forever.

Everything shown to a person is recomputed from these lines, and a search resumes from them: so a line is written before
its consequence happens, and a process killed in the middle of a write loses that line only.
"""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from trainables.redaction import redact
from tuner.errors import BadInput

Record = dict[str, Any]
# The records that hold what an exception said, and where in them.
_FAILURES = ("replicate_failed", "error", "end")
_ACCOUNTS = ("message", "traceback", "reason")


class RecordWriter:
    """Appends records to a file; the only writer of it (the driver holds the experiment's lock).

    Args:
        path: the file, made with its folder when missing.
        listeners: called with every record once it is written: the live table, TensorBoard.
    """

    def __init__(self, path: Path, *listeners: Callable[[Record], None]) -> None:
        self._listeners = listeners
        path.parent.mkdir(parents=True, exist_ok=True)
        _drop_torn_tail(path)
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)

    def write(self, *records: Record) -> None:
        """Append the records in one system call, so that a kill between two of them cannot separate them."""
        now = round(time.time(), 3)
        stamped = [_finite({"time": now, **_without_secrets(record)}) for record in records]
        data = "".join(json.dumps(record, allow_nan=False) + "\n" for record in stamped).encode()
        size = os.fstat(self._file).st_size
        try:
            while data:  # a signal may cut a write short
                data = data[os.write(self._file, data) :]
        except OSError:
            os.ftruncate(self._file, size)  # a half-written line would spoil the next one as well
            raise
        for record in stamped:
            for listener in self._listeners:
                listener(record)

    def close(self) -> None:
        """Flush to the disk and close; a second call does nothing."""
        if self._file >= 0:
            os.fsync(self._file)
            os.close(self._file)
            self._file = -1


def read(path: Path) -> Iterator[Record]:
    """The records in order of arrival.

    A last line without its newline was torn by a kill and is skipped; any other line that is not a JSON object raises
    `BadInput` with its number.
    """
    if not path.exists():
        return
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if not line.endswith(b"\n"):
                return
            try:
                record = json.loads(line)
            except ValueError:
                record = None
            if not isinstance(record, dict) or "event" not in record:
                raise BadInput(f"line {number} of {path} is not a record; remove or repair that line and try again")
            yield record


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


def _without_secrets(record: Record) -> Record:
    """The record with its account of a failure redacted: an exception may quote the address or the key it failed with."""
    if record.get("event") not in _FAILURES:
        return record
    return {key: redact(value) if key in _ACCOUNTS and value else value for key, value in record.items()}


def _finite(value: Any) -> Any:
    """The value with every float that JSON cannot hold replaced by null."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return value
