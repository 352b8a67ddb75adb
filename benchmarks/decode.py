"""An epoch of five replicates over photographs: each image decoded once for all of them, against five separate pipelines.

    python -m benchmarks.decode --folder PATH     train/ and val/, a folder of images for each synset

Both sides crop and mirror for each replicate, deliver normalised batches of 64 images of 224x224 and nothing is trained.
The separate pipelines are the same code with one replicate each, one after another on all workers; decodes are counted by
the workers, in a file.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path

import torch

from benchmarks.harness import hardware, paired
from trainables.datasets import canonical, decode
from trainables.datasets.imagenet import ImageNetFolder
from trainables.images.streamed import StreamedData

BATCH_SIZE = 64
REPLICATES = 5
WORKERS = 2


def counting(log: Path) -> None:
    """Let every decode append a byte to a file; workers started afterwards inherit it."""
    real = decode.rgb_image

    def counted(path: str) -> object:
        with log.open("ab") as file:
            file.write(b".")
        return real(path)

    decode.rgb_image = counted  # type: ignore[assignment]


def generators() -> list[torch.Generator]:
    return [torch.Generator().manual_seed(seed) for seed in range(REPLICATES)]


def shared(data: StreamedData) -> int:
    """An epoch of all replicates together; the number of images that they get."""
    batches = data.shared_train_batches(BATCH_SIZE, generators()[0], generators(), "crop-flip")
    return sum(len(labels) * len(versions) for versions, labels in batches)


def separate(data: StreamedData) -> int:
    """An epoch of each replicate on its own."""
    return sum(
        len(labels)
        for generator in generators()
        for _, labels in data.train_batches(BATCH_SIZE, generator, "crop-flip")
    )


def decodes(epoch: Callable[[StreamedData], int], data: StreamedData, log: Path) -> int:
    before = log.stat().st_size
    images = epoch(data)
    assert images == REPLICATES * data.train_size
    return log.stat().st_size - before


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, help="default: photographs of noise, made for the occasion")
    parser.add_argument("--pairs", type=int, default=3, help="timed pairs (default 3)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or noise(Path(temporary) / "noise")
        log = Path(temporary) / "decodes"
        log.touch()
        counting(log)
        listed = ImageNetFolder(canonical(f"imagenet:{folder}"))
        data = StreamedData(listed, 224, None, "test", torch.device("cpu"), workers=WORKERS)
        counts = [decodes(epoch, data, log) for epoch in (separate, shared)]
        ratio = paired(lambda: separate(data), lambda: shared(data), options.pairs)
    source = options.folder.name if options.folder else "noise of 500x375"
    print(f"{hardware()}; torch {torch.__version__}, {data.train_size} JPEG files ({source}), {WORKERS} workers")
    print(f"{f'epoch of {REPLICATES} replicates':<28}{'decodes':>9}{'seconds':>9}")
    print(f"{'separate pipelines':<28}{counts[0]:>9}{ratio.seconds_a:>9.2f}")
    print(f"{'decoded once for all':<28}{counts[1]:>9}{ratio.seconds_b:>9.2f}")
    print(
        f"{counts[0] / counts[1]:.1f}x fewer decodes, {ratio.median:.1f}x less time (median of {options.pairs}, "
        f"from {ratio.low:.1f} to {ratio.high:.1f})"
    )


def noise(folder: Path) -> Path:
    """A hundred JPEG files of smooth noise, as large as most of ImageNet's."""
    import numpy as np
    from PIL import Image

    generator = np.random.default_rng(0)
    for split in ("train", "val"):
        for label in range(10):
            (folder / split / f"n{label}").mkdir(parents=True)
            for index in range(10 if split == "train" else 1):
                pixels = generator.integers(0, 256, (75, 100, 3), dtype=np.uint8)
                Image.fromarray(pixels).resize((500, 375)).save(
                    folder / split / f"n{label}" / f"{index}.jpg", quality=90
                )
    return folder


if __name__ == "__main__":
    main()
