"""A function trainable of Ray Tune as a replicate: it runs in a thread, and each `tune.report` hands over one epoch.

`tune.report` and `tune.get_checkpoint` speak to the one session of their process, so there can be one such function in each:
that session is ours here, by the only name of Ray's private code that this project sets.
"""

from __future__ import annotations

import queue
import tempfile
import threading
from pathlib import Path
from typing import Any

from ray import tune
from ray.train._internal import session as of_ray

from trainables import seeding
from trainables.config.own.code import RAY_FUNCTION, OwnCode
from trainables.config.own.folders import from_files, to_files
from trainables.seeding import ReplicateSeed
from trainables.trial import own


def register() -> None:
    """Let this process, which holds one replicate, make replicates of functions."""
    own.MAKERS[RAY_FUNCTION] = lambda code: lambda config, seed, device: FunctionReplicate(code, config, seed)


class _Ended(BaseException):
    """Raised within the function's thread when nobody waits for its reports any more."""


class _Session:
    """What `tune.report` and `tune.get_checkpoint` find, for one run of the function."""

    world_rank = None  # by which Ray tells a session of Tune from one of Train

    def __init__(self, checkpoint: Any) -> None:
        self.loaded_checkpoint = checkpoint
        self.reports: queue.Queue[Any] = queue.Queue()
        self.go_on = threading.Semaphore(0)
        self.ended = False

    def report(self, metrics: dict[str, Any], checkpoint: Any = None) -> None:
        files = None
        if checkpoint is not None:
            with checkpoint.as_directory() as folder:
                files = to_files(Path(folder))
        self.reports.put((dict(metrics), files))
        self.go_on.acquire()
        if self.ended:
            raise _Ended


class FunctionReplicate:
    """See `tuner.Replicate`. Its state is the last checkpoint that the function has reported, and how many reports ago; what
    came after it is trained again when it is taken up."""

    def __init__(self, code: OwnCode, config: dict[str, Any], seed: ReplicateSeed) -> None:
        self._function = code.trained()
        self._config = {**config, "seed": int(seed)}
        self._seed = seed
        self._files: dict[str, bytes] | None = None
        self._reported = self._checkpointed = 0
        self._last: dict[str, Any] = {}
        self._session: _Session | None = None

    def epoch(self) -> dict[str, Any]:
        """The next report; the last one again when the function has returned."""
        if self._session is None:
            self._start()
        else:
            self._session.go_on.release()
        return self._take()

    def state(self) -> dict[str, Any]:
        return {
            "files": self._files,
            "reported": self._reported,
            "checkpointed": self._checkpointed,
            "last": self._last,
        }

    def load(self, state: dict[str, Any]) -> None:
        self._end()
        self._files, self._checkpointed, self._last = state["files"], state["checkpointed"], state["last"]
        self._reported = self._checkpointed
        while self._reported < state["reported"]:
            seeding.seed_globals(self._seed.experiment, self._seed.replicate, "train", self._reported)
            self.epoch()

    def _start(self) -> None:
        checkpoint = None
        if self._files is not None:
            checkpoint = tune.Checkpoint.from_directory(str(from_files(self._files, Path(tempfile.mkdtemp()))))
        session = self._session = _Session(checkpoint)
        of_ray._session = session
        threading.Thread(target=self._run, args=(session,), daemon=True).start()

    def _run(self, session: _Session) -> None:
        try:
            returned = self._function(self._config)
            session.reports.put((returned, None) if isinstance(returned, dict) and not self._reported else None)
        except _Ended:
            pass
        except BaseException as error:
            session.reports.put(error)

    def _take(self) -> dict[str, Any]:
        assert self._session is not None
        found = self._session.reports.get()
        if isinstance(found, BaseException):
            raise found
        if found is None:
            self._session.reports.put(None)
            if not self._last:
                raise RuntimeError("the function returned without a report; call tune.report after each epoch")
        else:
            self._last, files = found
            if files is not None:
                self._files, self._checkpointed = files, self._reported + 1
        self._reported += 1
        return self._last

    def _end(self) -> None:
        if self._session is not None:
            self._session.ended = True
            self._session.go_on.release()
            self._session = None
