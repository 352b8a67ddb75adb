"""A function trainable of Ray Tune as a replicate: it runs in a thread, and each `tune.report` hands over one epoch.

`tune.report` and `tune.get_checkpoint` speak to the one session of their process, so there can be one such function in each:
that session is ours here, by the only name of Ray's private code that this project sets. (Ray's own `wrap_function` sets the
same one, and asks for more of that code: a storage context, into which it copies each checkpoint.)
"""

from __future__ import annotations

import inspect
import queue
import tempfile
import threading
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ray import tune
from ray.train._internal import session as of_ray
from ray.tune.result import DEFAULT_METRIC

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
    """What `tune.report` and `tune.get_checkpoint` find, for one run of the function from the files of a checkpoint, if any."""

    world_rank = None  # by which Ray tells a session of Tune from one of Train

    def __init__(self, files: dict[str, bytes] | None) -> None:
        self.loaded_checkpoint = None
        if files is not None:
            self._folder = tempfile.TemporaryDirectory()  # until the function has ended, which reads it when it likes
            self.loaded_checkpoint = tune.Checkpoint.from_directory(str(from_files(files, Path(self._folder.name))))
        self.reports: queue.Queue[Any] = queue.Queue()
        self.go_on = threading.Semaphore(0)
        self._ended = False

    def report(self, metrics: dict[str, Any], checkpoint: Any = None) -> None:
        """Hand over a report, and wait until the next one is asked for."""
        files = None
        if checkpoint is not None:
            with checkpoint.as_directory() as folder:
                files = to_files(Path(folder))
        self.reports.put((dict(metrics), files))
        self.go_on.acquire()
        if self._ended:
            raise _Ended

    def run(self, function: Callable[[dict[str, Any]], Any], config: dict[str, Any]) -> None:
        """Call the function; what it yields or returns is a report as well, as with Ray."""
        try:
            given = function(config)
            for one in given if inspect.isgenerator(given) else [given]:
                if one is not None:
                    self.report(one if isinstance(one, dict) else {DEFAULT_METRIC: one})
            self.reports.put(None)
        except _Ended:
            pass
        except BaseException as error:
            self.reports.put(error)

    def end(self) -> None:
        """Let the function's thread end at the report that it waits in."""
        self._ended = True
        self.go_on.release()
        if of_ray._session is self:
            of_ray._session = None


class FunctionReplicate:
    """See `tuner.Replicate`. Its state is the last checkpoint that the function has reported, and how many reports ago; what
    came after it is trained again when it is taken up. The function's thread ends with it."""

    def __init__(self, code: OwnCode, config: dict[str, Any], seed: ReplicateSeed) -> None:
        self._function = code.trained()
        self._config = {**config, "seed": int(seed)}
        self._seed = seed
        self._files: dict[str, bytes] | None = None
        self._reported = self._checkpointed = 0
        self._last: dict[str, Any] = {}
        self._session: _Session | None = None
        self._end: Callable[[], object] = lambda: None

    def epoch(self) -> dict[str, Any]:
        """The next report; the last one again when the function has returned."""
        if self._session is None:
            self._session = self._start()
        else:
            self._session.go_on.release()
        return self._take(self._session)

    def state(self) -> dict[str, Any]:
        return {
            "files": self._files,
            "reported": self._reported,
            "checkpointed": self._checkpointed,
            "last": self._last,
        }

    def load(self, state: dict[str, Any]) -> None:
        self.close()
        self._files, self._checkpointed, self._last = state["files"], state["checkpointed"], state["last"]
        self._reported = self._checkpointed
        while self._reported < state["reported"]:
            seeding.seed_globals(self._seed.experiment, self._seed.replicate, "train", self._reported)
            self.epoch()

    def close(self) -> None:
        """End the function where it waits."""
        self._end()
        self._session = None

    def _start(self) -> _Session:
        session = of_ray._session = _Session(self._files)
        # Neither the thread nor the session holds the replicate: with the last reference to it they end.
        self._end = weakref.finalize(self, session.end)
        threading.Thread(target=session.run, args=(self._function, self._config), daemon=True).start()
        return session

    def _take(self, session: _Session) -> dict[str, Any]:
        found = session.reports.get()
        if isinstance(found, BaseException):
            raise found
        if found is None:
            session.reports.put(None)
            if not self._last:
                raise RuntimeError("the function returned without a report; call tune.report after each epoch")
        else:
            self._last, files = found
            if files is not None:
                self._files, self._checkpointed = files, self._reported + 1
        self._reported += 1
        return self._last
