"""What the batches of every kind of dataset have in common: their type, their bounds, their normalisation."""

from __future__ import annotations

from collections.abc import Iterator, Sized
from typing import Generic, TypeVar

import torch
from torch import Tensor

from trainables import datasets
from trainables.config.normalisation import Constants
from trainables.layers.transfer import constant
from trainables.process.team import ALONE, Team

Batches = Iterator[tuple[Tensor, Tensor]]

STREAMED_EVALUATION = 128  # images in a batch of an evaluation, where they are decoded as needed


P = TypeVar("P", bound=Sized)


class Sizes(Generic[P]):
    """The parts of a dataset that are trained on, selected by and reported on: how many images, and those of the latter."""

    evaluation_batch_size: int
    _train: P
    _validation: P
    _test: P

    @property
    def train_size(self) -> int:
        return len(self._train)

    @property
    def validation_size(self) -> int:
        return len(self._validation)

    @property
    def test_size(self) -> int:
        return len(self._test)

    def steps_per_epoch(self, batch_size: int, team: Team = ALONE) -> int:
        """How many batches `train_batches` gives."""
        return count(len(self._train), batch_size, least(team))

    def validation_batches(self, batch_size: int | None = None, team: Team = ALONE) -> Batches:
        """The validation images in a fixed order, not augmented: (images, labels) as in `train_batches`."""
        return self._plain(self._validation, batch_size or self.evaluation_batch_size, team)

    def test_batches(self, batch_size: int | None = None, team: Team = ALONE) -> Batches:
        """The test images likewise, in their own order; nothing at all with `selection="test"`."""
        return self._plain(self._test, batch_size or self.evaluation_batch_size, team)

    def _plain(self, part: P, batch_size: int, team: Team) -> Batches:
        """A worker's images of a part, as they are."""
        raise NotImplementedError


def least(team: Team) -> int:
    """Images that a batch needs: batch statistics of one do not exist, and no worker may be left without any."""
    return max(2, team.size)


def slices(images: int, batch_size: int, fewest: int = 2) -> Iterator[slice]:
    """The batches of an epoch. A last one of less than `fewest` images joins the one before it, unless all are so small:
    whether a trial lives must not hang on the remainder of a division."""
    start = 0
    while start < images:
        stop = start + batch_size
        stop = images if images - stop < fewest <= batch_size else stop
        yield slice(start, stop)
        start = stop


def count(images: int, batch_size: int, fewest: int = 2) -> int:
    """How many batches `slices` gives."""
    whole, rest = divmod(images, batch_size)
    joined = rest < fewest <= batch_size and whole > 0
    return whole if joined or rest == 0 else whole + 1


def statistics(
    dataset: str, channels: int, device: torch.device, constants: Constants | None = None
) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation [C, 1, 1] that a dataset's images are normalised with, where white is 255.

    `constants` are these of each channel where white is 1; by default the dataset's own.
    """
    given = constants or datasets.normalisation(dataset, channels)
    mean, std = (255 * constant(tuple(values), device) for values in given)
    return mean.view(-1, 1, 1), std.view(-1, 1, 1)


def normalised(images: Tensor, mean: Tensor, std: Tensor) -> Tensor:
    """float32 of 8-bit images [N, C, H, W], given mean and standard deviation [C, 1, 1] in units where white is 255."""
    return images.to(torch.float32).sub_(mean).div_(std)
