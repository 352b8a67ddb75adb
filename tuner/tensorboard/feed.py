"""Who feeds TensorBoard: the driver where experiment and event files are on a disk, the dashboard itself where it is on S3."""

from __future__ import annotations

import contextlib
import itertools
import shutil
import threading

from tuner.errors import BadInput
from tuner.records import manifest as manifests
from tuner.records.lines import Record, read
from tuner.records.paths import ExperimentPaths
from tuner.tensorboard import writer as tensorboard

_FOLLOW_SECONDS = 10.0  # between two looks at records on S3


class Export:
    """Context manager of a driver: event files rebuilt from the records at the start, and fed by `update`.

    A disk that is full may tear one of them, which must not disturb the search: they are rebuilt at the end then.
    """

    def __init__(self, paths: ExperimentPaths) -> None:
        self._paths = paths
        self._torn = False

    def __enter__(self) -> Export:
        try:
            tensorboard.rebuild(self._paths)
        except OSError:
            self._torn = True
        self._writer = tensorboard.TensorBoardWriter(self._paths, manifests.read(self._paths.manifest))
        return self

    def __exit__(self, *exception: object) -> None:
        try:
            self._writer.close()
        except OSError:
            self._torn = True
        if self._torn:
            with contextlib.suppress(OSError):
                tensorboard.rebuild(self._paths)

    def update(self, record: Record) -> None:
        """Write what a record adds."""
        if self._torn:
            return
        try:
            self._writer.update(record)
        except OSError:
            self._torn = True


class Follower:
    """Context manager of a dashboard: event files for the time of the block, fed from the records while they grow."""

    def __init__(self, paths: ExperimentPaths) -> None:
        self._paths = paths
        self._writer = tensorboard.TensorBoardWriter(paths, manifests.read(paths.manifest))
        self._seen = 0
        self._left = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="tensorboard", daemon=True)

    def __enter__(self) -> Follower:
        self.look()
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._left.set()
        self._thread.join()
        self._writer.close()
        shutil.rmtree(self._paths.tensorboard, ignore_errors=True)

    def look(self) -> None:
        """Write what the records have more than at the last look."""
        for record in itertools.islice(read(self._paths.records), self._seen, None):
            self._writer.update(record)
            self._seen += 1

    def _follow(self) -> None:
        while not self._left.wait(_FOLLOW_SECONDS):
            with contextlib.suppress(OSError, BadInput):  # S3 may be back at the next look, a record repaired
                self.look()
