"""Images decoded by worker processes as they are needed, each once for all replicates of a trial.

The replicates see the images in one order, and each crops and mirrors every image by random numbers of its own. Resizing
and cropping are torchvision's (v2) on the decoded image; normalisation is done on the device.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from trainables import datasets
from trainables.config.normalisation import Constants
from trainables.datasets.arrays import DatasetError, DecoderLost, Labels
from trainables.datasets.imagenet import DEFAULT_SIDE, ImageNetFolder
from trainables.images import batches
from trainables.images.batches import Batches, normalised
from trainables.images.decoder import Collated, Decoder, Made, Wanted, collated
from trainables.layers.transfer import upload
from trainables.process.team import ALONE, Team

logger = logging.getLogger("trainables")

PREFETCHED = 2  # batches decoded ahead by each worker
SharedBatches = Iterator[tuple[list[Tensor], Tensor]]


class StreamedData(batches.Sizes[Labels]):
    """What one trial trains on and is judged on, on one device: `trainables.images.loaded.ImageData` for datasets of any size.

    Args:
        folder: the files.
        image_size: side of the crops; default 224.
        train_images: how many of the training images are used, drawn once; `None` all.
        selection: as in `ImageData`; val/ is the test set.
        device: where batches go.
        skip_unreadable: leave out images that cannot be decoded; otherwise the first one raises `DatasetError`.
        workers: processes that decode; default as many as this process has threads, its share of CPUs.
        constants: mean and deviation of each channel; default ImageNet's.
    """

    streamed = True
    evaluation_batch_size = batches.STREAMED_EVALUATION
    channels = 3

    def __init__(
        self,
        folder: ImageNetFolder,
        image_size: int | None,
        train_images: int | None,
        selection: Literal["holdout", "test"],
        device: torch.device,
        skip_unreadable: bool = False,
        workers: int | None = None,
        constants: Constants | None = None,
    ) -> None:
        self.image_size = image_size or DEFAULT_SIDE
        self.num_classes = len(folder.classes)
        self.name = folder.name
        self.fingerprint = folder.fingerprint
        self.device = device
        self._skip_unreadable = skip_unreadable
        self._labels = torch.from_numpy(np.concatenate([folder.train.labels, folder.val.labels]))
        train, test = (len(split.files) for split in (folder.train, folder.val))
        used, in_test_set = datasets.subset(train, train_images), train + datasets.subset(test, None)
        if selection == "holdout":
            kept, held_out = datasets.holdout_split(len(used))
            self._train, self._validation, self._test = used[kept], used[held_out], in_test_set
        else:
            self._train, self._validation, self._test = used, in_test_set, in_test_set[:0]
        self._mean, self._std = batches.statistics(folder.name, self.channels, device, constants)
        files = [str(folder.path / file) for split in (folder.train, folder.val) for file in split.files]
        self._plan = _Plan()
        self._files, self._workers = files, workers or max(1, torch.get_num_threads())
        self._loader = self._decoders()

    def _decoders(self) -> torch.utils.data.DataLoader[Made]:
        return torch.utils.data.DataLoader(
            Decoder(self._files, self.image_size),
            batch_sampler=self._plan,
            collate_fn=collated,
            num_workers=self._workers,
            prefetch_factor=PREFETCHED,
            persistent_workers=True,
            pin_memory=self.device.type == "cuda",
        )

    def train_batches(
        self,
        batch_size: int,
        generator: torch.Generator,
        augmentation: str = "none",
        crop_padding: int = 4,
        team: Team = ALONE,
    ) -> Batches:
        """One epoch for one replicate, as `ImageData.train_batches`; `crop_padding` is not used, images being larger."""
        for versions, labels in self.shared_train_batches(batch_size, generator, [generator], augmentation, team):
            yield versions[0], labels

    def shared_train_batches(
        self,
        batch_size: int,
        order: torch.Generator,
        streams: Sequence[torch.Generator],
        augmentation: str,
        team: Team = ALONE,
    ) -> SharedBatches:
        """One epoch for k replicates: (k versions [B, 3, H, W] of the same images, labels [B]); each image decoded once.

        Args:
            batch_size: images in a batch; a lone last one joins the batch before.
            order: of the images, a CPU generator.
            streams: of each replicate, for its crops and mirroring; CPU generators.
            augmentation: `flip` mirrors half the images; `crop-flip` also crops the image, reduced to 256/224 of the
                side, anywhere; `resized-crop` takes 8 % to all of the image in a shape of 3:4 to 4:3; `none` the centre.
            team: the worker's place in it; it decodes its part of each batch alone.
        """
        positions = torch.from_numpy(self._train)[torch.randperm(len(self._train), generator=order)]
        seeds = torch.stack([torch.randint(2**62, (len(positions),), generator=stream) for stream in streams], dim=1)
        whole = batches.slices(len(positions), batch_size, batches.least(team))
        parts = [team.part(batch) for batch in whole]
        return self._batches(positions, parts, augmentation, seeds)

    def _plain(self, part: Labels, batch_size: int, team: Team) -> Batches:
        """The centre of each image."""
        positions = torch.from_numpy(part)[team.part(slice(0, len(part)))]
        parts = list(batches.slices(len(positions), batch_size))
        for [images], labels in self._batches(positions, parts, "none", torch.zeros(len(positions), 1).long()):
            yield images, labels

    def _batches(self, positions: Tensor, parts: Iterable[slice], how: str, seeds: Tensor) -> SharedBatches:
        self._plan.batches = lambda: (
            [(p, how, tuple(s)) for p, s in zip(positions[part].tolist(), seeds[part].tolist(), strict=True)]
            for part in parts
        )
        for versions, numbers, unreadable in self._decoded():
            for sentence in unreadable:
                if not self._skip_unreadable:
                    raise DatasetError(f"{sentence}, or set skip_unreadable=true")
                logger.warning("%s; it is left out", sentence.rpartition(";")[0])
            if len(numbers):
                on_device = versions.to(self.device, non_blocking=True)
                labels = upload(self._labels[numbers], self.device)
                yield [normalised(images, self._mean, self._std) for images in on_device], labels

    def _decoded(self) -> Iterator[Collated]:
        """The batches planned, as they come from the processes that decode."""
        try:
            yield from self._loader
        except (RuntimeError, ConnectionError, EOFError) as error:
            if not _is_loss(error):
                raise
            self._renew()
            raise DecoderLost(
                f"a process that decodes the images of {self.name} ended, killed perhaps for its memory; try again, with "
                "fewer CPUs for a trial where memory is short"
            ) from error

    def _renew(self) -> None:
        """Decoders anew: those that lost a process give nothing any more.

        PyTorch raises the end of each in whatever this process does then, so all of the old ones are gone before that.
        """
        for process in getattr(self._loader._iterator, "_workers", ()):
            while True:
                with contextlib.suppress(RuntimeError):
                    process.kill()
                    process.join()
                    break
        self._loader = self._decoders()


def _is_loss(error: Exception) -> bool:
    """Whether a process has ended: one that hands a batch over is missed by the connection that ends. What a process has raised
    itself begins with "Caught"."""
    wording = str(error)
    return "DataLoader worker" in wording if isinstance(error, RuntimeError) else not wording.startswith("Caught ")


class _Plan:
    """The batches that the workers are to make next."""

    batches: Callable[[], Iterator[list[Wanted]]]

    def __iter__(self) -> Iterator[list[Wanted]]:
        return self.batches()
