"""Riding out a storage that fails while a search runs: a full disk, an S3 that does not answer.

Training goes on: records wait in memory, in order, and are tried again with growing pauses. But Ray is never told of a
decision that is not on the storage, and the memory is bounded: from the first decision (or the last free place) on, the
driver waits, and with it every trial after its epoch. So an outage costs time and nothing else, whenever it ends, and a
search given up, or killed meanwhile, resumes from what the storage holds.

On S3, where every write is a request, the driver gathers what binds nobody for a second even while all is well.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable

from trainables.storage.patience import PATIENCE, longer
from tuner.errors import StorageUnavailable, TunerError, sentence
from tuner.records.journal import Journal

Tell = Callable[[str], None]
MOST_WAITING = 1000  # writes kept in memory, a few kB each
GATHERING = 1.0  # seconds between two writes to S3 that bind nobody


class PatientJournal:
    """Passes lines on to another journal, in order, as soon as the storage takes them.

    Args:
        journal: raises OSError while the storage fails.
        where: the experiment, for sentences.
        tell: receives sentences for a person: the storage fails, the search waits, the storage is back.
        continuation: the command that continues the search, said when the patience ends.
        check: called before each write; a TunerError when this process must write no more.
        gathering: least seconds between two writes, unless somebody waits for them.

    Attributes:
        failure: why the session cannot go on, once it cannot; Ray wraps what is raised in its callbacks.
    """

    def __init__(
        self,
        journal: Journal,
        where: str,
        tell: Tell,
        continuation: str,
        check: Callable[[], None] = lambda: None,
        gathering: float = 0.0,
    ) -> None:
        self._journal = journal
        self._where = where
        self._tell = tell
        self._continuation = continuation
        self._check = check
        self._gathering = gathering
        self._waiting: list[bytes] = []
        self._pause = 0.0  # between the last attempt and the next one; 0 while the storage works
        self._next_attempt = 0.0
        self._reason = ""
        self._leaving = False
        self.failure: TunerError | None = None

    def append(self, data: bytes) -> None:
        """Write the lines, or keep them for later."""
        if self.failure is not None:
            return  # the session is over, and what follows a failure never happens
        self._waiting.append(data)
        self.settle(wait=len(self._waiting) > MOST_WAITING)

    def settle(self, wait: bool = True) -> None:
        """Write what waits, unless it is too early to try again; with `wait`, until all is written.

        Raises:
            StorageUnavailable: the storage did not return in time.
        """
        if wait and not self._pause:
            self._next_attempt = 0.0
        self._try()
        if not self._waiting or not wait or self._leaving:
            return
        self._tell(
            f"waiting for the storage ({self._reason}): a decision must be written before it counts; Ctrl-C twice leaves, "
            "and nothing is lost"
        )
        end = time.monotonic() + PATIENCE
        while self._waiting and self.failure is None:
            if time.monotonic() >= end:
                self.failure = StorageUnavailable(
                    f"{self._where} could not be written for {PATIENCE:.0f} s ({self._reason}); once it can, continue with "
                    f"`{self._continuation}`"
                )
                raise self.failure
            time.sleep(max(0.0, min(self._next_attempt, end) - time.monotonic()))
            self._try()

    def leave(self) -> None:
        """From now on wait for nothing: the process is to end at once."""
        self._leaving = True

    @property
    def at_hand(self) -> bool:
        """Whether there is a storage to write to, and time for it."""
        return self.failure is None and not self._leaving

    def close(self) -> None:
        """Close the journal; what the storage did not take is trained or reported again by the next session."""
        with contextlib.suppress(OSError):
            self._journal.close()

    def _try(self) -> None:
        if not self._waiting or time.monotonic() < self._next_attempt:
            return
        # Taken out first: what Ctrl-C cuts off here may be written or lost, but never written twice.
        batch, self._waiting = self._waiting, []
        try:
            self._check()
            self._journal.append(b"".join(batch))
        except OSError as error:
            self._waiting = batch
            self._failed(error)
        except TunerError as error:
            self.failure = error
            if not self._leaving:
                raise
        else:
            self._next_attempt = time.monotonic() + self._gathering
            if self._pause:
                self._pause = 0.0
                self._tell("the storage is back; everything that waited is written")

    def _failed(self, error: OSError) -> None:
        now = time.monotonic()
        self._reason = sentence(error)
        if not self._pause:
            self._tell(f"cannot write to {self._where} ({self._reason}); training goes on, writing is tried again")
        self._pause = longer(self._pause)
        self._next_attempt = now + self._pause
