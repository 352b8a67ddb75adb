"""CIFAR-10 and CIFAR-100 (Krizhevsky, 2009) from the files torchvision downloads; reading them never downloads."""

from __future__ import annotations

import hashlib
import pickle
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from trainables.config.wording import reason
from trainables.datasets import decode
from trainables.datasets.arrays import Arrays, DatasetError, Images, Info, Labels
from trainables.datasets.cache import Allocate
from trainables.datasets.dataset import Fetched

SIDE = 32
TRAIN_IMAGES = 50_000
TEST_IMAGES = 10_000


@dataclass(frozen=True)
class Files:
    """The files of one dataset under the data root, with the MD5 of each as published."""

    folder: str
    train: dict[str, str]
    test: dict[str, str]
    names: dict[str, str]
    names_key: str
    labels_key: str
    classes: int

    @property
    def md5s(self) -> dict[str, str]:
        return self.train | self.test | self.names

    @property
    def paths(self) -> list[str]:
        """Of the files, from the data root."""
        return [f"{self.folder}/{file}" for file in self.md5s]


FILES = {
    "cifar10": Files(
        folder="cifar-10-batches-py",
        train={
            "data_batch_1": "c99cafc152244af753f735de768cd75f",
            "data_batch_2": "d4bba439e000b95fd0a9bffe97cbabec",
            "data_batch_3": "54ebc095f3ab1f0389bbae665268c751",
            "data_batch_4": "634d18415352ddfa80567beed471001a",
            "data_batch_5": "482c414d41f54cd18b22e5b47cb7c3cb",
        },
        test={"test_batch": "40351d587109b95175f43aff81a1287e"},
        names={"batches.meta": "5ff9c542aee3614f3951f8cda6e48888"},
        names_key="label_names",
        labels_key="labels",
        classes=10,
    ),
    "cifar100": Files(
        folder="cifar-100-python",
        train={"train": "16019d7e3df5f24257cddd939b257f8d"},
        test={"test": "f0ef6b0ae62326f3e7ffdfab6717acfc"},
        names={"meta": "7973b15100ade9c7d40fb424638fde48"},
        names_key="fine_label_names",
        labels_key="fine_labels",
        classes=100,
    ),
}


class Cifar(Fetched):
    """One of the two datasets as it lies on disk."""

    def __init__(self, name: str, root: Path) -> None:
        super().__init__(name, root)
        self._files = FILES[name]
        self._folder = root / self._files.folder
        for file in self._files.md5s:
            if not (self._folder / file).is_file():
                raise DatasetError(f"{name} is not in {root} ({file} is missing); run `tuner data fetch {name}`")

    @classmethod
    def files(cls, name: str) -> list[str]:
        return FILES[name].paths

    @classmethod
    def absent(cls, name: str, problem: str | None = None) -> Info:
        return Info(name, TRAIN_IMAGES, TEST_IMAGES, FILES[name].classes, 3, SIDE, problem=problem)

    def info(self, side: int | None) -> Info:
        """The files are compared with the published ones until they have been decoded once."""
        fingerprint = self.fingerprint(side or SIDE)
        if fingerprint is None:
            self.verify()
        return replace(self.absent(self.name), side=side or SIDE, fingerprint=fingerprint)

    def load(self, side: int | None) -> Arrays:
        return super().load(side or SIDE)  # one entry of the cache, whether its own side is asked for or not

    @cached_property
    def classes(self) -> tuple[str, ...]:  # type: ignore[override]
        (file,) = self._files.names
        return tuple(self._load(file)[self._files.names_key])

    @property
    def listing(self) -> list[Any]:
        stats = [(file, (self._folder / file).stat()) for file in self._files.md5s]
        return [[file, stat.st_size, stat.st_mtime_ns] for file, stat in stats]

    @classmethod
    def download(cls, name: str, root: Path) -> None:
        fetch(name, root)

    def verify(self) -> None:
        """`DatasetError` when a file is not the published one (0.2 GB are read: under a second)."""
        for file in self._files.md5s:
            self._verified(file)

    def decode(self, side: int | None, allocate: Allocate) -> tuple[Labels, Labels]:
        train_images, train_labels = self._stack(list(self._files.train))
        test_images, test_labels = self._stack(list(self._files.test))
        for part, images in (("train", train_images), ("test", test_images)):
            target = allocate(part, (len(images), 3, side or SIDE, side or SIDE))
            if target.shape == images.shape:
                target[:] = images
            else:
                for i, image in enumerate(images):
                    target[i] = decode.to_array(decode.fit(Image.fromarray(image.transpose(1, 2, 0)), target.shape[2]))
        return train_labels, test_labels

    def _stack(self, files: list[str]) -> tuple[Images, Labels]:
        batches = [self._load(file) for file in files]
        images = np.concatenate([batch["data"] for batch in batches]).reshape(-1, 3, SIDE, SIDE)
        labels = np.concatenate([batch[self._files.labels_key] for batch in batches]).astype(np.int64)
        return images, labels

    def _load(self, file: str) -> Any:
        # A pickle can run code: only the published bytes are unpickled.
        return pickle.loads(self._verified(file), encoding="latin1")

    def _verified(self, file: str) -> bytes:
        try:
            content = (self._folder / file).read_bytes()
        except OSError as error:
            raise DatasetError(f"{error.filename} cannot be read ({error.strerror}); make it readable") from error
        if hashlib.md5(content, usedforsecurity=False).hexdigest() != self._files.md5s[file]:
            raise DatasetError(
                f"{self._folder / file} is not the published file (its MD5 differs); delete it and "
                f"run `tuner data fetch {self.name}`"
            )
        return content


def fetch(name: str, root: Path) -> None:
    """Download through torchvision into `root` unless the published files are there; needs the network."""
    from torchvision import datasets

    dataset = {"cifar10": datasets.CIFAR10, "cifar100": datasets.CIFAR100}[name]
    try:
        root.mkdir(parents=True, exist_ok=True)
        dataset(str(root), download=True)
    except (OSError, RuntimeError) as error:  # URLError is an OSError; RuntimeError: the archive is broken
        raise DatasetError(
            f"{name} could not be downloaded to {root} ({reason(error)}); try again, or unpack "
            f"{dataset.url.rsplit('/', 1)[1]} there yourself"
        ) from error
