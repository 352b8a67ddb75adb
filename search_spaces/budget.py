"""The budget of a search and its options: the one place that says their names, their help and their bounds.

The command line, `--set`'s remedy, the manifest, a retry and a submission to a cluster all read `OPTIONS`. So a new option
is a field here, and the room that acts on it.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass, field
from typing import Any

# Bounds of a budget: what is larger is a slip, and some of it would take hours before the first epoch.
MOST_EPOCHS = 100_000
MOST_TRIALS = 1_000_000
MOST_REPLICATES = 1_000
SMALLEST_REDUCTION = 1.01


@dataclass(frozen=True)
class Whole:
    """A whole number from 1 on."""

    most: int

    def problem(self, name: str, value: Any) -> str | None:
        """What is wrong with a value, in a sentence without its remedy's option; None when nothing is."""
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            return f"`{name}` is {value!r}, but must be a whole number of at least 1; set"
        return f"`{name}` is {value}, but must be at most {self.most}; lower" if value > self.most else None


@dataclass(frozen=True)
class Number:
    """A finite number."""

    least: float
    most: float

    def problem(self, name: str, value: Any) -> str | None:
        if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value):
            return f"`{name}` is {value!r}, but must be a number; set"
        if value < self.least:
            return f"`{name}` is {value!r}, but must be at least {self.least:g}; raise"
        return f"`{name}` is {value!r}, but must be at most {self.most:g}; lower" if value > self.most else None


@dataclass(frozen=True)
class Word:
    """One of some words; without any of them any text."""

    among: tuple[str, ...] = ()

    def problem(self, name: str, value: Any) -> str | None:
        if isinstance(value, str) and (value in self.among or not self.among):
            return None
        return f"`{name}` is {value!r}, but must be {' or '.join(self.among) or 'a text'}; set"


@dataclass(frozen=True)
class Option:
    """What is said of a field of `Budget` wherever a person or a file may give it.

    Attributes:
        help: its line on the command line.
        rule: the bounds of one value; how it agrees with others is for `search_spaces.validation`.
        may_differ: two sessions of one search may have different values, because it does not say what is found.
    """

    help: str
    rule: Whole | Number | Word
    may_differ: bool = False


def _option(help: str, rule: Whole | Number | Word, *, may_differ: bool = False) -> dict[str, Option]:
    """The metadata of a field of `Budget`."""
    return {"option": Option(help, rule, may_differ)}


@dataclass(frozen=True)
class Budget:
    """How much is trained, and with what.

    Epochs: the full budget of a trial. Grace: the first rung, no trial is stopped before it. Trials: configurations, the
    baseline included. A trial's replicates are `packed` in one process or `spread` over one worker each; with GPUs per
    replicate each trains on so many workers of a GPU each, and the GPUs of the trial follow. Cards are named as Ray names
    them (T4, A10G, H100, ...). For the rank window see benchmarks/replay.py.
    """

    epochs: int = field(metadata=_option("Full budget of a trial.", Whole(MOST_EPOCHS)))
    grace: int = field(metadata=_option("First rung: epochs before a trial can be stopped.", Whole(MOST_EPOCHS)))
    trials: int = field(
        metadata=_option("Configurations to try, the baseline included.", Whole(MOST_TRIALS), may_differ=True)
    )
    reduction: float = field(
        default=3,
        metadata=_option("At each rung about 1/REDUCTION of the trials go on.", Number(SMALLEST_REDUCTION, 1e300)),
    )
    replicates: int = field(
        default=5, metadata=_option("Seeds a configuration is trained with.", Whole(MOST_REPLICATES))
    )
    cpus_per_trial: float = field(
        default=1.0, metadata=_option("CPUs of a trial; also its threads.", Number(0, 1e6), may_differ=True)
    )
    gpus_per_trial: float = field(
        default=0.0, metadata=_option("GPUs of a trial; 0.25 puts four on a card.", Number(0, 1e6), may_differ=True)
    )
    placement: str = field(
        default="packed",
        metadata=_option(
            "Replicates of a trial: packed in one process, or spread, one worker each.",
            Word(("packed", "spread")),
            may_differ=True,
        ),
    )
    gpus_per_replicate: int | None = field(
        default=None,
        metadata=_option(
            "Train each replicate on so many GPUs; packed, replicates take turns on them.",
            Whole(10_000),
            may_differ=True,
        ),
    )
    accelerator_type: str | None = field(
        default=None,
        metadata=_option("Train on cards of this type only, as Ray names it: A10G, H100.", Word(), may_differ=True),
    )
    seconds_per_replicate_epoch: float | None = None  # measured; the docstring of the space says where
    rank_window: int = field(
        default=1,
        metadata=_option(
            "At a rung, rank trials by their median over this many epochs.  [default: 1]", Whole(MOST_EPOCHS)
        ),
    )

    @property
    def gpus_of_teams(self) -> int:
        """GPUs of a trial whose replicates train on several each: packed they take turns on the same ones."""
        return (self.gpus_per_replicate or 0) * (self.replicates if self.placement == "spread" else 1)

    def options(self) -> dict[str, Any]:
        """The value of every option, by name."""
        return {name: getattr(self, name) for name in OPTIONS}


OPTIONS: dict[str, Option] = {
    known.name: known.metadata["option"] for known in dataclasses.fields(Budget) if "option" in known.metadata
}
# `dataclasses.MISSING` where a space must say.
DEFAULTS: dict[str, Any] = {known.name: known.default for known in dataclasses.fields(Budget) if known.name in OPTIONS}


def flag(name: str) -> str:
    """An option as it is written on the command line."""
    return "--" + name.replace("_", "-")
