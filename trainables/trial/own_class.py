"""A class trainable of Ray Tune as a replicate: its `step` is an epoch, its checkpoint the state. Ray itself is not asked."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
import weakref
from pathlib import Path
from typing import Any

from trainables.config.own.code import OwnCode, extends_rays
from trainables.config.own.folders import from_files, to_files
from trainables.seeding import ReplicateSeed


class ClassReplicate:
    """See `tuner.Replicate`. The class is made of the configuration, in which `seed` is the replicate's."""

    def __init__(self, code: OwnCode, config: dict[str, Any], seed: ReplicateSeed) -> None:
        made = code.trained()
        given = {**config, "seed": int(seed)}
        if extends_rays(made):
            self._trained = made(config=given)  # which calls its `setup`
        else:
            self._trained = made()
            self._trained.setup(given)
        self._last: dict[str, Any] = {}
        self._done = False
        weakref.finalize(self, _ended, self._trained)

    def epoch(self) -> dict[str, Any]:
        """What `step` returns; the last report again once it has said `done`."""
        if self._done:
            return self._last
        report = self._trained.step()
        self._count(self.iteration + 1)
        if not isinstance(report, dict):
            return report  # type: ignore[no-any-return]  # whoever reads reports refuses it
        self._done = bool(report.pop("done", False))
        report.pop("should_checkpoint", None)
        self._last = report
        return report

    @property
    def iteration(self) -> int:
        """Calls of `step` so far, which the class reads as `iteration`."""
        return int(getattr(self._trained, "_iteration", 0))

    def _count(self, iteration: int) -> None:
        if hasattr(self._trained, "_iteration"):
            self._trained._iteration = iteration

    def state(self) -> dict[str, Any]:
        with tempfile.TemporaryDirectory() as folder:
            saved = self._trained.save_checkpoint(folder)
            state = {"given": saved} if isinstance(saved, dict) else {"files": to_files(Path(folder))}
        return {**state, "iteration": self.iteration, "done": self._done, "last": self._last}

    def load(self, state: dict[str, Any]) -> None:
        if "given" in state:
            self._trained.load_checkpoint(state["given"])
        else:
            with tempfile.TemporaryDirectory() as folder:
                self._trained.load_checkpoint(str(from_files(state["files"], Path(folder))))
        self._count(state["iteration"])
        self._done, self._last = state["done"], state["last"]


def _ended(trained: Any) -> None:
    """Give back what the class holds, and remove the folder that Ray made for it."""
    with contextlib.suppress(Exception):  # nobody asks for its numbers any more
        getattr(trained, "cleanup", lambda: None)()
    folder = getattr(trained, "logdir", None)
    if folder is not None:
        shutil.rmtree(folder, ignore_errors=True)
