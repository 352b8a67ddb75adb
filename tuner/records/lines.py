"""Append-only records: one JSON object a line, written once, readable by anything, forever.

Everything shown to a person is recomputed from these lines, and a search resumes from them: so a line is written before
its consequence happens, and a process killed in the middle of a write loses that line only.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from trainables.storage import Place, S3Path
from trainables.storage.redaction import redact
from tuner.errors import BadInput, sentence
from tuner.records.journal import Journal, journal, lines
from tuner.records.manifest import Manifest
from tuner.records.record_forms import Record as Record
from tuner.records.record_forms import WrongForm, parse
from tuner.records.record_order import RecordOrder

# The records that hold what an exception said, and where in them.
_FAILURES = ("replicate_failed", "error", "end")
_ACCOUNTS = ("message", "traceback", "reason")
# What must be on the storage before its consequence happens; other records can be had again from the workers.
_BINDING = {"decision", "promote", "end", "session"}


class RecordWriter:
    """Appends records to a journal; the only writer of it (the driver holds the experiment's lock).

    Args:
        to: the place of the journal, made when missing, or a journal.
        listeners: called with every record once it is written: the live table, TensorBoard.
    """

    def __init__(self, to: Place | Journal, *listeners: Callable[[Record], None]) -> None:
        self._listeners = listeners
        self._journal = journal(to) if isinstance(to, Path | S3Path) else to

    def write(self, *records: Record) -> None:
        """Append the records in one write, so that a kill between two of them cannot separate them.

        Decisions, ends and sessions are on the storage when this returns; so is everything else, unless the journal is
        riding out an outage. OSError if the storage does not take them, and then none of them is there.
        """
        now = round(time.time(), 3)
        stamped = [_finite({"time": now, **_without_secrets(record)}) for record in records]
        self._journal.append("".join(json.dumps(record, allow_nan=False) + "\n" for record in stamped).encode())
        if any(record["event"] in _BINDING for record in stamped):
            self._journal.settle()
        for record in stamped:
            for listener in self._listeners:
                listener(record)

    def catch_up(self) -> None:
        """Write what an outage held back, if it is time to try again."""
        self._journal.settle(wait=False)

    def close(self) -> None:
        """Flush to the disk and close; a second call does nothing."""
        self._journal.close()


def read(place: Place, manifest: Manifest | None = None) -> Iterator[Record]:
    """The records in order of arrival, each checked as it is read.

    A last line without its newline was torn by a kill and is skipped. Any other line that is not a JSON object or not of
    its event's form raises `BadInput` with its number, the field and the rule. An event of a later version passes.

    Args:
        manifest: of the experiment; with it, records that contradict it, or those above them, are refused as well.
    """
    order = None if manifest is None else RecordOrder(manifest)
    for number, line in enumerate(_lines(place), start=1):
        if not line.endswith(b"\n"):
            return
        try:
            record = parse(line)
            wrong = order.complaint(record) if order else None
        except WrongForm as error:
            if not error.event:
                raise BadInput(
                    f"line {number} of {place} is not a record ({error}); remove or repair that line and try again"
                ) from None
            record, wrong = {"event": error.event}, str(error)
        if wrong is not None:
            raise BadInput(
                f"line {number} of {place} is not a complete `{record['event']}` record ({wrong}); remove or repair that "
                "line and try again"
            )
        yield record


def _lines(place: Place) -> Iterator[bytes]:
    try:
        yield from lines(place)
    except (IsADirectoryError, NotADirectoryError, PermissionError) as error:
        raise BadInput(f"cannot read {place} ({sentence(error)}); it must be the experiment's records") from None


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
