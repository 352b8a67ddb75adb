"""Scikit-learn's 1,797 handwritten digits (UCI optical recognition test set): real images that need no download."""

from __future__ import annotations

import importlib.util
from functools import lru_cache
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from trainables.datasets.arrays import Arrays, DatasetError, Info, Labels, fingerprint
from trainables.datasets.dataset import Dataset

NATIVE_SIDE = 8
DEFAULT_SIDE = 16
SPLIT_SEED = 42
WHITE = 16  # the digits count 0 to 16 inked pixels of a 4x4 block


class Digits(Dataset):
    """The digits with the split of `split`, by default at 16 pixels a side."""

    name = "digits"
    classes = tuple(str(digit) for digit in range(10))
    part_of = "scikit-learn"

    @classmethod
    def open(cls, name: str, skip_unreadable: bool) -> Self:
        return cls()

    def info(self, side: int | None) -> Info:
        return load(side).info()

    def load(self, side: int | None) -> Arrays:
        return load(side)


@lru_cache(maxsize=2)
def load(side: int | None = None) -> Arrays:
    """The digits at [N, 1, side, side], default side 16, with the split of `split`."""
    pixels, labels = _bundled()
    images = upsample(pixels, side or DEFAULT_SIDE)[:, None]
    train, test = split(labels)
    parts = (images[train], labels[train], images[test], labels[test])
    return Arrays("digits", *parts, Digits.classes, fingerprint(parts, Digits.classes))


def _bundled() -> tuple[NDArray[np.float64], Labels]:
    """The digits as scikit-learn's `load_digits` gives them: [N, 8, 8] counting 0 to 16, and their labels.

    Read from the file the package bundles: importing scikit-learn takes seconds, in every worker, for this one table.
    """
    package = importlib.util.find_spec("sklearn")
    if package is not None and package.origin is not None:
        path = Path(package.origin).parent / "datasets" / "data" / "digits.csv.gz"
        if path.is_file():
            table = np.loadtxt(path, delimiter=",")
            return table[:, :-1].reshape(-1, NATIVE_SIDE, NATIVE_SIDE), table[:, -1].astype(np.int64)
    try:
        from sklearn.datasets import load_digits  # a release that keeps its file elsewhere
    except ImportError as error:
        raise DatasetError(f"digits are part of scikit-learn, which is missing ({error}); install it") from error
    bunch = load_digits()
    return bunch.images, bunch.target.astype(np.int64)


def split(labels: Labels) -> tuple[Labels, Labels]:
    """Positions (train, test), ascending: a fifth of every class, rounded down, is tested on.

    Scikit-learn ships no split; this one is ours and fixed: class by class, the first fifth of a permutation drawn
    from NumPy's legacy generator with seed 42.
    """
    generator = np.random.RandomState(SPLIT_SEED)
    tested = np.zeros(len(labels), dtype=bool)
    for label in np.unique(labels):
        members = generator.permutation(np.flatnonzero(labels == label))
        tested[members[: len(members) // 5]] = True
    return np.flatnonzero(~tested), np.flatnonzero(tested)


def upsample(images: NDArray[np.float64], side: int) -> NDArray[np.uint8]:
    """[N, 8, 8] counts of 0 to 16 -> [N, side, side] of 0 to 255, bilinear, rounded to the nearest level.

    Pixel centres lie at half coordinates and the border is repeated, as `align_corners=False` has it in torch.
    """
    weights = interpolation(images.shape[-1], side)
    levels = weights @ images @ weights.T * (255 / WHITE)
    return np.rint(levels).astype(np.uint8)


def interpolation(source: int, target: int) -> NDArray[np.float64]:
    """The matrix [target, source] of linear interpolation along one axis; each row sums to 1."""
    centres = (np.arange(target) + 0.5) * source / target - 0.5
    centres = centres.clip(0, source - 1)
    distances = np.abs(centres[:, None] - np.arange(source))
    return (1 - distances).clip(0, None)
