"""One training step of a ResNet on CIFAR-sized images: BatchNorm alone trained against everything, side by side.

    python -m benchmarks.bn_only_step

A step is forward, cross-entropy, backward and SGD with momentum on one batch of random images, timed as CPU time of one
thread, which other processes disturb less than the time passed; freed memory is kept as in a worker. Goals: the backward
pass of BatchNorm alone at most 0.65 of the full one, the step at most 0.75. Also counted: bytes that autograd keeps
between forward and backward (at most two thirds of the full ones).
"""

from __future__ import annotations

import argparse
import statistics
import time
from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.nn import functional as F

from benchmarks.harness import SETTLE, hardware
from trainables.bn_only import FAMILY, BNOnlyConfig, build
from trainables.process.host_memory import keep_freed_memory


@dataclass
class Side:
    """One trainable set: its network, and the CPU seconds of each timed step's forward pass, backward pass and whole."""

    name: str
    depth: int
    batch_size: int
    forward: list[float] = field(default_factory=list)
    backward: list[float] = field(default_factory=list)
    whole: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        torch.manual_seed(0)
        config = BNOnlyConfig(depth=self.depth, trainable_set=self.name)
        self.model = build(config).train()
        self.optimizer = FAMILY.build_optimizer(config, self.model)
        self.images = torch.randn(self.batch_size, 3, 32, 32)
        self.labels = torch.randint(0, 10, (self.batch_size,))

    def step(self) -> None:
        time.sleep(SETTLE)
        self.optimizer.zero_grad(set_to_none=True)
        start = time.process_time()
        loss = F.cross_entropy(self.model(self.images), self.labels)
        between = time.process_time()
        loss.backward()
        after = time.process_time()
        self.optimizer.step()
        end = time.process_time()
        self.forward.append(between - start)
        self.backward.append(after - between)
        self.whole.append(end - start)

    def kept_bytes(self) -> int:
        """Bytes of tensors, parameters apart, that autograd keeps for the backward pass of one batch."""
        own = {p.untyped_storage().data_ptr() for p in (*self.model.parameters(), *self.model.buffers())}
        kept: dict[int, int] = {}

        def pack(tensor: Tensor) -> Tensor:
            storage = tensor.untyped_storage()
            if storage.data_ptr() not in own:
                kept[storage.data_ptr()] = storage.nbytes()
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
            loss = F.cross_entropy(self.model(self.images), self.labels)
        del loss
        return sum(kept.values())


def ratio(name: str, ours: list[float], full: list[float]) -> str:
    ratios = [a / b for a, b in zip(ours, full, strict=True)]
    milliseconds = f"{1000 * statistics.median(ours):>8.0f}{1000 * statistics.median(full):>8.0f}"
    return f"{name:<10}{milliseconds}{statistics.median(ratios):>8.3f}  ({min(ratios):.3f} to {max(ratios):.3f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--depth", type=int, default=32, help="of the ResNet (default 32)")
    parser.add_argument("--batch-size", type=int, default=64, help="images in a batch (default 64)")
    parser.add_argument("--pairs", type=int, default=15, help="timed pairs (default 15)")
    options = parser.parse_args()

    torch.set_num_threads(1)
    keep_freed_memory()
    ours, full = (Side(name, options.depth, options.batch_size) for name in ("bn", "all"))
    kept, kept_full = ours.kept_bytes(), full.kept_bytes()
    for _ in range(2 + options.pairs):
        ours.step()
        full.step()

    print(f"{hardware()}; torch {torch.__version__}, ResNet-{options.depth}, batch {options.batch_size}")
    print(f"CPU ms of one thread, median of {options.pairs}; ratio, median over the pairs and extremes")
    print(f"{'':<10}{'bn':>8}{'all':>8}{'bn/all':>8}")
    for name in ("forward", "backward", "whole"):
        print(ratio(name, getattr(ours, name)[2:], getattr(full, name)[2:]))
    print(
        f"kept bytes for an image: bn {kept / options.batch_size:.0f}, all {kept_full / options.batch_size:.0f}, ",
        end="",
    )
    print(f"ratio {kept / kept_full:.3f}")


if __name__ == "__main__":
    main()
