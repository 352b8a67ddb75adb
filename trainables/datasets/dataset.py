"""A dataset opened by its name: the classes that each kind extends, and that `trainables.datasets.catalog` asks."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar, Self

from trainables.datasets import cache, shared
from trainables.datasets.arrays import Arrays, Info, Labels
from trainables.datasets.cache import Allocate


class Dataset:
    """A dataset that is where its name says. Nothing is decoded to open it.

    Attributes:
        name: canonical.
        classes: their names in the order of the labels.
        part_of: what it comes with, where it has a name of its own and needs no files.
    """

    name: str
    classes: tuple[str, ...]
    part_of: ClassVar[str] = "this installation"

    @classmethod
    def open(cls, name: str, skip_unreadable: bool) -> Self:
        """The dataset of a canonical name; `DatasetError` where it is missing or laid out in another way."""
        raise NotImplementedError

    @classmethod
    def absent(cls, name: str, problem: str) -> Info:
        """What is known of one that cannot be opened; counts are 0 where they are not known."""
        return Info(name, 0, 0, 0, 0, 0, problem=problem)

    def info(self, side: int | None) -> Info:
        """What is in it at `side` pixels a side, by default its own."""
        raise NotImplementedError

    def load(self, side: int | None) -> Arrays:
        """Its images at `side` pixels a side, by default its own."""
        raise NotImplementedError

    def test_files(self) -> list[str] | None:
        """The files of the test set in its order, relative to the dataset's folder; None where images are not files."""
        return None


class Decoded(Dataset):
    """A dataset that is decoded at its first use and mapped from the cache afterwards (see `cache.Source`)."""

    @property
    def listing(self) -> list[Any]:
        """As of `cache.Source`."""
        raise NotImplementedError

    def decode(self, side: int | None, allocate: Allocate) -> tuple[Labels, Labels]:
        """As `cache.Source.decode`."""
        raise NotImplementedError

    def load(self, side: int | None) -> Arrays:
        return cache.load(self, side)

    def fingerprint(self, side: int | None) -> str | None:
        """None until it has been decoded."""
        decoded = cache.known(self, side)
        return decoded.fingerprint if decoded else None


class Fetched(Decoded):
    """A decoded dataset whose published files lie in a data folder: fetched into it, and put from it for all machines."""

    def __init__(self, name: str, root: Path) -> None:
        """`DatasetError` when a file is missing under `root`."""
        self.name = name

    @classmethod
    def open(cls, name: str, skip_unreadable: bool) -> Self:
        return cls(name, shared.provide(name, cls.files(name)))

    @classmethod
    def files(cls, name: str) -> list[str]:
        """Its files, from the data folder."""
        raise NotImplementedError

    @classmethod
    def download(cls, name: str, root: Path) -> None:
        """Bring the files into a data folder unless they are there; needs the network."""
        raise NotImplementedError

    def verify(self) -> None:
        """`DatasetError` when a file is not the published one."""
        raise NotImplementedError
