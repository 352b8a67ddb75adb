"""Replicates of a user's own code: made, seeded and trained in turn, and guarded against what it raises and reports.

Nothing here imports torch; where the user's file does, its generators are seeded too.
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from trainables import seeding
from trainables.config.own.code import RAY_CLASS, REPLICATE, OwnCode
from trainables.config.own.configuration import handed_over
from trainables.config.own.state import packed, unpacked
from trainables.trial import failure, reports
from trainables.trial.how import How
from trainables.trial.own_class import ClassReplicate

logger = logging.getLogger("trainables")


@dataclass(frozen=True)
class OwnRecipe:
    """What the replicates of a trial have in common, and how many there are."""

    ref: OwnCode
    config: Any  # validated
    knobs: dict[str, Any]  # as given
    seed: int
    indices: Sequence[int]  # of the replicates
    device: str
    strategy: str = "serial"
    most: int | None = None  # replicates that there will be once all have joined

    @property
    def how(self) -> How:
        """In turn, whatever was asked for."""
        return How("serial", None, None)


class OwnReplicate:
    """One seed of one configuration. `failure` is None while it lives; once set, it is not trained again."""

    def __init__(self, index: int, recipe: OwnRecipe) -> None:
        self.index = index
        self.failure: dict[str, Any] | None = None
        self.metrics: dict[str, float] = {}
        self.learning_rate: float | None = None
        self._recipe = recipe
        self._told: set[str] = set()
        self._trained: Any = None
        with self.catching(epoch=-1):
            self.make()

    def make(self) -> None:
        """What the user's code makes of the configuration and the seed; the global generators begin at their own streams."""
        recipe = self._recipe
        seeding.seed_globals(recipe.seed, self.index, "init")
        seed = seeding.ReplicateSeed.of(recipe.seed, self.index)
        self._trained = MAKERS[recipe.ref.kind](recipe.ref)(handed_over(recipe.ref, recipe.config), seed, recipe.device)

    def train(self, epoch: int) -> None:
        """One 0-based epoch."""
        with self.catching(epoch):
            seeding.seed_globals(self._recipe.seed, self.index, "train", epoch)
            report = reports.read(self._trained.epoch(), self._recipe.ref.metric)
            self.metrics, self.learning_rate = report.metrics, report.learning_rate
            for sentence in report.left_out:
                if sentence not in self._told:
                    logger.warning("%s", sentence)
            self._told.update(report.left_out)

    def model_scalars(self) -> dict[str, float]:
        """None: what the code has to say it reports."""
        return {}

    @contextlib.contextmanager
    def catching(self, epoch: int) -> Iterator[None]:
        """Turn any error inside into this replicate's failure; `OutOfMemory` is the trial's."""
        try:
            yield
        except (Exception, SystemExit) as error:
            finite = not isinstance(error, reports.NotFinite)
            message = str(error) if isinstance(error, reports.Unusable | reports.NotFinite) else None
            self.failure = failure.recorded(self.index, epoch, error, finite=finite, message=message)
            self.metrics = {}
            self._trained = None

    def state(self) -> dict[str, Any]:
        """What the user's code says it must have to go on."""
        if self.failure is not None:
            return {"failure": self.failure}
        return {"failure": None, "state": self._trained.state()}

    def load(self, state: dict[str, Any]) -> None:
        """Take over a state made by `state()`."""
        self.failure = state["failure"]
        if self.failure is None:
            self._trained.load(state["state"])

    def set_aside(self) -> bytes:
        """The state as bytes; what was made is dropped, and with it what it holds of the device."""
        state = packed(self.state())
        self._trained = None
        return state

    def take_up(self, state: bytes) -> None:
        """Make it again, and go on from the state."""
        self.make()
        self.load(unpacked(state))


class OwnPacked:
    """All replicates in this process, one after another; with `one_by_one` only the one whose turn it is exists."""

    def __init__(self, recipe: OwnRecipe, *, one_by_one: bool = False) -> None:
        self.how = recipe.how
        self._recipe = recipe
        self._aside: dict[int, bytes] | None = {} if one_by_one else None
        self.replicates: list[OwnReplicate] = []
        self.grow(recipe.indices)

    def grow(self, indices: Sequence[int]) -> None:
        """Make further replicates, which follow those there are."""
        for index in indices:
            self.replicates.append(OwnReplicate(index, self._recipe))
            with self.replicates[-1].catching(epoch=-1):
                self._put_aside(self.replicates[-1])

    def run_epoch(self, epoch: int, last: bool, first: int = 0) -> float:
        """Train every living replicate from index `first` on for one 0-based epoch; the seconds it took."""
        start = time.perf_counter()
        for replicate in self.replicates:
            if replicate.failure is None and replicate.index >= first:
                with replicate.catching(epoch):
                    self._take_up(replicate)
                if replicate.failure is None:
                    replicate.train(epoch)
                with replicate.catching(epoch):
                    self._put_aside(replicate)
        return time.perf_counter() - start

    def states(self) -> list[dict[str, Any]]:
        if self._aside is None:
            return [replicate.state() for replicate in self.replicates]
        return [
            replicate.state() if replicate.failure is not None else unpacked(self._aside[replicate.index])
            for replicate in self.replicates
        ]

    def load(self, states: Sequence[dict[str, Any]]) -> None:
        for replicate, state in zip(self.replicates, states, strict=True):
            self._take_up(replicate)
            replicate.load(state)
            self._put_aside(replicate)

    def _take_up(self, replicate: OwnReplicate) -> None:
        if self._aside is not None and replicate.failure is None:
            replicate.take_up(self._aside.pop(replicate.index))

    def _put_aside(self, replicate: OwnReplicate) -> None:
        if self._aside is not None and replicate.failure is None:
            self._aside[replicate.index] = replicate.set_aside()


# kind of code -> what makes of it what makes a replicate of (config, seed, device); `on_ray.functions` adds its own
MAKERS: dict[str, Callable[[OwnCode], Callable[..., Any]]] = {
    REPLICATE: lambda code: code.trained(),
    RAY_CLASS: lambda code: lambda config, seed, device: ClassReplicate(code, config, seed),
}
