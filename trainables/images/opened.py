"""The images that a configuration names: loaded whole or streamed, and kept by the process for the next trial."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Literal, cast

import torch

from trainables import datasets
from trainables.config import dataset_kinds as kinds
from trainables.config import normalisation
from trainables.config.normalisation import Constants
from trainables.config.training import TrainingConfig
from trainables.datasets.arrays import DatasetError
from trainables.images.loaded import ImageData

if TYPE_CHECKING:
    from trainables.datasets.imagenet import ImageNetFolder
    from trainables.images.streamed import StreamedData

KEPT = 2  # datasets a process keeps: a reused worker mostly comes back to the one it had


def open_images(config: TrainingConfig, device: torch.device | str) -> ImageData | StreamedData:
    """The images a configuration names; opened once per process and device while no two others came in between.

    `datasets.DatasetError` when they are missing, broken or fewer than `train_images` or than a batch.
    """
    name = datasets.canonical(config.dataset)
    if config.augmentation == "resized-crop" and not kinds.of(name).streamed:
        raise DatasetError(
            f"`augmentation` is 'resized-crop', but {name} is not imagenet:PATH, whose images alone are larger than "
            "the network's; use crop-flip"
        )
    knobs = config.image_size, config.train_images, config.selection
    data = _opened(name, *knobs, torch.device(device), config.skip_unreadable, config.constants)
    if data.train_size < config.batch_size:  # a smaller batch is another configuration than the records would say
        raise DatasetError(
            f"`batch_size` is {config.batch_size}, but {name} leaves only {data.train_size} images to train on; lower it"
        )
    return data


def forget() -> None:
    """Empty the process's memory of images, so that they are looked for on the disk again."""
    _opened.cache_clear()


@lru_cache(maxsize=KEPT)
def _opened(
    name: str,
    image_size: int | None,
    train_images: int | None,
    selection: Literal["holdout", "test"],
    device: torch.device,
    skip_unreadable: bool,
    constants: str,
) -> ImageData | StreamedData:
    if not kinds.of(name).streamed:
        arrays = datasets.load(name, image_size, skip_unreadable)
        return ImageData(arrays, train_images, selection, device, _constants(constants, arrays.channels))
    from trainables.images.streamed import StreamedData  # torchvision's transforms take a second to import

    folder = cast("ImageNetFolder", datasets.opened(name))
    of_channels = _constants(constants, StreamedData.channels)
    return StreamedData(folder, image_size, train_images, selection, device, skip_unreadable, constants=of_channels)


def _constants(name: str, channels: int) -> Constants:
    try:
        return normalisation.constants(name, channels)
    except ValueError as error:
        raise DatasetError(str(error)) from None
