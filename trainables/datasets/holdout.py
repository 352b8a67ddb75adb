"""Which training images are used, and which of those are held out to tune on.

Both rules draw from NumPy's legacy generator with seed 42, whose stream NumPy promises never to change.
"""

from __future__ import annotations

import numpy as np

from trainables.datasets.arrays import DatasetError, Labels

SEED = 42


def holdout_split(n: int) -> tuple[Labels, Labels]:
    """Positions (to train on, held out) of n training images: the first tenth of a permutation is held out.

    The split of BatchNorm-only training on CIFAR-10 (45,000 and 5,000 of 50,000 images): the holdout starts with the
    images 33553, 9427, 199, 12447, 39489. Both come in the order of the permutation.
    A tenth is rounded down; `DatasetError` for n below 10.
    """
    held_out = n // 10
    if held_out == 0:
        raise DatasetError(
            f"{n} training images are too few to hold out a tenth of them; use at least 10, or set selection=test"
        )
    order = np.random.RandomState(SEED).permutation(n).astype(np.int64)
    return order[held_out:], order[:held_out]


def subset(n: int, limit: int | None) -> Labels:
    """Positions of the images used of n: all in their own order, or the first `limit` of a permutation.

    `DatasetError` when the limit is above n.
    """
    if limit is None or limit == n:
        return np.arange(n, dtype=np.int64)
    if limit > n:
        raise DatasetError(f"`train_images` is {limit}, but the dataset has {n} training images; lower it")
    return np.random.RandomState(SEED).permutation(n)[:limit].astype(np.int64)
