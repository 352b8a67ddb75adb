"""How a session of a search runs: where, how many trials at once, who is told. Nothing of it changes what is found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from search_spaces.budget import OPTIONS, flag
from tuner.errors import BadInput
from tuner.records.lines import Record
from tuner.records.manifest import Manifest
from tuner.records.paths import ExperimentPaths

Tell = Callable[[str], None]
Listener = Callable[[Record], None]
ListenerFactory = Callable[[ExperimentPaths, Manifest], Listener]


_SHARE = ("cpus_per_trial", "gpus_per_trial")


def silent(text: str) -> None:
    """Nobody is told."""


@dataclass(frozen=True)
class Running:
    """What is asked of one session.

    Attributes:
        address: of a Ray cluster ("auto", "host:port"); None starts Ray on this machine.
        max_concurrent: trials at the same time; None: as many as the cluster holds.
        checkpoint_seconds: least time between two checkpoints of a trial; None means 60.
        step_timeout: seconds after which an epoch counts as hung; None: far more than any took so far.
        cpus_per_trial, gpus_per_trial: what every trial gets from now on, of a search that goes on; None: what it got so far.
        tell: receives sentences for a person.
        listen: makes a listener that receives every record as it is written, the earlier ones first.
        begin: receives in a few words what is done now, before the first epoch; it ends where the next begins.
    """

    address: str | None = None
    max_concurrent: int | None = None
    checkpoint_seconds: float | None = None
    step_timeout: float | None = None
    tell: Tell = silent
    listen: ListenerFactory | None = None
    cpus_per_trial: float | None = None
    gpus_per_trial: float | None = None
    begin: Tell = silent

    def problems(self) -> list[str]:
        """Everything that cannot be, a sentence each."""
        found = []
        if self.checkpoint_seconds is not None and self.checkpoint_seconds < 0:
            found.append(
                f"the checkpoint interval is {self.checkpoint_seconds:g} s, but must not be negative; raise it"
            )
        if self.step_timeout is not None and self.step_timeout <= 0:
            found.append(
                f"the step timeout is {self.step_timeout:g} s, but must be greater than 0; raise --step-timeout"
            )
        if self.max_concurrent is not None and self.max_concurrent < 1:
            found.append(f"`max_concurrent` is {self.max_concurrent}, but must be at least 1; raise --max-concurrent")
        for name in _SHARE:
            value = getattr(self, name)
            sentence = None if value is None else OPTIONS[name].rule.problem(name, value)
            if sentence is not None:
                found.append(f"{sentence} {flag(name)}")
        return found

    def takes_share(self, manifest: Manifest) -> bool:
        """Give every trial of an experiment the share that is asked for; whether that is another than it had.

        BadInput where replicates train on several GPUs each, which says what a trial takes.
        """
        budget = manifest.budget
        asked = {name: value for name in _SHARE if (value := getattr(self, name)) is not None}
        if "gpus_per_trial" in asked and budget.gpus_per_replicate is not None:
            raise BadInput(
                f"--gpus-per-trial is given, but each replicate of `{manifest.name}` trains on {budget.gpus_per_replicate} "
                "GPUs, which says what a trial takes; leave it out"
            )
        for name, value in asked.items():
            setattr(budget, name, value)
            for rule in manifest.allocations:
                setattr(rule, name.partition("_")[0], None)
        return bool(asked)

    def require(self) -> None:
        """BadInput with every problem at once."""
        if problems := self.problems():
            raise BadInput.listing(problems)

    def options(self) -> dict[str, Any]:
        """What of it is an option on any machine, by the name that it has on the command line."""
        return {
            "max_concurrent": self.max_concurrent,
            "checkpoint_every": self.checkpoint_seconds,
            "step_timeout": self.step_timeout,
            **{name: value for name in _SHARE if (value := getattr(self, name)) is not None},
        }


HERE = Running()  # on this machine, and nobody is told
