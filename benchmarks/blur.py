"""Blurring a batch: `trainables.layers.blur` against a Python loop over the images that calls OpenCV, on the CPU.

    python benchmarks/blur.py [--pairs 15] [--threads 1 2]

Two loops are timed, both with the kernel of the same size:

* `loop`: the images lie ready in OpenCV's layout, float32 [H, W, C]; the results are stacked to a new batch;
* `published`: as the published training code does it, from a batch tensor [N, C, H, W] and back to one.

Every ratio is OpenCV's time over ours for the same batch, the two timed alternately, both with the same number of
threads. `0 to 5`: every image has a sigma of its own, drawn from that range.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path

import cv2
import numpy as np
import torch
from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).parents[1]))  # for `python benchmarks/blur.py`

from benchmarks.harness import Ratio, hardware, paired
from trainables.layers.blur import gaussian_blur, kernel_size

# Batches, and how often each is blurred in one timing.
SHAPES = {(128, 3, 32, 32): 20, (64, 3, 224, 224): 2}
SIGMAS = (1.0, 4.0)
EACH = (0.0, 5.0)  # the range of random-mix, from which every image draws its own sigma


def opencv(image: np.ndarray, sigma: float) -> np.ndarray:
    size = kernel_size(sigma)
    return cv2.GaussianBlur(image, (size, size), sigma, borderType=cv2.BORDER_REFLECT_101)


def loop(images: np.ndarray, sigmas: Sequence[float]) -> np.ndarray:
    """[N, H, W, C] blurred one by one."""
    return np.stack([opencv(image, sigma) for image, sigma in zip(images, sigmas, strict=True)])


def published(images: torch.Tensor, sigmas: Sequence[float]) -> torch.Tensor:
    """[N, C, H, W] blurred one by one: to OpenCV's layout, blurred, stacked, back to torch's."""
    blurred = [
        opencv(np.transpose(image.numpy(), (1, 2, 0)), sigma) for image, sigma in zip(images, sigmas, strict=True)
    ]
    return torch.from_numpy(np.transpose(np.stack(blurred), (0, 3, 1, 2)))


def compare(shape: tuple[int, ...], sigma: float | None, calls: int, pairs: int) -> tuple[Ratio, Ratio]:
    """The ratios to `loop` and to `published`; a sigma of its own for each image where `sigma` is None."""

    def repeated(work: Callable[[], object]) -> Callable[[], None]:
        def several() -> None:
            for _ in range(calls):
                work()

        return several

    generator = torch.Generator().manual_seed(0)
    images = torch.rand(shape, generator=generator)
    if sigma is None:
        each = torch.empty(len(images)).uniform_(*EACH, generator=generator)
        sigmas, ours = each.tolist(), each
    else:
        sigmas, ours = [sigma] * len(images), sigma
    ready = np.ascontiguousarray(images.permute(0, 2, 3, 1).numpy())
    assert np.abs(gaussian_blur(images, ours).permute(0, 2, 3, 1).numpy() - loop(ready, sigmas)).max() < 1e-5
    blur = repeated(lambda: gaussian_blur(images, ours))
    return (
        paired(repeated(lambda: loop(ready, sigmas)), blur, pairs),
        paired(repeated(lambda: published(images, sigmas)), blur, pairs),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=15, help="timed pairs (default 15)")
    parser.add_argument("--threads", type=int, nargs="+", help="of both sides (default 1, and as many as torch uses)")
    options = parser.parse_args()
    pairs = options.pairs

    console = Console(width=120)
    console.print(
        f"{hardware()}\ntorch {torch.__version__}, OpenCV {cv2.__version__}, {date.today()}; "
        f"median of {pairs} pairs (lowest to highest)",
        highlight=False,
    )
    table = Table("batch", "sigma", "threads")
    for heading in ("ours ms", "loop ms", "times ours", "published ms", "times ours"):
        table.add_column(heading, justify="right", no_wrap=True)
    for threads in options.threads or sorted({1, torch.get_num_threads()}):
        torch.set_num_threads(threads)
        cv2.setNumThreads(threads)
        for shape, calls in SHAPES.items():
            for sigma in (*SIGMAS, None):
                against_loop, against_published = compare(shape, sigma, calls, pairs)
                table.add_row(
                    "x".join(map(str, shape)),
                    f"{sigma:g}" if sigma is not None else "{:g} to {:g}".format(*EACH),
                    str(threads),
                    f"{against_loop.seconds_b / calls * 1e3:.2f}",
                    f"{against_loop.seconds_a / calls * 1e3:.2f}",
                    shown(against_loop),
                    f"{against_published.seconds_a / calls * 1e3:.2f}",
                    shown(against_published),
                )
    console.print(table)


def shown(ratio: Ratio) -> str:
    return f"{ratio.median:.2f} ({ratio.low:.2f} to {ratio.high:.2f})"


if __name__ == "__main__":
    main()
