"""Layers whose activations are computed again in the backward pass, with BatchNorm statistics updated once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint


def recomputed(layers: nn.Module, maps: Tensor) -> Tensor:
    """`layers(maps)`, of which only `maps` are kept for the backward pass.

    The non-reentrant form of PyTorch's checkpointing: the reentrant one gives no gradient where no input needs one, as
    behind a frozen stem. Running statistics and their batch counters move in the forward pass alone. Nothing in these
    layers may draw random numbers.
    """

    def contexts() -> tuple[AbstractContextManager[None], AbstractContextManager[None]]:
        return nullcontext(), _statistics_kept(layers)

    result: Tensor = checkpoint(layers, maps, use_reentrant=False, preserve_rng_state=False, context_fn=contexts)
    return result


@contextmanager
def _statistics_kept(layers: nn.Module) -> Iterator[None]:
    """Let every BatchNorm normalise by its batch and leave its running statistics as they are."""
    norms = [module for module in layers.modules() if isinstance(module, nn.BatchNorm2d)]
    before = [(norm.momentum, norm.num_batches_tracked) for norm in norms]
    for norm in norms:
        # Not `track_running_stats`: the recomputation must save as many tensors as the forward pass did.
        norm.momentum = 0.0
        norm.num_batches_tracked = None if norm.num_batches_tracked is None else norm.num_batches_tracked.clone()
    try:
        yield
    finally:
        for norm, (momentum, tracked) in zip(norms, before, strict=True):
            norm.momentum, norm.num_batches_tracked = momentum, tracked
