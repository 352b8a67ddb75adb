"""Out of GPU memory: told apart from every other error, because it is the card's failure and not the replicate's."""

from __future__ import annotations

import sys

# What libraries under torch say instead of raising torch's own error.
_PHRASES = ("CUDNN_STATUS_ALLOC_FAILED", "CUBLAS_STATUS_ALLOC_FAILED", "CUDA error: out of memory")


class OutOfMemory(RuntimeError):
    """An epoch did not fit into the memory of its GPU; the trial's state is no longer of one epoch."""


def is_out_of_memory(error: BaseException) -> bool:
    """Whether the error says that the GPU's memory is used up (torch, cuDNN, cuBLAS)."""
    torch = sys.modules.get("torch")  # where nobody has imported it, none of its errors can be this
    if isinstance(error, OutOfMemory) or (torch is not None and isinstance(error, torch.OutOfMemoryError)):
        return True
    return isinstance(error, RuntimeError) and any(phrase in str(error) for phrase in _PHRASES)
