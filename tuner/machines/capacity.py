"""How many trials fit on a cluster at once, card by card, and whether each fits at all."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from trainables.process.footprint import Load
from tuner.errors import BadInput
from tuner.machines.allocation import Allocator, Share
from tuner.machines.ray_session import Node, Resources

_SLACK = 1e-6  # the last bits: three times 0.1 fit into 0.3
_ENOUGH = 10_000  # trials at once; nobody has more


def check_resources(shares: Iterable[Share], resources: Resources) -> None:
    """BadInput if a trial asks for more than the cluster can ever have: Ray would wait for ever."""
    problems = []
    for share in dict.fromkeys(shares):
        problems += _problems(share, resources)
    if problems:
        raise BadInput.listing(list(dict.fromkeys(problems)))


def concurrency(shares: Iterable[Share], resources: Resources, limit: int | None) -> int:
    """Trials that train at the same time: as many as fit once the cluster has grown, at most `limit`, at least one.

    With shares of several sizes, as many as of the smallest: Ray places what fits beside each other. A share of a GPU
    never spans two cards: of 0.4 GPU two fit on each card, whatever is left over.
    """
    most = max(fitting(share, resources.grown) for share in dict.fromkeys(shares))
    return max(1, most if limit is None else min(most, limit))


def fitting(share: Share, nodes: Sequence[Node]) -> int:
    """How many trials of this share fit on these nodes, when nothing else runs there."""
    free = [_Free(node) for node in nodes if _suits(share, node)]
    count = 0
    while count < _ENOUGH and _place(share, free):
        count += 1
    return count


def load_of_node(
    allocator: Allocator, configs: Sequence[Mapping[str, Any]], resources: Resources, limit: int | None
) -> Load:
    """What a node has to bear of trials of these configurations, spread evenly over the nodes that train.

    Of shares of several sizes the largest: what does not fit into it fits nowhere.
    """
    shares = [allocator.share(config) for config in configs]
    largest = max(shares, key=lambda share: (share.gpus, share.cpus))
    at_once = min(concurrency(shares, resources, limit), len(configs)) * largest.workers
    nodes = sum(node.cpus > 0 for node in resources.grown)
    replicates = allocator.replicates * largest.team // largest.workers
    return Load(replicates, math.ceil(at_once / max(1, nodes)), largest.gpus, largest.team)


class _Free:
    """What is left of a node: CPUs, and of each card a part."""

    def __init__(self, node: Node) -> None:
        self.cpus = node.cpus
        self.cards = [1.0] * int(node.gpus)

    def take(self, share: Share) -> bool:
        """Put one worker here if it fits: part of a card on the fullest card that has room, whole cards on empty ones."""
        if share.cpus > self.cpus + _SLACK:
            return False
        if 0 < share.gpus < 1:
            roomy = [card for card, left in enumerate(self.cards) if left + _SLACK >= share.gpus]
            if not roomy:
                return False
            self.cards[min(roomy, key=lambda card: self.cards[card])] -= share.gpus
        elif share.gpus:
            empty = [card for card, left in enumerate(self.cards) if left >= 1][: int(share.gpus)]
            if len(empty) < share.gpus:
                return False
            for card in empty:
                self.cards[card] = 0.0
        self.cpus -= share.cpus
        return True


def _place(share: Share, nodes: list[_Free]) -> bool:
    """Put every worker of a trial on some node; False when one finds no room."""
    return all(any(node.take(share) for node in nodes) for _ in range(share.workers))


def _suits(share: Share, node: Node) -> bool:
    return share.accelerator_type is None or share.accelerator_type == node.accelerator_type


def _problems(share: Share, resources: Resources) -> list[str]:
    if fitting(share, resources.grown):
        return []
    asks = "a trial asks for" if share.workers == 1 else f"each of a trial's {share.workers} workers asks for"
    kinds = sorted({node.accelerator_type for node in resources.grown if node.accelerator_type})
    if share.accelerator_type is not None and share.accelerator_type not in kinds:
        there = f"cards of type {', '.join(kinds)}" if kinds else "no card of a known type"
        return [
            f"{asks} a card of type {share.accelerator_type}, but the cluster has {there}; change --accelerator-type"
        ]
    nodes = [node for node in resources.grown if _suits(share, node)]
    cpus, gpus = sum(node.cpus for node in nodes), sum(node.gpus for node in nodes)
    of_gpus = "--gpus-per-trial" if share.team == 1 else "--gpus-per-replicate"
    problems = [
        f"{asks} {wanted:g} {kind}, but the cluster has {there:g}; {remedy}"
        for kind, wanted, there, remedy in (
            ("CPUs", share.cpus, cpus, "lower --cpus-per-trial"),
            ("GPUs", share.gpus, gpus, f"lower {of_gpus}" if share.team == 1 else f"leave {of_gpus} out"),
        )
        if wanted > there + _SLACK
    ]
    if problems:
        return problems
    wanted = f"{share.cpus:g} CPUs and {share.gpus:g} GPUs" if share.gpus else f"{share.cpus:g} CPUs"
    if not any(_Free(node).take(share) for node in nodes):
        return [
            f"{asks} {wanted} on one node, but no node of the cluster has both; lower --cpus-per-trial or --gpus-per-trial"
            if share.gpus
            else f"{asks} {wanted} on one node, but the largest has {max(node.cpus for node in nodes):g}; "
            "lower --cpus-per-trial"
        ]
    free = [_Free(node) for node in nodes]
    fit = next(count for count in range(share.workers) if not any(node.take(share) for node in free))
    packed = ", or use --placement packed" if share.workers > share.team else ""
    return [
        f"a trial spreads over {share.workers} workers of {wanted}, but only {fit} fit on the cluster at once; lower "
        f"--cpus-per-trial or {of_gpus}{packed}"
    ]
