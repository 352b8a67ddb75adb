"""The budget of a search and its options: the one place that says their names, their help and their bounds.

The command line, `--set`'s remedy, the manifest, a retry and a submission to a cluster all read `OPTIONS`. So a new option
is a field here, and the room that acts on it.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Any

from trainables.config.wording import among

# Bounds of a budget: what is larger is a slip, and some of it would take hours before the first epoch.
MOST_EPOCHS = 100_000
MOST_TRIALS = 1_000_000
MOST_REPLICATES = 1_000
SMALLEST_REDUCTION = 1.01


@dataclass(frozen=True)
class Number:
    """A finite number within bounds, or a whole one."""

    least: float
    most: float
    whole: bool = False

    def problem(self, name: str, value: Any) -> str | None:
        """What is wrong with a value: a sentence that ends where the name of the option follows; None when nothing is."""
        kinds = int if self.whole else int | float
        number = isinstance(value, kinds) and not isinstance(value, bool)
        number = number and (isinstance(value, int) or math.isfinite(value))
        if not number or (self.whole and value < self.least):
            kind = f"a whole number of at least {self.least}" if self.whole else "a number"
            return f"`{name}` is {value!r}, but must be {kind}; set"
        if value < self.least:
            return f"`{name}` is {value!r}, but must be at least {self.least:g}; raise"
        return f"`{name}` is {value!r}, but must be at most {self.most}; lower" if value > self.most else None


@dataclass(frozen=True)
class Word:
    """One of some words; without any of them any text."""

    among: tuple[str, ...] = ()

    def problem(self, name: str, value: Any) -> str | None:
        if isinstance(value, str) and (value in self.among or not self.among):
            return None
        rule = among(value, self.among, " or ".join(self.among) or "a text")
        return f"`{name}` is {value!r}, but must be {rule}; set"


@dataclass(frozen=True)
class Ascending:
    """Whole numbers from 1 on, none smaller than the one before it, written 1,1,3,5."""

    most: int

    def problem(self, name: str, value: Any) -> str | None:
        if not isinstance(value, tuple) or not value or not all(type(item) is int for item in value):
            return f"`{name}` is {value!r}, but must be whole numbers such as 1,1,3,5; set"
        said = f"`{name}` is {written(value)}, but "
        if min(value) < 1:
            return f"{said}each must be at least 1; raise it in"
        if list(value) != sorted(value):
            return f"{said}none may be smaller than the one before it; change"
        return f"{said}each must be at most {self.most}; lower it in" if max(value) > self.most else None


def whole(most: int) -> Number:
    """A whole number from 1 on."""
    return Number(1, most, whole=True)


def written(value: Any) -> Any:
    """The value of an option as it is written on the command line."""
    return ",".join(map(str, value)) if isinstance(value, tuple) else value


def numbers(text: str) -> tuple[int, ...] | str:
    """The numbers of a text such as 1,1,3,5; any other text as it is, for the option's rule to refuse."""
    parts = text.split(",")
    plain = all(part.strip().isascii() and part.strip().removeprefix("-").isdigit() for part in parts)
    return tuple(map(int, parts)) if plain and len(text) < 1000 else text


@dataclass(frozen=True)
class Option:
    """What is said of a field of `Budget` wherever a person or a file may give it.

    Attributes:
        help: its line on the command line.
        rule: the bounds of one value; how it agrees with others is for `search_spaces.validation`.
        default: of a space that does not say it; `dataclasses.MISSING` where it must.
        may_differ: two sessions of one search may have different values, because it does not say what is found.
    """

    help: str
    rule: Number | Word | Ascending
    default: Any = dataclasses.MISSING
    may_differ: bool = False


def _option(
    help: str, rule: Number | Word | Ascending, default: Any = dataclasses.MISSING, *, may_differ: bool = False
) -> Any:
    """A field of `Budget`."""
    return dataclasses.field(default=default, metadata={"option": Option(help, rule, default, may_differ)})


@dataclass(frozen=True)
class Budget:
    """How much is trained, and with what.

    Epochs: the full budget of a trial. Grace: the first rung, no trial is stopped before it. Trials: configurations, the
    baseline included. Seeds: how many of the replicates train up to each rung; a trial that passes into a rung with more of
    them trains the new ones from the beginning to where it stands, then all go on. A trial's replicates are `packed` in one
    process or `spread` over one worker each; with GPUs per replicate each trains on so many workers of a GPU each, and the
    GPUs of the trial follow. Cards are named as Ray names them (T4, A10G, H100, ...). For the rank window see
    benchmarks/replay.py.
    """

    epochs: int = _option("Full budget of a trial.  [default: the space's]", whole(MOST_EPOCHS))
    grace: int = _option(
        "First rung: epochs before a trial can be stopped.  [default: the space's]", whole(MOST_EPOCHS)
    )
    trials: int = _option(
        "Configurations to try, the baseline included.  [default: the space's]", whole(MOST_TRIALS), may_differ=True
    )
    reduction: float = _option(
        "At each rung about 1/REDUCTION of the trials go on.  [default: the space's, or 3]",
        Number(SMALLEST_REDUCTION, 1e300),
        3,
    )
    replicates: int = _option(
        "Seeds a configuration is trained with.  [default: the space's, or 5]", whole(MOST_REPLICATES), 5
    )
    seeds: tuple[int, ...] | None = _option(
        "Seeds by rung, as 1,1,3,5; the last holds from there on.  [default: the space's, or all at every rung]",
        Ascending(MOST_REPLICATES),
        None,
    )
    cpus_per_trial: float = _option(
        "CPUs of a trial; also its threads.  [default: the space's, or 1]", Number(0, 1e6), 1.0, may_differ=True
    )
    gpus_per_trial: float = _option(
        "GPUs of a trial; 0.25 puts four on a card.  [default: the space's, or 0]", Number(0, 1e6), 0.0, may_differ=True
    )
    placement: str = _option(
        "Replicates of a trial: packed in one process, or spread, one worker each.  [default: the space's, or packed]",
        Word(("packed", "spread")),
        "packed",
        may_differ=True,
    )
    gpus_per_replicate: int | None = _option(
        "Train each replicate on so many GPUs; packed, replicates take turns on them.  [default: the space's, or one, shared]",
        whole(10_000),
        None,
        may_differ=True,
    )
    accelerator_type: str | None = _option(
        "Train on cards of this type only, as Ray names it: A10G, H100.  [default: the space's, or any]",
        Word(),
        None,
        may_differ=True,
    )
    seconds_per_replicate_epoch: float | None = None  # measured; the docstring of the space says where
    rank_window: int = _option(
        "At a rung, rank trials by their median over this many epochs.  [default: the space's, or 1]",
        whole(MOST_EPOCHS),
        1,
    )
    # By the names of `tuner.rules`, which says what each does and whether there is one of that name.
    rule: str = _option("Who goes on at a rung: {rules}.  [default: the space's, or asha]", Word(), "asha")
    strategy: str = _option(
        "Replicates on one GPU: serial in turn, graph as one captured step, auto the faster of both.  "
        "[default: the space's, or auto]",
        Word(),
        "auto",
        may_differ=True,
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


def flag(name: str) -> str:
    """An option as it is written on the command line."""
    return "--" + name.replace("_", "-")
