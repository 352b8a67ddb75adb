"""One epoch of crop-flip batches: `trainables.images.loaded` against torchvision's transforms in a DataLoader with 2 workers.

    python -m benchmarks.augmentation                 50,000 random images of 32x32
    python -m benchmarks.augmentation --folder PATH   the images of a dataset folder (train/ and test/)

Both make batches of 128 normalised float32 images, cropped after padding with 4 black pixels and mirrored half the
time; both start from decoded images in memory. CPU seconds count the loader's processes.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torchvision import transforms

from benchmarks.harness import hardware, paired
from trainables import datasets
from trainables.images.loaded import ImageData

BATCH_SIZE = 128
PADDING = 4
WORKERS = 2


class PilImages(torch.utils.data.Dataset[tuple[torch.Tensor, int]]):
    """Decoded images turned to PIL and transformed one by one, as torchvision's CIFAR10 does."""

    def __init__(self, arrays: datasets.Arrays) -> None:
        self.images = np.ascontiguousarray(arrays.train_images.transpose(0, 2, 3, 1))
        self.labels = arrays.train_labels.tolist()
        self.transform = transforms.Compose(
            [
                transforms.RandomCrop(arrays.side, padding=PADDING),
                transforms.RandomHorizontalFlip(),
                transforms.ToTensor(),
                transforms.Normalize(arrays.mean, arrays.std),
            ]
        )

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        return self.transform(Image.fromarray(self.images[index])), self.labels[index]


def random_images() -> datasets.Arrays:
    """CIFAR-10's shape with random pixels: neither side's work depends on the values."""
    generator = np.random.default_rng(0)
    images = generator.integers(0, 256, (50_000, 3, 32, 32), dtype=np.uint8)
    labels = generator.integers(0, 10, 50_000)
    classes = tuple(str(label) for label in range(10))
    return datasets.Arrays("random", images, labels, images[:100], labels[:100], classes, fingerprint="")


def cpu_seconds() -> float:
    """CPU time of this process and of the children that have ended."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def timed_epoch(batches: Callable[[], Iterable[tuple[torch.Tensor, torch.Tensor]]], wall: list[float]) -> int:
    """Go through an epoch, append the wall seconds, return the number of images."""
    start = time.perf_counter()
    count = sum(len(labels) for _, labels in batches())
    wall.append(time.perf_counter() - start)
    return count


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, help="a dataset folder; default: random images")
    parser.add_argument("--pairs", type=int, default=3, help="timed pairs (default 3)")
    options = parser.parse_args()

    torch.set_num_threads(1)  # what each worker of a DataLoader has
    arrays = datasets.load(f"folder:{options.folder}") if options.folder else random_images()
    data = ImageData(arrays, train_images=None, selection="test", device=torch.device("cpu"))
    generator = torch.Generator().manual_seed(0)
    loader = torch.utils.data.DataLoader(
        PilImages(arrays), batch_size=BATCH_SIZE, shuffle=True, num_workers=WORKERS, generator=generator
    )
    wall_loader: list[float] = []
    wall_ours: list[float] = []
    ratio = paired(
        lambda: timed_epoch(lambda: loader, wall_loader),
        lambda: timed_epoch(lambda: data.train_batches(BATCH_SIZE, generator, "crop-flip", PADDING), wall_ours),
        repeats=options.pairs,
        clock=cpu_seconds,
    )

    source = options.folder.name if options.folder else "random pixels"
    print(f"{hardware()}; torch {torch.__version__}, {data.train_size:,} images {arrays.side}x{arrays.side} ({source})")
    print(f"{'one epoch, median of ' + str(options.pairs):<34}{'CPU seconds':>12}{'wall seconds':>14}")
    print(f"{f'DataLoader, {WORKERS} workers':<34}{ratio.seconds_a:>12.2f}{statistics.median(wall_loader[1:]):>14.2f}")
    print(
        f"{'trainables.images.loaded, 1 thread':<34}{ratio.seconds_b:>12.2f}{statistics.median(wall_ours[1:]):>14.2f}"
    )
    print(f"CPU time ratio {ratio.median:.1f} (pairs from {ratio.low:.1f} to {ratio.high:.1f})")


if __name__ == "__main__":
    main()
