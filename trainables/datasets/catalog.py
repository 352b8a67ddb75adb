"""The datasets by name: load one, check one before anything starts, list them, fetch one."""

from __future__ import annotations

import importlib
from pathlib import Path

from trainables.config import dataset_kinds as kinds
from trainables.config.wording import nearest
from trainables.datasets import holdout, shared
from trainables.datasets.arrays import Arrays, DatasetError, Info
from trainables.datasets.dataset import Dataset, Fetched
from trainables.storage import home


def canonical(dataset: str) -> str:
    """The name that means the same from any working directory: folder:PATH and imagenet:PATH get their absolute path.

    `DatasetError` for an unknown name, with the nearest one.
    """
    if dataset in kinds.NAMES:
        return dataset
    kind, colon, path = dataset.partition(":")
    if colon and kinds.of(kind).layout:
        if not path:
            raise DatasetError(f"`{kind}:` names no path; write {kind}:PATH")
        try:
            return f"{kind}:{home.absolute(path)}"
        except home.UnusablePath as error:
            raise DatasetError(f"`dataset` is {dataset}, and {error}") from None
    meant = f"folder:{dataset}"
    hint = (
        f"; did you mean `{meant}`?" if Path(dataset).is_dir() else nearest(dataset.lower(), kinds.NAMES, before="; ")
    )
    raise DatasetError(f"`{dataset}` is not a dataset (there are: {', '.join(kinds.SPELLINGS)}){hint}")


def normalisation(dataset: str, channels: int) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation that images are normalised with, a channel each, in units where white is 1."""
    return kinds.of(dataset).normalisation or ((0.5,) * channels, (0.5,) * channels)


def opened(dataset: str, skip_unreadable: bool = False) -> Dataset:
    """The dataset of a name; `DatasetError` when it is unknown, missing or laid out in another way.

    With `skip_unreadable` a folder's images that cannot be decoded are left out.
    """
    name = canonical(dataset)
    return _reader(name).open(name, skip_unreadable)


def class_names(dataset: str) -> tuple[str, ...]:
    """The names of the classes in the order of their labels; nothing is decoded."""
    return opened(dataset).classes


def load(dataset: str, image_size: int | None = None, skip_unreadable: bool = False) -> Arrays:
    """The dataset at `image_size` pixels a side (default its own; digits: 16).

    CIFAR and folders are decoded at the first use and mapped from the cache of the data root afterwards; nothing is
    downloaded. `DatasetError` as of `opened`, and when an image is broken.
    """
    _check_image_size(image_size)
    return opened(dataset, skip_unreadable).load(image_size)


def check(dataset: str, image_size: int | None = None, train_images: int | None = None) -> Info:
    """What the dataset is, or `DatasetError`: it is there, laid out as it must be, and has `train_images` to train on.

    A folder is listed, not decoded: a damaged image shows when the folder is first loaded.
    """
    _check_image_size(image_size)
    info = opened(dataset).info(image_size)
    holdout.subset(info.train_images, train_images)
    return info


def available() -> list[Info]:
    """Every dataset that has a name of its own; `problem` says what is wrong with those that cannot be used."""
    infos = []
    for name in kinds.NAMES:
        try:
            _require_here(name)
            infos.append(check(name))
        except DatasetError as error:
            infos.append(_reader(name).absent(name, str(error)))
    return infos


def fetch(dataset: str, root: Path | None = None) -> Info:
    """Bring a dataset into `root` (default the data root), unless it is there: from the place for all machines where one is
    named, else by a download."""
    name = canonical(dataset)
    reader = _reader(name)
    if not issubclass(reader, Fetched):
        raise DatasetError(f"{name} needs no download; fetch {' or '.join(kinds.FETCHED)}")
    if root is None and shared.source() is not None:
        folder = shared.provide(name, reader.files(name))
    else:
        folder = root or shared.data_root()
        reader.download(name, folder)
    found = reader(name, folder)
    found.verify()
    return found.info(None)


def put(dataset: str, to: str) -> str:
    """Copy a dataset from the data root to a place for all machines, a folder or s3://BUCKET/PREFIX; a sentence.

    `DatasetError` where it is not here, is not what was published, or the place cannot be written.
    """
    name = canonical(dataset)
    reader = _reader(name)
    if not issubclass(reader, Fetched):
        kind, _, path = name.partition(":")
        if not path:
            raise DatasetError(f"{name} is part of {reader.part_of} and so on every node already; put nothing")
        raise DatasetError(
            f"{kind}:PATH is read where it lies; copy {path} to a folder that every node mounts, and search with "
            f"--set dataset={kind}:/THAT/FOLDER"
        )
    root = shared.data_root()
    reader(name, root).verify()
    return shared.put(name, reader.files(name), root, to)


def _reader(name: str) -> type[Dataset]:
    """What opens the datasets of a canonical name."""
    module, _, reader = kinds.of(name).reader.partition(".")
    return getattr(importlib.import_module(f"trainables.datasets.{module}"), reader)  # type: ignore[no-any-return]


def _require_here(name: str) -> None:
    """`DatasetError` where a dataset would be fetched at its first use."""
    reader = _reader(name)
    if not issubclass(reader, Fetched):
        return
    place = shared.source()
    if place is not None and not shared.is_here(shared.data_root(), reader.files(name)):
        raise DatasetError(f"not in {shared.data_root()} yet; if {place} has it, the first use fetches it")


def _check_image_size(image_size: int | None) -> None:
    if image_size is not None and image_size < 1:
        raise DatasetError(f"`image_size` is {image_size}, but must be at least 1; raise it")
