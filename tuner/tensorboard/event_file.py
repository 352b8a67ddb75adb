"""One TensorBoard event file, written record by record; readable up to the last complete record at any moment."""

from __future__ import annotations

import itertools
import os
import socket
import time
from collections.abc import Iterable
from pathlib import Path

from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.record_writer import RecordWriter

_serial = itertools.count()


class EventFile:
    """A new event file in a folder, which is made if needed.

    TensorBoard's own `EventFileWriter` starts a thread for each file and imports TensorFlow where that is installed.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        # TensorBoard reads the files of a folder in the order of their names, so the time comes first.
        name = f"events.out.tfevents.{int(time.time()):010d}.{socket.gethostname()}.{os.getpid()}.{next(_serial):06d}"
        self.path = folder / name
        self._writer = RecordWriter(self.path.open("xb"))
        self._append(Event(wall_time=time.time(), file_version="brain.Event:2"))

    def write(self, values: Iterable[Summary.Value], *, at: float, step: int = 0) -> None:
        """Append values as one event, at a unix time and a step."""
        self._append(Event(wall_time=at, step=step, summary=Summary(value=values)))

    def close(self) -> None:
        """Close the file."""
        self._writer.close()

    def _append(self, event: Event) -> None:
        self._writer.write(event.SerializeToString())
        self._writer.flush()
