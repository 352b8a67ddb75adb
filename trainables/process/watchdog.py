"""A bound on the time of one epoch: a process that hangs says where, and dies, so that its trial is tried again.

The timer is the interpreter's own, in C and without its lock: it fires also when a kernel or a driver call never returns.
"""

from __future__ import annotations

import contextlib
import faulthandler
import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from trainables.storage import Place, temporary

FIRST = 3600.0  # seconds for the first epoch, which compiles, tunes kernels and decodes
LEAST = 600.0  # seconds, however short the epochs are: a shared machine may stall
SENDING = 60.0  # seconds for the stacks to reach S3
FACTOR = 20.0  # times the longest epoch so far


def limit(given: float | None, epoch_seconds: Sequence[float]) -> float:
    """Seconds the next epoch may take: as given, or far more than any epoch of this trial took."""
    if given is not None:
        return given
    return max(LEAST, FACTOR * max(epoch_seconds)) if epoch_seconds else FIRST


def file_name(replicate: int | None = None) -> str:
    """Where a hung process writes its stacks, in the folder of its trial; with spread replicates one file each."""
    return "stacks.txt" if replicate is None else f"stacks_{replicate}.txt"


@contextmanager
def bounded(seconds: float, path: Place | None) -> Iterator[None]:
    """Within the block: after that many seconds, write the stacks of all threads to the file and end the process.

    Without a file there is nobody to try again, and no bound. On S3 a thread sends the file first; where a call that
    never returns holds the interpreter's lock, the process still ends, a minute later and without its stacks.
    """
    if path is None:
        yield
        return
    with contextlib.ExitStack() as stack:
        local = path if isinstance(path, Path) else stack.enter_context(temporary.folder()) / path.name
        with local.open("w") as file:
            sender = None
            if not isinstance(path, Path):
                sender = threading.Timer(seconds, _send, (file, local, path))
                sender.daemon = True
                sender.start()
            faulthandler.dump_traceback_later(seconds + (SENDING if sender else 0), exit=True, file=file)
            try:
                yield
            finally:
                faulthandler.cancel_dump_traceback_later()
                if sender is not None:
                    sender.cancel()
        local.unlink(missing_ok=True)


def _send(file: IO[str], local: Path, path: Place) -> None:
    """Put the stacks where the driver finds them, and end this process."""
    faulthandler.dump_traceback(file, all_threads=True)
    with contextlib.suppress(OSError):
        path.write_bytes(local.read_bytes())
    os._exit(1)


def take_stacks(directory: Place) -> str:
    """What hung processes of a trial left, removed from its folder; empty when none hung or the storage fails."""
    found = []
    with contextlib.suppress(OSError):
        names = sorted(path.name for path in directory.glob("stacks*.txt"))
        for path in [directory / name for name in names]:
            found.append(path.read_text())
            path.unlink(missing_ok=True)
    return "\n".join(text for text in found if text.strip())
