"""Temporary names that say which process they belong to, so that what a killed one left can be told and removed."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

_MARK = re.compile(r"([0-9a-f]{8})@(\d+)")


def this_machine() -> str:
    """Tells machines, and the containers on one, apart: process ids mean something within one of them only."""
    with contextlib.suppress(OSError):
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot} {os.readlink('/proc/self/ns/pid')}"
    return socket.gethostname()


def mark() -> str:
    """The part of a name that stands for this process: a digest of the machine, and the process's number there."""
    return f"{_digest()}@{os.getpid()}"


def owner_is_dead(name: str) -> bool | None:
    """Whether the process whose mark a name bears is known to be gone; None where the name bears none.

    Of a process of another machine nothing is known, so it counts as alive.
    """
    found = _MARK.search(name)
    if found is None:
        return None
    return found[1] == _digest() and not is_alive(int(found[2]))


def is_alive(process: int) -> bool:
    """Whether this machine has a process of that number, anybody's."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


@contextlib.contextmanager
def folder() -> Iterator[Path]:
    """A temporary folder for the time of the block, under a name that `tuner.records.leftovers` knows after a kill."""
    with tempfile.TemporaryDirectory(prefix=f"tuner-{os.getuid()}-{mark()}-") as made:
        yield Path(made)


def _digest() -> str:
    return hashlib.sha256(this_machine().encode()).hexdigest()[:8]
