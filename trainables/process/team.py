"""The workers that train one replicate together: which images of a batch are whose, and numbers summed over all of them.

Every worker draws the same order, crops and colours for the whole batch from the replicate's streams and takes every
`size`-th image of it, from its `rank` on. Gradients are averaged by PyTorch's DistributedDataParallel, each worker weighing
as many images as it had; statistics of a batch are those of the whole batch (`trainables.layers.synchronized`), but for
Online Normalization, whose streams are each worker's own. So a replicate trains to the same result on any number of GPUs, but
for what cannot be the same: the order of sums, the draws of dropout, and which pixels a 1x1 whitening layer with a sampling
stride takes, since it counts on from image to image.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import torch
from torch import Tensor, distributed, nn
from torch.distributed import Store, TCPStore  # type: ignore[attr-defined]
from torch.nn.parallel import DistributedDataParallel

from trainables.layers.sums import all_reduced

# A collective waits for the slowest worker; what bounds an epoch is the watchdog, and the trial ends a broken team.
PATIENCE = timedelta(days=1)
MEETING = timedelta(minutes=5)  # for all workers to find each other


@dataclass(frozen=True)
class Team:
    """One worker among those of a replicate.

    Attributes:
        rank: 0-based; the first one's weights are kept in checkpoints and its streams evaluate.
        size: how many they are; 1 is a replicate in one process, where everything here does nothing.
    """

    rank: int = 0
    size: int = 1

    @property
    def alone(self) -> bool:
        return self.size == 1

    def part(self, batch: slice) -> slice:
        """The images of `batch` that are this worker's."""
        return slice(batch.start + self.rank, batch.stop, self.size)

    def positions(self, whole: int) -> range:
        """The positions of this worker's images in a batch of `whole`."""
        return range(self.rank, whole, self.size)

    def summed(self, numbers: Tensor) -> Tensor:
        """`numbers` [...] of all workers added up, on each of them."""
        return numbers if self.alone else all_reduced(numbers)

    def joined(self, model: nn.Module) -> nn.Module:
        """The model with its gradients averaged over the workers; for one epoch, in which nothing is frozen or thawed."""
        if self.alone or not any(parameter.requires_grad for parameter in model.parameters()):
            return model
        # The seed has built the same network everywhere, and the streams of each worker are to stay as they are.
        with warnings.catch_warnings(category=FutureWarning, action="ignore"):
            # What is announced in place of `broadcast_buffers` overwrites buffers at first.
            # A static graph may have parameters that nothing uses, as some published networks do.
            return DistributedDataParallel(model, broadcast_buffers=False, init_sync=False, static_graph=True)

    def weight(self, mine: int, whole: int) -> float:
        """What the mean loss of `mine` images is multiplied by, so that averaged gradients are those of the whole batch."""
        return 1.0 if self.alone else mine * self.size / whole

    @contextmanager
    def as_first(self, model: nn.Module) -> Iterator[None]:
        """The buffers of the first worker's model in every worker's, and each one's own again afterwards."""
        if self.alone:
            yield
            return
        own = {name: buffer.clone() for name, buffer in model.named_buffers()}
        for buffer in model.buffers():
            distributed.broadcast(buffer, 0)
        try:
            yield
        finally:
            with torch.no_grad():
                for name, buffer in model.named_buffers():
                    buffer.copy_(own[name])


ALONE = Team()


def open_meeting(host: str) -> TCPStore:
    """Where the workers of a team find each other; its first worker keeps it and tells the others its `port`."""
    return TCPStore(host, 0, is_master=True, wait_for_workers=False, timeout=MEETING)


def join(store: Store, rank: int, size: int, device: torch.device) -> Team:
    """Become one of a team: over NCCL where each worker has a GPU of its own, else over Gloo.

    Returns once all have joined; `RuntimeError` when they have not within five minutes.
    """
    backend = "nccl" if device.type == "cuda" else "gloo"
    distributed.init_process_group(backend, store=store, rank=rank, world_size=size, timeout=PATIENCE)
    return Team(rank, size)


def meeting_at(host: str, port: int) -> TCPStore:
    """The meeting that the first worker has opened."""
    return TCPStore(host, port, is_master=False, timeout=MEETING)
