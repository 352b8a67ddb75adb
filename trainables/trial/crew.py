"""Where the replicates of a trial live and how they train an epoch: packed in this process, or one after another on the card.

`LockStep` asks nothing more of them, so that `trainables.on_ray.spread` can put each into a worker of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

import torch

from trainables import engine
from trainables.config.training import TrainingConfig
from trainables.families import Ref
from trainables.family import Family
from trainables.process.precision import effective
from trainables.process.team import ALONE, Team
from trainables.trial.how import How
from trainables.trial.replicate import Replicate
from trainables.trial.serial import Serial

if TYPE_CHECKING:
    from trainables.trial.replicate import Data
    from trainables.trial.strategies import Strategy

CPU = torch.device("cpu")


@dataclass(frozen=True)
class Recipe:
    """What the replicates of a trial have in common, and how many there are."""

    family: Family[Any]
    config: TrainingConfig
    data: Data
    seed: int
    indices: Sequence[int]  # of the replicates that begin
    device: torch.device
    team: Team = ALONE  # of the workers that train each of them
    strategy: str = "auto"  # see `engine.STRATEGIES`
    most: int | None = None  # replicates that there will be once all have joined; None: no more than those that begin

    @property
    def ref(self) -> Ref:
        """How another process finds the family."""
        return self.family.code or self.family.name

    @property
    def knobs(self) -> dict[str, Any]:
        """The configuration as it travels."""
        return self.config.model_dump()

    @property
    def how(self) -> How:
        """Before the first epoch."""
        return How("serial", None, effective(self.config.precision, self.device))


class Member(Protocol):
    """What is known of a replicate after each epoch."""

    index: int
    failure: dict[str, Any] | None
    metrics: dict[str, float]
    learning_rate: float | None  # of the epoch begun last

    def model_scalars(self) -> dict[str, float]:
        """What the family reads off its model."""


class Crew(Protocol):
    """All replicates of one trial that have begun."""

    how: How  # the last epoch was trained

    @property
    def replicates(self) -> Sequence[Member]:
        """In the order of their indices."""

    def grow(self, indices: Sequence[int]) -> None:
        """Build further replicates, which follow those there are."""

    def run_epoch(self, epoch: int, last: bool, first: int = 0) -> float:
        """Train and evaluate every living replicate from index `first` on for one 0-based epoch; the seconds spent in training
        alone."""

    def states(self) -> list[dict[str, Any]]:
        """The state of each replicate (see `Replicate.state`)."""

    def load(self, states: Sequence[dict[str, Any]]) -> None:
        """Take over states made by `states()`, of as many replicates."""


class Packed:
    """All replicates in this process and on its device."""

    def __init__(self, recipe: Recipe) -> None:
        self._recipe = recipe
        self.replicates = [self._build(recipe, index) for index in recipe.indices]
        self._together: tuple[int, ...] = ()  # who trained the last epoch
        self._strategy: Strategy = engine.STRATEGIES[recipe.strategy]()
        self.how = recipe.how

    def _build(self, recipe: Recipe, index: int) -> Replicate:
        return Replicate(index, recipe.family, recipe.config, recipe.data, recipe.seed, recipe.device, recipe.team)

    def grow(self, indices: Sequence[int]) -> None:
        self.replicates += [self._build(self._recipe, index) for index in indices]

    def run_epoch(self, epoch: int, last: bool, first: int = 0) -> float:
        chosen = self._from(first)
        together = tuple(replicate.index for replicate in chosen)
        if self._together not in ((), together):  # what was captured and timed was of others
            self._strategy = engine.STRATEGIES[self._recipe.strategy]()
        self._together = together
        seconds = self._strategy.run_epoch(chosen, epoch, last)
        self.how = replace(self.how, strategy=self._strategy.used, reason=self._strategy.why)
        return seconds

    def _from(self, first: int) -> list[Replicate]:
        return [replicate for replicate in self.replicates if replicate.index >= first]

    def states(self) -> list[dict[str, Any]]:
        return [replicate.state() for replicate in self.replicates]

    def load(self, states: Sequence[dict[str, Any]]) -> None:
        for replicate, state in zip(self.replicates, states, strict=True):
            replicate.load(state)


class OneByOne(Packed):
    """As packed, but only the replicate whose turn it is keeps its model and optimizer on the device.

    It needs about 1/k of the memory and gives the same numbers; every epoch pays for moving each replicate there and back.
    """

    def _build(self, recipe: Recipe, index: int) -> Replicate:
        replicate = super()._build(recipe, index)
        replicate.move(CPU)
        return replicate

    # Always serial: there is room for one of them.
    def run_epoch(self, epoch: int, last: bool, first: int = 0) -> float:
        return sum(turn(replicate, epoch, last) for replicate in self._from(first))


def train(replicates: Sequence[Replicate], epoch: int, last: bool) -> float:
    """An epoch of replicates on one device: in turn, or batch by batch where images are decoded as they come."""
    return Serial().run_epoch(replicates, epoch, last)


def turn(replicate: Replicate, epoch: int, last: bool) -> float:
    """An epoch of one replicate, on its device for that long only; the seconds spent in training."""
    replicate.move(replicate.device)
    seconds = train([replicate], epoch, last)
    replicate.move(CPU)
    return seconds
