"""What can be done with a search from its page: the command behind each button, or why it cannot act now."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace

from tuner.records.paths import ExperimentPaths
from tuner.results.history import History
from tuner.results.leaderboard import Leaderboard

NUMBER = "{number}"  # stands in a command for the number that the reader gives
MOST = 100_000  # that such a number may be


@dataclass(frozen=True)
class Action:
    """A button.

    `command` is what it runs, with `{number}` where that needs a number: `base` plus what the reader gives, at first
    `number` (None: it takes none). `refused` says why it cannot be run now, None where it can.
    """

    name: str
    label: str
    command: str
    number: int | None = None
    base: int = 0
    refused: str | None = None

    def with_number(self, given: int | None) -> str:
        """The command as it is run."""
        return self.command if self.number is None else self.command.replace(NUMBER, str(self.base + (given or 0)))


def actions(history: History, paths: ExperimentPaths, head: str | None = None) -> list[Action]:
    """The buttons of a search.

    Args:
        head: address of the cluster on whose head this page is served. There what trains is submitted as a job of its own,
            with the user's own code as it is kept with the search; None on any other machine.
    """
    confirming = _confirming(paths)
    running = f"{history.name} is running" if history.live else None
    if confirming:
        running = f"the confirmation of {history.name} is running"
    best = [row for row in Leaderboard(history).rows if row.valid and not row.baseline]
    found = [
        Action(
            "stop",
            "Stop",
            (paths.confirmation if confirming else paths).command("stop"),
            refused=None
            if running
            else f"{history.name} is not running ({history.state}), so there is nothing to stop",
        ),
        Action("resume", "Resume", paths.command("resume"), refused=_resumed(history, running)),
        Action(
            "confirm",
            "Confirm the best",
            paths.command("confirm", "--top", NUMBER),
            number=3,
            refused=_busy(running) or (None if best else "no trial beside the baseline is valid: nothing to confirm"),
        ),
        Action(
            "extend",
            "Extend by",
            paths.command("resume", "--trials", NUMBER),
            number=history.planned,
            base=history.planned,
            refused=_busy(running),
        ),
    ]
    return [_where_it_trains(action, history, head) for action in found]


def _resumed(history: History, running: str | None) -> str | None:
    if running is None and history.state == "finished":
        return f"{history.name} has finished: there is nothing to go on with; extend it instead"
    return _busy(running)


def _busy(running: str | None) -> str | None:
    return None if running is None else f"{running}; wait for it, or stop it first"


def _confirming(paths: ExperimentPaths) -> bool:
    from tuner.records.lock import is_held

    return paths.confirmation.manifest.exists() and is_held(paths.confirmation.lock)


def _where_it_trains(action: Action, history: History, head: str | None) -> Action:
    """Beside the storage any search can be asked to stop; what trains must do so where the search was launched."""
    if action.name == "stop" or action.refused is not None:
        return action
    launched = _options(history.manifest.words)
    if head is not None:
        more = ["--address", head, *(["--data", launched["--data"]] if "--data" in launched else [])]
        return replace(action, command=f"{action.command} {shlex.join(more)}")
    if "--address" in launched:
        why = (
            f"{history.name} was launched on a cluster, and this would train here; go on with it where it was submitted"
        )
        return replace(action, refused=why)
    return action


def _options(words: Sequence[str]) -> dict[str, str]:
    """The options of a command line with the word that follows each."""
    parts = [part for word in words for part in (word.split("=", 1) if word.startswith("--") else (word,))]
    return dict(zip(parts, [*parts[1:], ""], strict=True))
