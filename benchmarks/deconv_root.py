"""The inverse root of a covariance, forward and backward: `isqrt_newton_schulz` against the plain iteration, side by side.

    python -m benchmarks.deconv_root

The plain side has all three matrix products of each step, and their gradients from autograd. 576 features are those of
64 channels under a 3x3 kernel, 288 those of 32. CPU time of one thread, which other processes disturb less than the time
passed. Goal: at least 3 times faster at 576 features and 5 steps.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import torch
from torch import Tensor

from benchmarks.harness import hardware, paired
from trainables.layers.deconv import isqrt_newton_schulz

FEATURES = (576, 288, 144)


def plain(matrix: Tensor, iterations: int) -> Tensor:
    """The coupled Newton-Schulz iteration as it is written."""
    norm = matrix.norm()
    identity = torch.eye(len(matrix), dtype=matrix.dtype, device=matrix.device)
    y, z = matrix / norm, identity
    for _ in range(iterations):
        t = (3 * identity - z @ y) / 2
        y, z = y @ t, t @ z
    return z / norm.sqrt()


def both_ways(root: Callable[[Tensor, int], Tensor], features: int, iterations: int) -> Callable[[], Tensor]:
    """A call that computes the root and the gradient of one fixed matrix."""
    generator = torch.Generator().manual_seed(0)
    rows = torch.randn(features, 10 * features, generator=generator)
    matrix = (rows @ rows.T / rows.shape[1]).requires_grad_()
    grad = torch.randn(features, features, generator=generator)

    def work() -> Tensor:
        return torch.autograd.grad(root(matrix, iterations), matrix, grad)[0]

    return work


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--iterations", type=int, default=5, help="steps (default 5)")
    parser.add_argument("--pairs", type=int, default=11, help="timed pairs (default 11)")
    options = parser.parse_args()

    torch.set_num_threads(1)
    print(f"{hardware()}; torch {torch.__version__}, {options.iterations} steps, float32")
    print(f"forward and backward, median of {options.pairs}: CPU ms of one thread")
    print(f"{'features':>8}{'plain':>10}{'here':>10}   times faster (pairs from, to)")
    for features in FEATURES:
        ratio = paired(
            both_ways(plain, features, options.iterations),
            both_ways(isqrt_newton_schulz, features, options.iterations),
            repeats=options.pairs,
            clock=time.process_time,
        )
        print(
            f"{features:>8}{1000 * ratio.seconds_a:>10.1f}{1000 * ratio.seconds_b:>10.1f}"
            f"   {ratio.median:.2f} ({ratio.low:.2f}, {ratio.high:.2f})"
        )


if __name__ == "__main__":
    main()
