"""The images of a trial on its device, and the normalised, augmented batches it trains on and is judged on.

Images stay 8-bit until the last step and are cropped, mirrored and normalised a batch at a time: no loader processes.
This is for datasets of which all images fit in the device's memory; `trainables.images.streamed` is for the others.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from trainables import datasets
from trainables.config.normalisation import Constants
from trainables.datasets.arrays import Images, Labels
from trainables.images import batches
from trainables.images.augmentation import crop_flip, flip
from trainables.images.batches import Batches, normalised
from trainables.layers.transfer import upload
from trainables.process.team import ALONE, Team

EVALUATION_BATCH_SIZE = 500


@dataclass(frozen=True)
class Part:
    """Images uint8 [N, C, H, W] and labels int64 [N] on the device, and the positions [M] of those that belong here."""

    images: Tensor
    labels: Tensor
    positions: Tensor

    @classmethod
    def place(cls, images: Images, labels: Labels, positions: Labels, device: torch.device) -> Part:
        """Arrays as they are on the CPU, so that mapped pages stay shared; elsewhere a copy of the part alone."""
        if device.type == "cpu":
            return cls(torch.from_numpy(images), torch.from_numpy(labels), torch.from_numpy(positions))
        return cls(
            torch.from_numpy(images[positions]).to(device),
            torch.from_numpy(labels[positions]).to(device),
            torch.arange(len(positions), device=device),
        )

    def __len__(self) -> int:
        return len(self.positions)


@dataclass(frozen=True)
class Draws:
    """What an epoch draws, on the device: the order of the N images, and the crop [2, N] and mirroring [N] of each."""

    positions: Tensor
    offsets: Tensor | None
    flips: Tensor | None

    def copy_(self, other: Draws) -> None:
        """Take over another epoch's numbers, in the same memory."""
        for mine, its in zip(self._tensors(), other._tensors(), strict=True):
            mine.copy_(its)

    def _tensors(self) -> list[Tensor]:
        return [drawn for drawn in (self.positions, self.offsets, self.flips) if drawn is not None]


class ImageData(batches.Sizes[Part]):
    """What one trial trains on and is judged on, on one device.

    With `selection="holdout"` a tenth of the training images is held out for validation. With `selection="test"` the
    test set takes that place, all training images are trained on, and `test_batches` is empty. `constants` are the mean
    and deviation of each channel, by default 0.5 and 0.5.
    """

    streamed = False
    evaluation_batch_size = EVALUATION_BATCH_SIZE

    def __init__(
        self,
        arrays: datasets.Arrays,
        train_images: int | None,
        selection: Literal["holdout", "test"],
        device: torch.device,
        constants: Constants | None = None,
    ) -> None:
        used = datasets.subset(len(arrays.train_labels), train_images)
        in_test_set = datasets.subset(len(arrays.test_labels), None)

        def of_train(positions: Labels) -> Part:
            return Part.place(arrays.train_images, arrays.train_labels, positions, device)

        def of_test(positions: Labels) -> Part:
            return Part.place(arrays.test_images, arrays.test_labels, positions, device)

        if selection == "holdout":
            kept, held_out = datasets.holdout_split(len(used))
            self._train, self._validation = of_train(used[kept]), of_train(used[held_out])
            self._test = of_test(in_test_set)
        else:
            self._train, self._validation = of_train(used), of_test(in_test_set)
            self._test = of_test(in_test_set[:0])
        self.num_classes = len(arrays.classes)
        self.channels = arrays.channels
        self.image_size = arrays.side
        self.fingerprint = arrays.fingerprint
        self.device = device
        self._mean, self._std = batches.statistics(arrays.name, self.channels, device, constants)

    def train_batches(
        self,
        batch_size: int,
        generator: torch.Generator,
        augmentation: str = "none",
        crop_padding: int = 4,
        team: Team = ALONE,
    ) -> Batches:
        """One epoch in random order: (images float32 [B, C, H, W] normalised, labels int64 [B]); the last may be short,
        but is never a single image unless it is the only batch or `batch_size` is 1.

        Args:
            batch_size: images in a batch.
            generator: on the CPU whatever the device, so that the same batches come on any device. The whole epoch is
                drawn from it by this call: it advances alike whether or not the batches are consumed.
            augmentation: `flip` mirrors each image with probability 1/2; `crop-flip` also crops it at a uniform offset.
            crop_padding: pixels of black around the image before the crop.
            team: the worker's place in it; each batch is its part of the whole one.
        """
        draws = self.draw(generator, augmentation, crop_padding)
        return self._drawn(draws, batch_size, crop_padding, team)

    def draw(self, generator: torch.Generator, augmentation: str = "none", crop_padding: int = 4) -> Draws:
        """All that one epoch draws (see `train_batches`)."""
        count = len(self._train)
        order = torch.randperm(count, generator=generator)
        offsets = flips = None
        if augmentation == "crop-flip":
            drawn = torch.randint(0, 2 * crop_padding + 1, (2, count), generator=generator)
            offsets = upload(drawn, self.device)
        if augmentation != "none":
            flips = upload(torch.randint(0, 2, (count,), generator=generator).bool(), self.device)
        return Draws(self._train.positions[upload(order, self.device)], offsets, flips)

    def batch(self, draws: Draws, which: slice | Tensor, crop_padding: int = 4) -> tuple[Tensor, Tensor]:
        """The images and labels at these places of the epoch's order, as `train_batches` gives them."""
        positions = draws.positions[which]
        images = self._train.images.index_select(0, positions)
        if draws.offsets is not None and draws.flips is not None:
            tops, lefts = draws.offsets[0][which], draws.offsets[1][which]
            images = crop_flip(images, tops, lefts, draws.flips[which], crop_padding)
        elif draws.flips is not None:
            images = flip(images, draws.flips[which])
        return self._normalised(images), self._train.labels[positions]

    def _drawn(self, draws: Draws, batch_size: int, padding: int, team: Team) -> Batches:
        for which in map(team.part, batches.slices(len(draws.positions), batch_size, batches.least(team))):
            yield self.batch(draws, which, padding)

    def _plain(self, part: Part, batch_size: int, team: Team) -> Batches:
        own = part.positions[team.part(slice(0, len(part)))]
        for start in range(0, len(own), batch_size):
            positions = own[start : start + batch_size]
            yield self._normalised(part.images.index_select(0, positions)), part.labels[positions]

    def _normalised(self, images: Tensor) -> Tensor:
        return normalised(images, self._mean, self._std)
