"""Multiply every plane of a batch of images by a banded matrix from the left and one from the right, fast on a CPU too.

Banded: further than a radius from the diagonal there are only zeros, as in the matrices of a blur. Other devices leave
both products to their library. On a CPU the time goes into three things, and each is cut down:

* multiplications by zero: where the band is narrow, blocks of the matrix are used that are only as wide as their band;
* memory between the two products: the batch passes in chunks, through memory that stays in the cache;
* memory for the result: a large one is asked for in huge pages.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor

# Output pixels of one block. Its band is BLOCK + 2 radius wide.
BLOCK = 32
# Blocks win over the whole matrix where their band is narrower than this share of the side: measured with blocks of 16
# to 64 pixels on sides from 48 to 384 and radii from 4 to 64.
BAND_PAYS_BELOW = 0.75
# Images that pass at a time on a CPU; half and twice as many bytes were slower or no faster.
CHUNK_BYTES = 4 * 2**20
# From this size on a result is asked for in huge pages: NumPy does not do so below.
HUGE_BYTES = 4 * 2**20


def separable(images: Tensor, rows: Tensor, columns: Tensor, radius: int) -> Tensor:
    """`rows @ plane @ columns.T` for every plane.

    Args:
        images: [N, C, H, W], of the matrices' type or a narrower one, on their device.
        rows: [1, H, H], or [N, H, H] with one matrix for each image; zero further than `radius` from the diagonal.
        columns: [1, W, W] or [N, W, W] likewise.
        radius: half-width of the band in pixels; it may exceed the sides.

    Returns:
        A new contiguous tensor of the shape and type of `images`, computed in the matrices' type.
    """
    with _full_precision(images.device):
        if images.device.type == "cpu":
            return _on_cpu(images, rows, columns, radius)
        across = images.to(rows.dtype) @ columns[:, None].mT
        return (rows[:, None] @ across).to(images.dtype)


def _on_cpu(images: Tensor, rows: Tensor, columns: Tensor, radius: int) -> Tensor:
    result = _empty(images.shape, images.dtype)
    step = max(1, CHUNK_BYTES * len(images) // (images.numel() * rows.element_size()))
    for start in range(0, len(images), step):
        part = slice(start, start + step)
        left, right = (matrices[part] if len(matrices) > 1 else matrices for matrices in (rows, columns))
        across = _along_width(images[part].to(rows.dtype), right, radius)
        _along_height(across, left, radius, out=result[part])
    return result


def _along_width(images: Tensor, matrices: Tensor, radius: int) -> Tensor:
    """`plane @ matrix.T` for every plane, in memory that the next call overwrites."""
    width = images.shape[-1]
    lines = images.reshape(len(matrices), -1, width)
    result = _scratch(lines.shape, lines.dtype)
    if _is_whole(width, radius):
        torch.bmm(lines, matrices.mT, out=result)
    else:
        for block, band in _blocks(width, radius):
            torch.bmm(lines[..., band], matrices[:, block, band].mT, out=result[..., block])
    return result.view(images.shape)


def _along_height(images: Tensor, matrices: Tensor, radius: int, out: Tensor) -> None:
    """`matrix @ plane` for every plane, written to `out`."""
    count, channels, height, _ = images.shape
    planes, result = images.flatten(0, 1), out.flatten(0, 1)
    matrices = matrices[:, None].expand(count, channels, -1, -1)
    if _is_whole(height, radius) and out.dtype == images.dtype:
        torch.bmm(matrices.flatten(0, 1), planes, out=result)
    else:
        # Into a strided target torch would multiply plane by plane; one batch and a copy take less time.
        for block, band in _blocks(height, radius):
            result[:, block] = torch.bmm(matrices[..., block, band].flatten(0, 1), planes[:, band])


def _is_whole(side: int, radius: int) -> bool:
    """Whether one block holds the whole side."""
    return BLOCK + 2 * radius >= BAND_PAYS_BELOW * side


def _blocks(side: int, radius: int) -> Iterator[tuple[slice, slice]]:
    """The output pixels to compute together, and the input pixels that reach them."""
    size = side if _is_whole(side, radius) else BLOCK
    for start in range(0, side, size):
        stop = min(start + size, side)
        yield slice(start, stop), slice(max(0, start - radius), min(side, stop + radius))


def _empty(shape: torch.Size, dtype: torch.dtype) -> Tensor:
    """An uninitialised tensor on the CPU that is cheap to fill also when it is large.

    The system hands a large block out page by page as it is first written, which can take as long as the products.
    NumPy asks for huge pages, torch does not. Torch aligns its tensors to 64 bytes, and so does this.
    """
    size = math.prod(shape) * dtype.itemsize
    if size < HUGE_BYTES:
        return torch.empty(shape, dtype=dtype)
    memory = np.empty(size + 64, dtype=np.uint8)
    first = -memory.ctypes.data % 64
    return torch.from_numpy(memory[first : first + size]).view(dtype).view(shape)


_kept = threading.local()


def _scratch(shape: torch.Size, dtype: torch.dtype) -> Tensor:
    """Memory for what passes between the two products; each thread keeps one chunk of it and uses it again."""
    size = math.prod(shape) * dtype.itemsize
    if size > CHUNK_BYTES:
        return torch.empty(shape, dtype=dtype)
    if not hasattr(_kept, "memory"):
        _kept.memory = torch.empty(CHUNK_BYTES, dtype=torch.uint8)
    memory: Tensor = _kept.memory
    return memory[:size].view(dtype).view(shape)


@contextmanager
def _full_precision(device: torch.device) -> Iterator[None]:
    """Multiply in the matrices' type also where the training around it allows TF32 or casts to bfloat16."""
    backends = torch.backends
    library = backends.cuda.matmul if device.type == "cuda" else backends.mkldnn.matmul  # type: ignore[attr-defined]
    allowed = library.fp32_precision
    if allowed in ("none", "ieee") and not torch.is_autocast_enabled(device.type):
        yield
        return
    library.fp32_precision = "ieee"
    try:
        with torch.autocast(device.type, enabled=False):
            yield
    finally:
        library.fp32_precision = allowed
