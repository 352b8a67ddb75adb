"""The options that say where and how a session of a search runs, gathered for a command."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from tuner.commands import options
from tuner.commands.app import phases
from tuner.commands.gathered import gathering, option
from tuner.machines.address import is_head

if TYPE_CHECKING:
    from tuner.experiment.running import Running


@dataclass(frozen=True)
class SessionOptions:
    """What the options say.

    Attributes:
        storage: folder of experiments, or s3://BUCKET/PREFIX; none is the default one.
        data: place of the named datasets.
        detach: whether a submission is left alone at once.
        running: the rest, as the rooms below take it; sentences are printed.
        notify: URL that is told how it ended.
    """

    storage: str | None
    data: str | None
    detach: bool
    running: Running
    notify: str | None = None

    @property
    def head(self) -> str | None:
        """The cluster to submit to, http://HEAD:8265; None where the session is this process's."""
        return self.running.address if is_head(self.running.address) else None

    def sharing(self, cpus: float | None, gpus: float | None) -> SessionOptions:
        """The same with a share for every trial; None: what it had so far."""
        return replace(self, running=replace(self.running, cpus_per_trial=cpus, gpus_per_trial=gpus))


def takes_session(command: Callable[..., Any]) -> Callable[..., Any]:
    """The command with the options of a session after its own parameters; it receives them as `session`."""
    return gathering(command, "session", _OPTIONS, _session, first=False)


_OPTIONS = [
    option("storage", None, options.Storage),
    option("address", None, options.Address),
    option("data", None, options.Data),
    option("max_concurrent", None, options.MaxConcurrent),
    option("checkpoint_every", None, options.CheckpointEvery),
    option("step_timeout", None, options.StepTimeout),
    option("detach", False, options.Detach),
    option("notify", None, options.Notify),
]


def _session(
    storage: str | None,
    address: str | None,
    data: str | None,
    max_concurrent: int | None,
    checkpoint_every: float | None,
    step_timeout: float | None,
    detach: bool,
    notify: str | None,
) -> SessionOptions:
    phases.begin("reading the search")  # from here on: what is imported next takes longest of it
    from tuner.experiment import notify as notifying
    from tuner.experiment.running import Running

    url = notifying.chosen(notify)
    if url is not None:
        os.environ[notifying.VARIABLE] = url  # a job on a cluster gets it from there, and not among its words
    running = Running(address, max_concurrent, checkpoint_every, step_timeout, print)
    return SessionOptions(storage, data, detach, running, url)
