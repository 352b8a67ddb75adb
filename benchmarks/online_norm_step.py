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
from trainables.config.online_norm import OnlineNormConfig
from trainables.engine import autocast, place
from trainables.family import Shape
from trainables.models.norms import MODES
from trainables.online_norm import FAMILY


def training_step(norm: str, depth: int, batch_size: int, device: torch.device) -> Callable[[], None]:
    """A call that trains one step on a fixed batch, and on CUDA waits for its end."""
    config = OnlineNormConfig(dataset="cifar10", norm_mode=norm, depth=depth, batch_size=batch_size)
    torch.manual_seed(0)
    model = place(FAMILY.build_model(config, Shape(channels=3, size=32, classes=10)), device).train()
    optimizer = FAMILY.build_optimizer(config, model)
    images = torch.randn(batch_size, 3, 32, 32, device=device)
    if device.type == "cuda":
        images = images.contiguous(memory_format=torch.channels_last)
    labels = torch.randint(0, 10, (batch_size,), device=device)

    def step() -> None:
        optimizer.zero_grad(set_to_none=True)
        with autocast(device):
            loss = FAMILY.loss(config, model(images), labels)
        loss.backward()
        optimizer.step()
        if device.type == "cuda":
            torch.cuda.synchronize()

    return step


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
        training_step(options.norm, options.depth, options.batch_size, device),
        training_step("batch", options.depth, options.batch_size, device),
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
