"""The lock that makes one process the driver of an experiment; it is free again when that process ends, however."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

from trainables.storage import Place
from tuner.errors import BadInput, StorageUnavailable, TunerError
from tuner.records import lease
from tuner.records.owner import Owner
from tuner.records.paths import ExperimentPaths


class DriverLock:
    """Context manager holding an experiment's lock, with a thread that keeps it fresh.

    Args:
        place: of the lock, in the experiment's folder or prefix.
        tell: receives a sentence when it takes a while to know whether the last driver is dead.

    Raises:
        BadInput: another process has it; names that process.
        StorageUnavailable: the lock cannot be written.
    """

    def __init__(self, place: Place, tell: Callable[[str], None] = lambda text: None) -> None:
        self._paths = ExperimentPaths(place.parent)
        self._tell = tell
        self._lease = _lease(place)
        self._left = threading.Event()
        self._taken = False
        self._thread = threading.Thread(target=self._beat, name="driver-lock", daemon=True)

    def __enter__(self) -> DriverLock:
        try:
            other = self._lease.acquire(self._watch)
        except IsADirectoryError:
            raise BadInput(
                f"{self._paths.lock} is a folder, but must be the file by which one process at a time runs the search; move "
                "it away"
            ) from None
        except OSError as error:
            raise StorageUnavailable.to_begin(self._paths.root, error, self._paths.command("resume")) from None
        if other is not None:
            raise BadInput(
                f"`{self._paths.name}` is already being run by {other}; wait for it, or stop it with "
                f"`{self._paths.command('stop')}`"
            )
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._left.set()
        self._thread.join()
        self._lease.release()

    def check(self) -> None:
        """TunerError if another process took the lock over, thinking this one dead: it must write no more."""
        if self._taken:
            raise TunerError(
                f"`{self._paths.name}` was taken over by another process while this one could not be seen to live; "
                f"follow it with `{self._paths.command('status')}`"
            )

    def _watch(self, other: Owner) -> None:
        self._tell(
            f"`{self._paths.name}` was run by {other}; if that shows no sign of life within {lease.GRACE:.0f} s, this process "
            "takes over"
        )

    def _beat(self) -> None:
        while not self._left.wait(lease.BEAT):
            try:
                self._taken = not self._lease.renew()
            except OSError:
                continue  # an outage: it may be over at the next beat
            if self._taken:
                return


def is_held(place: Place) -> bool:
    """Whether some process holds the lock now."""
    return _lease(place).is_held()


def last_beat(place: Place) -> float | None:
    """When its holder showed itself last (unix seconds); None where there is no lock."""
    return _lease(place).last_beat()


def _lease(place: Place) -> lease.Lease:
    return lease.FileLease(place) if isinstance(place, Path) else lease.ObjectLease(place)
