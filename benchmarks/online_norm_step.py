"""One training step of ResNet-20 on CIFAR-sized images: online normalisation against batch normalisation, side by side.

    python -m benchmarks.online_norm_step
    python -m benchmarks.online_norm_step --norm group --device cuda

A step is forward, cross-entropy, backward and SGD with momentum on one batch of random images, as the family trains: on
the CPU in float32, on CUDA channels-last under bfloat16 autocast. On the CPU what is compared is CPU time of one thread,
which other processes disturb less than the time passed. Goal: at most 1.05 times the step of batch normalisation.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import torch

from benchmarks.harness import hardware, paired
from benchmarks.training_step import training_step
from trainables.config.online_norm import OnlineNormConfig
from trainables.models.normalised.norms import MODES
from trainables.online_norm import FAMILY


def of_norm(norm: str, depth: int, batch_size: int, device: torch.device) -> Callable[[], None]:
    """The step of a ResNet in one norm mode."""
    config = OnlineNormConfig(dataset="cifar10", norm_mode=norm, depth=depth, batch_size=batch_size)
    return training_step(FAMILY, config, device)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--norm", choices=MODES, default="online", help="what to compare with batch (default online)")
    parser.add_argument("--depth", type=int, default=20, help="of the ResNet (default 20)")
    parser.add_argument("--batch-size", type=int, default=128, help="images in a batch (default 128)")
    parser.add_argument("--pairs", type=int, default=11, help="timed pairs (default 11)")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    options = parser.parse_args()

    torch.set_num_threads(1)
    device = torch.device(options.device)
    on_cpu = device.type == "cpu"
    ratio = paired(
        of_norm(options.norm, options.depth, options.batch_size, device),
        of_norm("batch", options.depth, options.batch_size, device),
        repeats=options.pairs,
        clock=time.process_time if on_cpu else time.perf_counter,
    )

    machine = hardware() if on_cpu else torch.cuda.get_device_name()
    kind = "CPU ms of one thread" if on_cpu else "wall ms"
    print(f"{machine}; torch {torch.__version__}, ResNet-{options.depth}, batch {options.batch_size}")
    print(f"one training step, median of {options.pairs}: {kind}")
    print(f"{options.norm:<10}{1000 * ratio.seconds_a:>10.1f}")
    print(f"{'batch':<10}{1000 * ratio.seconds_b:>10.1f}")
    print(f"{options.norm} / batch {ratio.median:.3f} (pairs from {ratio.low:.3f} to {ratio.high:.3f})")


if __name__ == "__main__":
    main()
