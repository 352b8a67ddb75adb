"""Training steps on a CPU with the weights in two memory formats: channels-last (NHWC) against contiguous (NCHW).

    python -m benchmarks.layout
    python -m benchmarks.layout --only online_norm --pairs 9

A step is forward, loss, backward and optimizer on one batch of random CIFAR-sized images, as the family trains. Both sides
are the same network from the same seed, timed alternately; what is compared is CPU time of one thread, which other processes
disturb less than the time passed. `models/layout.py` holds what follows from the table: a network is in it that takes at
most 0.95 times as long in channels-last. Results agree to rounding: the last column is how far the losses of the first
step are apart, as a share.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from datetime import date
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.harness import hardware, paired
from trainables import families
from trainables.family import Shape
from trainables.process.host_memory import keep_freed_memory

NETWORKS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("blur", {"arch": "small_cnn", "batch_size": 64}),
    ("blur", {"arch": "alexnet_cifar", "batch_size": 64}),
    *(
        ("online_norm", {"depth": 20, "norm_mode": mode, "batch_size": 64})
        for mode in ("batch", "online", "group", "layer", "instance", "none")
    ),
    ("deconv", {"arch": "vgg_tiny", "norm": "deconv", "block": 8, "batch_size": 64}),
    ("deconv", {"arch": "vgg_tiny", "norm": "bn", "batch_size": 64}),
    ("deconv", {"arch": "resnet", "norm": "deconv", "block": 64, "batch_size": 16}),
    ("deconv", {"arch": "resnet", "norm": "bn", "batch_size": 16}),
    ("bn_only", {"depth": 14, "trainable_set": "bn", "batch_size": 64}),
    ("bn_only", {"depth": 14, "trainable_set": "all", "batch_size": 64}),
    ("bn_only", {"depth": 56, "trainable_set": "bn", "batch_size": 64}),
    ("imagenet", {"model": "lenet5", "image_size": 32, "batch_size": 64}),
    ("imagenet", {"model": "resnet18", "image_size": 64, "batch_size": 16}),
    ("imagenet", {"model": "mobilenet_v1", "image_size": 64, "batch_size": 16}),
)


def step(name: str, knobs: dict[str, Any], layout: torch.memory_format) -> tuple[Callable[[], None], float]:
    """A call that trains one step of a network in a memory format, and the loss of the first one."""
    family = families.get(name)
    config = families.config_class(name)(dataset="cifar10", **knobs)
    torch.manual_seed(0)
    size = config.image_size or 32
    model = family.build_model(config, Shape(channels=3, size=size, classes=10)).to(memory_format=layout).train()
    optimizer = family.build_optimizer(config, model)
    images = torch.randn(config.batch_size, 3, size, size)
    labels = torch.randint(0, 10, (config.batch_size,))

    def train() -> None:
        _train(family, config, model, optimizer, images, labels)

    torch.manual_seed(1)
    return train, _train(family, config, model, optimizer, images, labels)


def _train(
    family: Any, config: Any, model: nn.Module, optimizer: torch.optim.Optimizer, images: Tensor, labels: Tensor
) -> float:
    optimizer.zero_grad(set_to_none=True)
    loss = family.loss(config, model(images), labels)
    loss.backward()
    optimizer.step()
    return float(loss.detach())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=7, help="timed pairs (default 7)")
    parser.add_argument("--only", help="networks whose name has this in it")
    options = parser.parse_args()

    torch.set_num_threads(1)
    keep_freed_memory()  # as a worker does
    print(f"{hardware()}; torch {torch.__version__}, {date.today()}; CPU ms of one thread, median of {options.pairs}")
    print(f"{'network':<62}{'contiguous':>11}{'channels-last':>15}   ratio (pairs)           loss apart")
    for family, knobs in NETWORKS:
        title = " ".join([family, *(f"{key}={value}" for key, value in knobs.items())])
        if options.only is not None and options.only not in title:
            continue
        last, loss = step(family, knobs, torch.channels_last)
        first, expected = step(family, knobs, torch.contiguous_format)
        ratio = paired(last, first, options.pairs, time.process_time)
        print(
            f"{title:<62}{1000 * ratio.seconds_b:>11.1f}{1000 * ratio.seconds_a:>15.1f}   {ratio.median:.2f}"
            f" ({ratio.low:.2f} to {ratio.high:.2f}){abs(loss / expected - 1):>14.0e}",
            flush=True,
        )


if __name__ == "__main__":
    main()
