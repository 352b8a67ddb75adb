"""What a trial is put together from: for a family images, models and a crew that trains them; for a user's own code that code.

A family's parts need torch; those of a user's own code do not, unless the code imports it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from trainables import families, statistics
from trainables.config.own.code import OwnCode

if TYPE_CHECKING:
    import torch

    from trainables.trial.crew import Crew, Member

MakeCrew = Callable[[Any], "Crew"]  # of a recipe


class Parts(Protocol):
    """What `LockStep` asks of what it trains.

    Attributes:
        always: the metrics that every epoch has, whoever failed -> their mode.
        marks: what a checkpoint says of whose it is.
        packed: makes the crew whose replicates are all in this process.
        one_by_one: the same, where only one at a time fits.
    """

    always: dict[str, str]
    marks: dict[str, Any]
    packed: MakeCrew
    one_by_one: MakeCrew

    def recipe(self, seed: int, indices: Sequence[int], strategy: str, **more: Any) -> Any:
        """What the crew is made of."""

    def speed(self, living: int, replicates: Sequence[Member], seconds: float) -> dict[str, float]:
        """How much was trained in a second of training, by the name of its unit."""

    def scalars_at(self, epoch: int) -> dict[str, float]:
        """Further numbers of a 0-based epoch, the same for every replicate."""

    def learning_rate_at(self, epoch: int) -> float | None:
        """The learning rate of a 0-based epoch where no replicate says it."""


def parts(family: families.Ref, config: Any, knobs: dict[str, Any], device: torch.device | str) -> Parts:
    """The parts of a trial of a family, or of a user's own code, on a device."""
    if isinstance(family, OwnCode) and family.in_lock_step:
        return OwnParts(family, config, knobs, str(device))
    return FamilyParts(family, config, device)


def always(family: families.Ref) -> dict[str, str]:
    """The metrics that every epoch has -> their mode."""
    if isinstance(family, OwnCode) and family.in_lock_step:
        return {family.metric: family.mode}
    return {name: statistics.mode_of(name) for name in statistics.ALWAYS}


def worst(family: families.Ref) -> dict[str, float]:
    """What is reported where nothing was trained: the worst value of each of those metrics."""
    return {name: statistics.worst(mode) for name, mode in always(family).items()}


def needs_torch(family: families.Ref) -> bool:
    """Whether training it in this process takes torch: for a user's own code, whether that has imported it."""
    if isinstance(family, OwnCode) and family.in_lock_step:
        family.trained()  # its imports
        return "torch" in sys.modules
    return True


class FamilyParts:
    """See `Parts`; also `data`, the images."""

    def __init__(self, family: families.Ref, config: Any, device: torch.device | str) -> None:
        import torch

        from trainables.images.opened import open_images
        from trainables.trial.crew import OneByOne, Packed

        self.family = families.get(family)
        self.always = always(family)
        self.marks: dict[str, Any] = {"family": self.family.name}
        self.packed: MakeCrew = Packed
        self.one_by_one: MakeCrew = OneByOne
        self.device = torch.device(device)
        self.data = open_images(config, self.device)
        self._config = config

    def recipe(self, seed: int, indices: Sequence[int], strategy: str, **more: Any) -> Any:
        from trainables.trial.crew import Recipe

        return Recipe(self.family, self._config, self.data, seed, indices, self.device, strategy=strategy, **more)

    def speed(self, living: int, replicates: Sequence[Member], seconds: float) -> dict[str, float]:
        return {"images_per_second": living * self.data.train_size / seconds if seconds > 0 else 0.0}

    def scalars_at(self, epoch: int) -> dict[str, float]:
        return self.family.scalars_at(self._config, epoch)

    def learning_rate_at(self, epoch: int) -> float | None:
        return self.family.learning_rate_at(self._config, epoch)


@dataclass
class OwnParts:
    """See `Parts`."""

    code: OwnCode
    config: Any
    knobs: dict[str, Any]
    device: str

    def __post_init__(self) -> None:
        from trainables.trial.own import OwnPacked

        self.always = always(self.code)
        self.marks: dict[str, Any] = {"family": self.code.name, "own": True}
        self.packed: MakeCrew = OwnPacked
        self.one_by_one: MakeCrew = partial(OwnPacked, one_by_one=True)

    def recipe(self, seed: int, indices: Sequence[int], strategy: str, **more: Any) -> Any:
        from trainables.trial.own import OwnRecipe

        return OwnRecipe(self.code, self.config, self.knobs, seed, indices, self.device, most=more.get("most"))

    def speed(self, living: int, replicates: Sequence[Member], seconds: float) -> dict[str, float]:
        """Nothing where the code does not say how many it saw."""
        seen = sum(replicate.metrics.get("samples", 0.0) for replicate in replicates if replicate.failure is None)
        return {"samples_per_second": seen / seconds} if seen > 0 and seconds > 0 else {}

    def scalars_at(self, epoch: int) -> dict[str, float]:
        return {}

    def learning_rate_at(self, epoch: int) -> float | None:
        return None
