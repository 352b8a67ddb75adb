"""The dashboard that acts: a token, the commands that its readers started, and what these print.

A command is a process of its own in a session of its own, so a search goes on when the dashboard ends.
"""

from __future__ import annotations

import hmac
import os
import secrets
import shlex
import subprocess
import tempfile
import threading
import time
from typing import Any

from trainables.process import child_process
from tuner.records.paths import ExperimentPaths
from tuner.report.actions import MOST, Action, actions
from tuner.report.refusal import Refusal
from tuner.results.history import History

_SHOWN = 16_384  # bytes of a command's output, its end
_SHARE = 10.0  # looking at the records of a search may take a tenth of the time, as in `tuner.report.live`


class Run:
    """A command under way, or what became of it."""

    def __init__(self, command: str) -> None:
        self.command = command
        self.started = time.time()
        self.code: int | None = None
        self._output = tempfile.TemporaryFile()  # noqa: SIM115  as long as the run is shown
        path = os.pathsep.join(filter(None, (child_process.ROOT, os.environ.get("PYTHONPATH"))))
        self._process = subprocess.Popen(
            child_process.python("-m", "tuner", *shlex.split(command)[1:]),
            stdin=subprocess.DEVNULL,
            stdout=self._output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env=child_process.environment(PYTHONPATH=path, COLUMNS="100", PYTHONUNBUFFERED="1"),
        )
        threading.Thread(target=self._wait, daemon=True).start()

    @property
    def pid(self) -> int:
        return self._process.pid

    def told(self) -> dict[str, Any]:
        """Keys: command, started (unix time), code (None while it runs), output (its end)."""
        size = os.fstat(self._output.fileno()).st_size
        text = os.pread(self._output.fileno(), _SHOWN, max(0, size - _SHOWN)).decode(errors="replace")
        return {"command": self.command, "started": self.started, "code": self.code, "output": text}

    def _wait(self) -> None:
        self.code = self._process.wait()


class Actor:
    """Runs the commands of a dashboard's buttons.

    Args:
        head: see `tuner.report.actions.actions`.
    """

    def __init__(self, head: str | None = None) -> None:
        self.token = secrets.token_urlsafe(32)
        self._head = head
        self._lock = threading.Lock()
        self._runs: dict[tuple[str, bool], Run] = {}  # by search, and whether it is the one that stops another
        self._known: dict[str, tuple[float, list[Action]]] = {}  # by search: until when its buttons are right, and they

    def admits(self, token: str | None) -> bool:
        """Whether this is the token; takes the same time whatever it is."""
        return hmac.compare_digest((token or "").encode(), self.token.encode())

    def told(self, paths: ExperimentPaths) -> dict[str, Any]:
        """Keys: actions (the buttons of a search) and runs (the last commands, the newest first)."""
        due, found = self._known.get(paths.name, (0.0, []))
        if time.monotonic() >= due:
            found = self._look(paths)
        runs = [run for (name, _), run in self._runs.items() if name == paths.name]
        return {
            "actions": [vars(action) for action in found],
            "runs": [run.told() for run in sorted(runs, key=lambda run: -run.started)],
        }

    def start(self, paths: ExperimentPaths, name: Any, number: Any) -> dict[str, Any]:
        """Run the command of a button; what `told` says after that. `Refusal` where it cannot be run."""
        with self._lock:
            found = self._look(paths)
            action = next((one for one in found if one.name == name), None)
            if action is None:
                raise Refusal(400, f"there is no action {name!r}; there are {', '.join(one.name for one in found)}")
            if action.refused is not None:
                raise Refusal(409, action.refused)
            if action.number is not None and (type(number) is not int or not 1 <= number <= MOST):
                raise Refusal(400, f"the number is {number!r}, but must be a whole one from 1 to {MOST}")
            place = (paths.name, action.name == "stop")  # what runs must not keep anybody from stopping it
            before = self._runs.get(place)
            if before is not None and before.code is None:
                raise Refusal(409, f"`{before.command}` is still under way; one command at a time")
            self._runs[place] = Run(action.with_number(number))
        return self.told(paths)

    def _look(self, paths: ExperimentPaths) -> list[Action]:
        began = time.monotonic()
        found = actions(History.load(paths), paths, self._head)
        ended = time.monotonic()
        self._known[paths.name] = (ended + max(0.5, _SHARE * (ended - began)), found)
        return found

    def under_way(self) -> list[Run]:
        """The commands that have not ended."""
        return [run for run in self._runs.values() if run.code is None]
