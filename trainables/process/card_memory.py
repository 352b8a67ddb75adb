"""How much of a card's memory is for tensors, where several processes share it: CUDA itself takes a part in each."""

from __future__ import annotations

# What a process takes of the card beside its tensors, for CUDA's context and the kernels of cuBLAS and cuDNN: a bound on
# its tensors does not count that.
CONTEXT_BYTES = 700 * 2**20


class NoGPU(RuntimeError):
    """A worker was promised a GPU that it does not have, or so little of one that nothing can be trained there."""


def for_tensors(share: float) -> float:
    """The fraction of a card's memory that tensors may take where a process has this share of it, at most 1.

    `NoGPU` where CUDA itself takes all of that.
    """
    total = of_card()
    share = min(1.0, share)
    if total is None:
        return share
    fraction = share - CONTEXT_BYTES / total
    if fraction <= 0:
        raise NoGPU(
            f"a share of {share:g} of a GPU of {total / 2**30:.0f} GiB is {share * total / 2**30:.2f} GiB, but CUDA itself "
            f"takes {CONTEXT_BYTES / 2**30:.2f} GiB in each process; raise --gpus-per-trial"
        )
    return fraction


def of_card() -> int | None:
    """Bytes of memory of this process's card; None where torch cannot say."""
    import torch

    try:
        return int(torch.cuda.get_device_properties(0).total_memory)
    except (RuntimeError, AssertionError):  # no driver, or a torch that is not built for CUDA
        return None
