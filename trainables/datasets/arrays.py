"""What a loaded dataset is, what a check of one reports, and the error both raise."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Images = NDArray[np.uint8]
Labels = NDArray[np.int64]


class DatasetError(ValueError):
    """A dataset that is unknown, missing or broken, in one sentence with the remedy."""


class DecoderLost(RuntimeError):
    """A process that decodes images ended by itself: no fault of the images, and the epoch can be trained again."""


@dataclass(frozen=True)
class Arrays:
    """A dataset in memory, or mapped from the cache: then its pages are shared by all processes of the node.

    Images are uint8 [N, C, H, W] with H = W, labels int64 [N] counting the classes from 0.
    """

    name: str
    train_images: Images
    train_labels: Labels
    test_images: Images
    test_labels: Labels
    classes: tuple[str, ...]
    fingerprint: str

    @property
    def channels(self) -> int:
        return int(self.train_images.shape[1])

    @property
    def side(self) -> int:
        return int(self.train_images.shape[2])

    def info(self) -> Info:
        """The same without the images."""
        counts = len(self.train_labels), len(self.test_labels), len(self.classes)
        return Info(self.name, *counts, self.channels, self.side, self.fingerprint)


@dataclass(frozen=True)
class Info:
    """What is known of a dataset without loading it; `problem` is the sentence that says why it cannot be used.

    Of one that cannot be used, counts may be 0: not known.
    """

    name: str
    train_images: int
    test_images: int
    classes: int
    channels: int
    side: int
    fingerprint: str | None = None  # None until the dataset has been decoded once
    problem: str | None = None

    @property
    def present(self) -> bool:
        return self.problem is None

    @property
    def images(self) -> int:
        return self.train_images + self.test_images


def fingerprint(arrays: Sequence[NDArray[Any]], classes: Sequence[str]) -> str:
    """Sixteen hexadecimal digits of SHA-256 over shapes, types, values and class names."""
    digest = hashlib.sha256("\0".join(classes).encode())
    for array in arrays:
        digest.update(f"{array.shape}{array.dtype.str}".encode())
        digest.update(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)
    return digest.hexdigest()[:16]
