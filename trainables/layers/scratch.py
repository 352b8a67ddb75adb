"""Memory used again and again: on a CPU the pages of a fresh large tensor cost more than the numbers written to them."""

from __future__ import annotations

import math
import threading
from collections.abc import Sequence

import torch
from torch import Tensor


class _Kept(threading.local):
    def __init__(self) -> None:
        self.memory: dict[tuple[str, torch.dtype], Tensor] = {}


_kept = _Kept()


def scratch(shape: Sequence[int], like: Tensor, use: str) -> Tensor:
    """An uninitialised tensor in type and place of `like`, for intermediate results that no one keeps.

    On a CPU its memory is that of the thread's last tensor for the same `use`, which is lost; the largest one stays
    allocated. Elsewhere, where the allocator does as much by itself, it is a new tensor.
    """
    if not like.is_cpu or type(like) is not Tensor or torch.compiler.is_compiling():
        return like.new_empty(shape)
    size = math.prod(shape)
    memory = _kept.memory.get((use, like.dtype))
    if memory is None or memory.numel() < size:
        with torch.inference_mode(False):
            memory = _kept.memory[use, like.dtype] = torch.empty(size, dtype=like.dtype)
    return memory[:size].view(*shape)
