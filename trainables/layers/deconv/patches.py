"""Patches by features, laid out features first, in one copy, and the way back for their gradient.

Network Deconvolution takes statistics of the patches under a convolution's kernel. Written as [features, samples], with
feature j = c k^2 + kh k + kw, its grouping of interleaved features is a view: the G = C / B columns of a feature
f = floor(j / G) become further samples of it, [C k^2, M] -> [B k^2, G M]. No sum depends on the order of the samples.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional as F

# Fewer columns of patches than this are copied with the images innermost, if there are at least as many images.
FEW_COLUMNS = 8


class Samples(Protocol):
    """What statistics are taken of: `extract` gives samples of an input, `scatter` the gradient of the input."""

    def extract(self, x: Tensor) -> Tensor:
        """[features, samples] of memory of its own, contiguous, in the type of `x`."""
        ...

    def scatter(self, grad: Tensor, shape: torch.Size) -> Tensor:
        """The gradient of an input of `shape`; `grad` is that of `extract`'s result, in the same layout."""
        ...


@dataclass(frozen=True)
class Patches:
    """Patches of zero-padded images [N, C, H, W], every `step` pixels from the top left corner.

    `channels_together` orders features as (c within a block, kh, kw, block), so that interleaving puts whole channels
    into one block; without it the order is (c, kh, kw). `blocks` matters only then.
    """

    kernel: int
    padding: int
    dilation: int
    step: int
    blocks: int = 1
    channels_together: bool = False

    def rows(self, shape: torch.Size) -> int:
        """How many patches images of `shape` have.

        Raises:
            ValueError: they are smaller than a patch.
        """
        sides = [
            (size + 2 * self.padding - self.dilation * (self.kernel - 1) - 1) // self.step + 1 for size in shape[2:]
        ]
        if min(sides) < 1:
            raise ValueError(
                f"the input has shape {list(shape)}, smaller than a kernel of {self.kernel} at dilation "
                f"{self.dilation}; enlarge the images or the padding"
            )
        return shape[0] * math.prod(sides)

    def extract(self, x: Tensor) -> Tensor:
        patches = self._arranged(self._windows(self._padded(x)), self._images_last(x, x.shape))
        return patches.clone(memory_format=torch.contiguous_format).flatten(-3).flatten(0, -2)

    def scatter(self, grad: Tensor, shape: torch.Size) -> Tensor:
        n, c, height, width = shape
        p = self.padding
        images_last = self._images_last(grad, shape)
        if images_last:
            padded = grad.new_zeros((c, height + 2 * p, width + 2 * p, n)).permute(3, 0, 1, 2)
        else:
            padded = grad.new_zeros((n, c, height + 2 * p, width + 2 * p))
        patches = self._arranged(self._windows(padded), images_last)
        grad = grad.reshape(patches.shape)
        if self.step > self.dilation * (self.kernel - 1):
            patches.copy_(grad)  # patches that don't overlap: every pixel has one gradient
        else:
            for row in range(self.kernel):
                for column in range(self.kernel):
                    patches[:, row, column] += grad[:, row, column]
        inside = padded[:, :, p : p + height, p : p + width]
        if not images_last:
            return inside
        # One copy in the order of the memory and one that turns a matrix: faster than one that does both.
        return inside.permute(1, 2, 3, 0).contiguous().view(-1, n).t().contiguous().view(shape)

    def _images_last(self, tensor: Tensor, shape: torch.Size) -> bool:
        """Whether samples are ordered (row, column, image): on a CPU, copies of a few columns at a time are slow."""
        columns = (shape[3] + 2 * self.padding - self.dilation * (self.kernel - 1) - 1) // self.step + 1
        return tensor.is_cpu and columns < FEW_COLUMNS <= shape[0]

    def _arranged(self, windows: Tensor, images_last: bool) -> Tensor:
        """A view of `windows` with the features first and in their order."""
        if images_last:
            windows = windows.movedim(3, 5)
        if self.channels_together:
            windows = windows.view(self.blocks, -1, *windows.shape[1:]).movedim(0, 3)
        return windows

    def _padded(self, x: Tensor) -> Tensor:
        """Images [N, C, H, W] with their padding, the images innermost in memory where they come last."""
        p = self.padding
        if self._images_last(x, x.shape):
            n, c, height, width = x.shape
            turned = x.reshape(n, -1).t().contiguous().view(c, height, width, n)
            return F.pad(turned, (0, 0, p, p, p, p)).permute(3, 0, 1, 2) if p else turned.permute(3, 0, 1, 2)
        return F.pad(x, (p,) * 4) if p else x

    def _windows(self, x: Tensor) -> Tensor:
        """A view [C, k, k, N, rows, columns] of padded images; it overlaps itself where patches do."""
        n, c, height, width = x.shape
        reach = self.dilation * (self.kernel - 1) + 1
        rows, columns = (height - reach) // self.step + 1, (width - reach) // self.step + 1
        of_image, of_channel, of_row, of_column = x.stride()
        return x.as_strided(
            (c, self.kernel, self.kernel, n, rows, columns),
            (
                of_channel,
                self.dilation * of_row,
                self.dilation * of_column,
                of_image,
                self.step * of_row,
                self.step * of_column,
            ),
            x.storage_offset(),
        )
