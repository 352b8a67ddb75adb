"""What goes from the host to a card: copies that nobody waits for, and constants that are copied once.

A copy from pageable memory makes the host wait for everything the card was asked before. From pinned memory it joins the
queue, and torch keeps the pinned memory until the copy is done.
"""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor


def upload(tensor: Tensor, device: torch.device, dtype: torch.dtype | None = None) -> Tensor:
    """A tensor of the host on `device`, in `dtype` where one is given; of the device's own the tensor itself."""
    if device.type == "cuda" and tensor.device.type == "cpu":
        tensor = tensor if dtype is None else tensor.to(dtype)
        return tensor.pin_memory().to(device, non_blocking=True)
    return tensor.to(device, dtype)


@cache
def constant(values: tuple[float, ...], device: torch.device, dtype: torch.dtype = torch.float32) -> Tensor:
    """These numbers as a tensor [len(values)] on a device; the same tensor at each call, which nobody may change.

    Never let go of: a captured training step reads it where it lies.
    """
    with torch.inference_mode(False):
        return upload(torch.tensor(values, dtype=dtype), device)
