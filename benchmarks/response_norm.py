"""Local response normalisation forward and backward, on the CPU: `models.classic.response_norm` against torch's own layer.

    python -m benchmarks.response_norm [--pairs 9]

The maps are those of AlexNet V2 and Inception v1 at 224x224 pixels and of AlexNet V2 at 64x64, one thread. Every ratio is
torch's CPU time over ours, the two timed alternately.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from datetime import date

import torch
from rich.console import Console
from rich.table import Table
from torch import nn

from benchmarks.harness import hardware, paired
from trainables.models.classic.response_norm import response_norm

SHAPES = ((8, 64, 55, 55), (8, 192, 27, 27), (64, 64, 15, 15), (64, 192, 7, 7))


def _work(layer: nn.Module, maps: torch.Tensor) -> Callable[[], None]:
    return lambda: layer(maps).sum().backward()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=9, help="timed pairs (default 9)")
    pairs = parser.parse_args().pairs
    torch.set_num_threads(1)
    console = Console(width=120)
    console.print(f"{hardware()}\ntorch {torch.__version__}, {date.today()}; median of {pairs} pairs", highlight=False)
    table = Table("maps", "window", "torch's ms", "ours ms", "times ours")
    for shape in SHAPES:
        for window in ("channels", "5"):
            maps = torch.randn(shape, generator=torch.Generator().manual_seed(0)).requires_grad_()
            ours = response_norm(shape[1], window)
            theirs = nn.LocalResponseNorm(ours.size, ours.alpha, ours.beta, ours.k)
            assert torch.allclose(ours(maps), theirs(maps), atol=1e-6)
            ratio = paired(_work(theirs, maps), _work(ours, maps), pairs, time.process_time)
            milliseconds = (f"{1e3 * seconds:.1f}" for seconds in (ratio.seconds_a, ratio.seconds_b))
            spread = f"{ratio.median:.1f} ({ratio.low:.1f} to {ratio.high:.1f})"
            table.add_row("x".join(map(str, shape)), window, *milliseconds, spread)
    console.print(table)


if __name__ == "__main__":
    main()
