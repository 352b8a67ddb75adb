"""folder:PATH, a dataset of one's own: train/ and test/ (or val/), with a folder of image files for each class."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from trainables.config.wording import some
from trainables.datasets import decode, workers
from trainables.datasets.arrays import DatasetError, Labels
from trainables.datasets.cache import Allocate

logger = logging.getLogger("trainables")

SUFFIXES = (".bmp", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp")
LAYOUT = "it must hold train/ and test/ (or val/), each with a folder of images for each class"


@dataclass(frozen=True)
class File:
    """One image file: path relative to the dataset's folder, label, and what tells that it changed."""

    path: str
    label: int
    bytes: int
    modified_ns: int


class Folder:
    """A folder of images as it lies on disk: a source the cache can decode. Nothing is decoded to list it."""

    classes: tuple[str, ...]
    train: list[File]
    test: list[File]

    def __init__(self, path: Path, skip_unreadable: bool = False) -> None:
        """List the folder; `DatasetError` when it has another layout than above.

        When there are both test/ and val/, test/ is the test set and val/ is not read. Hidden files are skipped. With
        `skip_unreadable` images that cannot be decoded are left out, with a warning; otherwise the first is an error.
        """
        self.path = path
        self.skip_unreadable = skip_unreadable
        try:
            self._list()
        except OSError as error:  # an unreadable folder, a link to nowhere
            raise DatasetError(f"{error.filename} cannot be read ({error.strerror}); repair or remove it") from error

    @property
    def name(self) -> str:
        return f"folder:{self.path}"

    @property
    def listing(self) -> list[Any]:
        files = [[file.path, file.bytes, file.modified_ns] for file in self.train + self.test]
        return [*files, "skip_unreadable"] if self.skip_unreadable else files

    def side(self) -> int:
        """The side of the first image, from its header: what all images must have when no `image_size` is given."""
        first = self.path / self.train[0].path
        if self.skip_unreadable:
            first = next((path for path in self._paths(self.train) if decode.is_image(path)), first)
        width, height = decode.size(first)
        if width != height:
            raise DatasetError(
                f"{first} has {width}x{height} pixels, but images must be square; set image_size to crop them"
            )
        return width

    def decode(self, side: int | None, allocate: Allocate) -> tuple[Labels, Labels]:
        size = side or self.side()
        train = self._decode("train", self.train, side, (3, size, size), allocate)
        test = self._decode("test", self.test, side, (3, size, size), allocate)
        return _labels(train), _labels(test)

    def _decode(
        self, part: str, files: list[File], side: int | None, shape: tuple[int, int, int], allocate: Allocate
    ) -> list[File]:
        """Fill `allocate(part, ...)` with the files that can be decoded; those files."""
        left_out = workers.fill(allocate(part, (len(files), *shape)), self._paths(files), side, self.skip_unreadable)
        if not left_out:
            return files
        kept = [file for position, file in enumerate(files) if position not in left_out]
        if not kept:
            raise DatasetError(f"none of the images in {part}/ can be decoded: {left_out[0]}")
        for sentence in left_out.values():
            logger.warning("%s; it is left out", sentence.rpartition(";")[0])
        workers.fill(allocate(part, (len(kept), *shape)), self._paths(kept), side)  # an array on disk does not shrink
        return kept

    def _paths(self, files: list[File]) -> list[Path]:
        return [self.path / file.path for file in files]

    def _list(self) -> None:
        path = self.path
        if not path.is_dir():
            raise DatasetError(f"there is no folder {path}; give folder:PATH a folder: {LAYOUT}")
        test = "test" if (path / "test").is_dir() else "val"
        if not (path / "train").is_dir():
            raise DatasetError(f"{path} has no train/; {LAYOUT}")
        if not (path / test).is_dir():
            raise DatasetError(f"{path} has neither test/ nor val/; {LAYOUT}")
        self.classes = _classes(path, test)
        self.train = self._files("train")
        self.test = self._files(test)

    def _files(self, split: str) -> list[File]:
        files: list[File] = []
        empty = []
        for label, name in enumerate(self.classes):
            found = self._images(f"{split}/{name}", label)
            files += found
            if not found:
                empty.append(f"{split}/{name}/")
        if empty:
            raise DatasetError(
                f"{self.path} has class folders without images: {some(empty)}; fill them, or remove the classes"
            )
        return files

    def _images(self, folder: str, label: int) -> list[File]:
        files = []
        with os.scandir(self.path / folder) as entries:
            for entry in sorted(entries, key=lambda entry: entry.name):
                if entry.name.startswith("."):
                    continue
                if not entry.name.lower().endswith(SUFFIXES):
                    kind = "a folder" if entry.is_dir() else f"not an image by its name (of {' '.join(SUFFIXES)})"
                    raise DatasetError(f"{entry.path} is {kind}; class folders hold only images: move it elsewhere")
                stat = entry.stat()
                files.append(File(f"{folder}/{entry.name}", label, stat.st_size, stat.st_mtime_ns))
        return files


def _classes(path: Path, test: str) -> tuple[str, ...]:
    """The class names, sorted: the folders of train/, which must be those of the test set."""
    train_names, test_names = (
        {entry.name for entry in (path / split).iterdir() if entry.is_dir() and not entry.name.startswith(".")}
        for split in ("train", test)
    )
    if train_names != test_names:
        sides = ((train_names - test_names, "train"), (test_names - train_names, test))
        differences = [f"only in {split}/: {some(sorted(names))}" for names, split in sides if names]
        raise DatasetError(
            f"train/ and {test}/ of {path} have different class folders ({'; '.join(differences)}); make them the same"
        )
    if len(train_names) < 2:
        raise DatasetError(f"{path}/train has {len(train_names)} class folders, but needs at least two; {LAYOUT}")
    return tuple(sorted(train_names))


def _labels(files: list[File]) -> Labels:
    return np.array([file.label for file in files], dtype=np.int64)
