"""folder:PATH, a dataset of one's own: train/ and test/ (or val/), with a folder of image files for each class."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np

from trainables.config.wording import printable, some
from trainables.datasets import decode, layout, workers
from trainables.datasets.arrays import DatasetError, Info, Labels
from trainables.datasets.cache import Allocate
from trainables.datasets.dataset import Decoded

logger = logging.getLogger("trainables")

LAYOUT = "it must hold train/ and test/ (or val/), each with a folder of images for each class"


@dataclass(frozen=True)
class File:
    """One image file: path relative to the dataset's folder, label, and what tells that it changed."""

    path: str
    label: int
    bytes: int
    modified_ns: int


class Folder(Decoded):
    """A folder of images as it lies on disk."""

    train: list[File]
    test: list[File]

    def __init__(self, path: Path, skip_unreadable: bool = False) -> None:
        """List the folder; `DatasetError` when it has another layout than above.

        When there are both test/ and val/, test/ is the test set and val/ is not read; either may be called as
        `layout.SPLITS` says. Hidden files and what operating systems leave are skipped. With
        `skip_unreadable` images that cannot be decoded are left out, with a warning; otherwise the first is an error.
        """
        self.name = f"folder:{path}"
        self.path = path
        self.skip_unreadable = skip_unreadable
        try:
            self._list()
        except OSError as error:  # an unreadable folder, a link to nowhere
            name = printable(str(error.filename))
            raise DatasetError(f"{name} cannot be read ({error.strerror}); repair or remove it") from error

    @classmethod
    def open(cls, name: str, skip_unreadable: bool) -> Self:
        return cls(Path(name.partition(":")[2]), skip_unreadable)

    def info(self, side: int | None) -> Info:
        fingerprint = self.fingerprint(side)
        counts = len(self.train), len(self.test), len(self.classes)
        return Info(self.name, *counts, channels=3, side=side or self.side(), fingerprint=fingerprint)

    def test_files(self) -> list[str]:
        return [file.path for file in self.test]

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
        train = layout.split(path, "train")
        if train is None:
            raise DatasetError(f"{path} has no train/; {LAYOUT}{layout.hint(path)}")
        test = layout.split(path, "test") or layout.split(path, "val")
        if test is None:
            raise DatasetError(f"{path} has neither test/ nor val/; {LAYOUT}")
        self.classes = _classes(path, train, test)
        self.train, self.test = (self._files(split) for split in (train, test))

    def _files(self, split: str) -> list[File]:
        files: list[File] = []
        strangers: list[layout.Stranger] = []
        empty = []
        for label, name in enumerate(self.classes):
            entries = layout.entries(self.path / split / name)
            strangers += layout.strangers(entries)
            for entry in entries if not strangers else ():
                stat = entry.stat()
                files.append(File(f"{split}/{name}/{entry.name}", label, stat.st_size, stat.st_mtime_ns))
            if not entries:
                empty.append(f"{split}/{name}/")
        layout.require_no(strangers)
        if empty:
            raise DatasetError(
                f"{self.path} has class folders without images: {some(empty)}; fill them, or remove the classes"
            )
        return files


def _classes(path: Path, train: str, test: str) -> tuple[str, ...]:
    """The class names, sorted: the folders of train/, which must be those of the test set."""
    names = {}
    for split in (train, test):
        layout.require_no_lost_links(path, split)
        names[split] = {entry.name for entry in layout.entries(path / split) if entry.is_dir()}
        layout.require_names(path, split, names[split])
        layout.require_no_loose_images(path, split)
    layout.require_same_classes(path, (train, names[train]), (test, names[test]))
    if len(names[train]) < 2:
        raise DatasetError(f"{path}/{train} has {len(names[train])} class folders, but needs at least two; {LAYOUT}")
    return tuple(sorted(names[train]))


def _labels(files: list[File]) -> Labels:
    return np.array([file.label for file in files], dtype=np.int64)
