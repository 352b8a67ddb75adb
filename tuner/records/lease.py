"""How a driver's lock is held where it lies: a kernel lock on a disk, a conditional write on S3; with a heartbeat on both.

The kernel frees the lock of a process that dies. Other machines do not see that kernel, neither through S3 nor through
many mounts of NFS, so the holder renews its entry every `BEAT` seconds, and one that nobody renewed for `GRACE` seconds is
taken over.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from trainables.storage import S3Path
from trainables.storage.s3path import Conflict, Version
from tuner.records.owner import UNKNOWN, Owner, read_owner

BEAT = 10.0  # seconds between two heartbeats
GRACE = 60.0  # seconds without one after which a holder of another machine counts as dead
_LOOK = 0.5  # seconds between two looks at another's entry
_SIZE = 4096  # bytes, more than any entry has


class Lease(Protocol):
    """The lock of one experiment, as this process sees it."""

    def acquire(self, watch: Callable[[Owner], None]) -> Owner | None:
        """Take it; the owner where another process has it. To tell a dead one from a slow one may take `GRACE`: `watch` is
        called with it first."""

    def renew(self) -> bool:
        """Beat once; False when another process has taken it. OSError when nobody can know."""

    def release(self) -> None:
        """Give it back."""

    def is_held(self) -> bool:
        """Whether some process has it now; answers at once."""

    def last_beat(self) -> float | None:
        """When the holder showed itself last, in unix seconds; None where there is no lock."""


class FileLease:
    """A locked file that names its owner; the time of its last change is the heartbeat."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._owner = Owner()
        self._file = -1

    def acquire(self, watch: Callable[[Owner], None]) -> Owner | None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        file = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            other = self._other(file, watch)
            if other is not None:
                return other
            os.ftruncate(file, 0)
            os.pwrite(file, self._owner.entry(), 0)
            file, self._file = -1, file
            return None
        finally:
            if file >= 0:
                os.close(file)

    def renew(self) -> bool:
        # The entry is read through its path: another machine may have put another file there.
        if read_owner(self._path.read_bytes()) != self._owner:
            return False
        os.utime(self._path)
        return True

    def release(self) -> None:
        with contextlib.suppress(OSError):
            os.ftruncate(self._file, 0)
        os.close(self._file)

    def is_held(self) -> bool:
        try:
            file = os.open(self._path, os.O_RDONLY)
        except OSError:  # nothing there, or nothing that this process may look at
            return False
        try:
            # A shared lock suffices to ask, and two people asking at once do not see each other as drivers.
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            return True
        else:
            return (
                not os.path.isdir(self._path)
                and _elsewhere(file) is not None
                and time.time() - os.fstat(file).st_mtime < GRACE
            )
        finally:
            os.close(file)

    def last_beat(self) -> float | None:
        try:
            return os.stat(self._path).st_mtime
        except FileNotFoundError:
            return None

    def _other(self, file: int, watch: Callable[[Owner], None]) -> Owner | None:
        """The living process that has the lock; None once this one has it."""
        if not _locked(file):
            return read_owner(os.pread(file, _SIZE, 0)) or UNKNOWN
        other = _elsewhere(file)
        if other is None:
            return None
        watch(other)
        # The clocks of two machines differ, so what counts is whether it beats while we look.
        first, end = self._beat(), time.monotonic() + GRACE
        while time.monotonic() < end:
            time.sleep(_LOOK)
            if self._beat() != first:
                return other
        return None

    def _beat(self) -> int:
        """When the file was changed last; opened anew, for NFS asks the server only then."""
        file = os.open(self._path, os.O_RDONLY)
        try:
            return os.fstat(file).st_mtime_ns
        finally:
            os.close(file)


class ObjectLease:
    """An object that names its owner; the time since its last write, by the server's clock, tells the heartbeat."""

    def __init__(self, place: S3Path) -> None:
        self._place = place
        self._owner = Owner()
        self._tag = ""

    def acquire(self, watch: Callable[[Owner], None]) -> Owner | None:
        version = self._version()
        other = version and read_owner(version.data)
        if version and other and version.age < GRACE:
            if other.is_here and other.is_alive:
                return other
            if not other.is_here:
                watch(other)
                while version and version.age < GRACE:
                    time.sleep(_LOOK)
                    before, version = version, self._version()
                    if version and (version.tag != before.tag or version.age < before.age):
                        return read_owner(version.data)
        try:
            self._tag = self._place.replace(self._owner.entry(), version.tag if version else None)
        except Conflict:
            return self._taken_by()
        return None

    def renew(self) -> bool:
        try:
            self._tag = self._place.replace(self._owner.entry(), self._tag)
        except Conflict:
            return self._taken_by() is None
        return True

    def release(self) -> None:
        with contextlib.suppress(OSError):  # it grows stale by itself
            if self._taken_by() is None:
                self._place.unlink()

    def is_held(self) -> bool:
        version = self._version()
        owner = version and read_owner(version.data)
        return bool(version and owner and version.age < GRACE and not (owner.is_here and not owner.is_alive))

    def last_beat(self) -> float | None:
        version = self._version()
        return None if version is None else time.time() - version.age

    def _version(self) -> Version | None:
        try:
            return self._place.read_version()
        except FileNotFoundError:
            return None

    def _taken_by(self) -> Owner | None:
        """The owner that the entry names; None if it is this process, also when an answer to it was lost."""
        version = self._version()
        owner = version and read_owner(version.data)
        if version and owner == self._owner:
            self._tag = version.tag
            return None
        return owner or UNKNOWN


def _elsewhere(file: int) -> Owner | None:
    """The process of another machine that the file names; of this machine's the kernel has told already."""
    owner = read_owner(os.pread(file, _SIZE, 0))
    return None if owner is None or owner == UNKNOWN or owner.is_here else owner


def _locked(file: int) -> bool:
    """Lock the file, trying for a moment: somebody who only asks (`is_held`) holds the lock for an instant."""
    for _ in range(20):
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            time.sleep(0.05)
        else:
            return True
    return False
