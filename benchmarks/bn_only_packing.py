"""Trials that share their frozen convolutions, trained as one batch against one after another, side by side.

    python -m benchmarks.bn_only_packing

Trials of BatchNorm-only training that agree in network and seed have the same convolutions and classifier, so that K of
them can run each convolution once on K batches joined, with BatchNorm and loss trial by trial. The same numbers come out,
which is checked first. Below 1 packing would be worth offering.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from benchmarks.harness import hardware, paired
from trainables.bn_only import BNOnlyConfig, build
from trainables.family import Shape
from trainables.layers.frozen.relu import relu
from trainables.models.bn.resnet import Block, BNResNet
from trainables.process.host_memory import keep_freed_memory

SIZES = (8, 16, 32)  # pixels a side: digits as they come, digits of the smoke search of other families, CIFAR-10


def trials(count: int, depth: int) -> list[BNResNet]:
    """Networks of one seed: frozen tensors shared, gamma and beta of their own."""
    networks = []
    for _ in range(count):
        torch.manual_seed(0)
        model = build(BNOnlyConfig(depth=depth), Shape(3, 32, 10)).train()
        assert isinstance(model, BNResNet)
        networks.append(model)
    return networks


def packed(networks: Sequence[BNResNet], batches: Sequence[Tensor]) -> list[Tensor]:
    """The logits of every trial on its batch, each convolution run once."""

    def norm(pick: Callable[[BNResNet], nn.Module], maps: Tensor) -> Tensor:
        parts = maps.chunk(len(networks))
        return torch.cat([pick(network)(part) for network, part in zip(networks, parts, strict=True)])

    shared = networks[0]
    maps = norm(lambda network: network.bn, shared.conv(torch.cat(list(batches))))
    maps = relu(maps, followed_by=shared.conv)
    for k, block in enumerate(shared.blocks):
        assert isinstance(block, Block)
        residual = norm(lambda network, k=k: network.blocks[k].bn1, block.conv1(maps))
        residual = relu(residual, followed_by=block.conv2)
        residual = norm(lambda network, k=k: network.blocks[k].bn2, block.conv2(residual))
        if isinstance(block.skip, nn.Sequential):
            maps = norm(lambda network, k=k: network.blocks[k].skip[1], block.skip[0](maps))
        maps = relu(residual.add_(maps), followed_by=block.conv2)
    return list(shared.fc(maps.mean(dim=(2, 3))).chunk(len(networks)))


def gradients(networks: Sequence[BNResNet]) -> list[Tensor]:
    found = [p.grad for network in networks for p in network.parameters() if p.requires_grad]
    return [gradient for gradient in found if gradient is not None]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=4, help="packed together (default 4)")
    parser.add_argument("--depth", type=int, default=8, help="of the ResNet (default 8)")
    parser.add_argument("--batch-size", type=int, default=64, help="images in a batch of each trial (default 64)")
    parser.add_argument("--pairs", type=int, default=11, help="timed pairs (default 11)")
    options = parser.parse_args()
    torch.set_num_threads(1)
    keep_freed_memory()
    print(f"{hardware()}; torch {torch.__version__}, ResNet-{options.depth}, {options.trials} trials of batch ", end="")
    print(f"{options.batch_size}\nforward and backward, CPU ms of one thread, median of {options.pairs}")
    for size in SIZES:
        networks = trials(options.trials, options.depth)
        batches = [torch.randn(options.batch_size, 3, size, size) for _ in networks]
        labels = torch.randint(0, 10, (options.batch_size,))

        def clear(networks: Sequence[BNResNet] = networks) -> None:
            for network in networks:
                network.zero_grad(set_to_none=True)

        def together(networks: Sequence[BNResNet] = networks, batches: Sequence[Tensor] = batches) -> None:
            clear(networks)
            losses = [F.cross_entropy(logits, labels) for logits in packed(networks, batches)]  # noqa: B023
            torch.stack(losses).sum().backward()

        def in_turn(networks: Sequence[BNResNet] = networks, batches: Sequence[Tensor] = batches) -> None:
            clear(networks)
            for network, batch in zip(networks, batches, strict=True):
                F.cross_entropy(network(batch), labels).backward()  # noqa: B023

        in_turn()
        expected = gradients(networks)
        together()
        for one, two in zip(expected, gradients(networks), strict=True):
            assert torch.allclose(one, two, rtol=1e-3, atol=1e-5)
        found = paired(together, in_turn, options.pairs, time.process_time)
        times = f"packed {1000 * found.seconds_a:.1f}, one after another {1000 * found.seconds_b:.1f}"
        print(f"{size:>3} px: {times}, ratio {found.median:.3f} ({found.low:.3f} to {found.high:.3f})", flush=True)


if __name__ == "__main__":
    main()
