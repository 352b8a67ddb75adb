"""Rows of samples by features, laid out features first, in one copy, and the way back for their gradient.

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
        if self.padding:
            x = F.pad(x, (self.padding,) * 4)
        patches = self._windows(x)
        if not self.channels_together:
            return patches.clone(memory_format=torch.contiguous_format).flatten(3).flatten(0, 2)
        return patches.view(self.blocks, -1, *patches.shape[1:]).movedim(0, 3).contiguous().flatten(4).flatten(0, 3)

    def scatter(self, grad: Tensor, shape: torch.Size) -> Tensor:
        batch, channels, height, width = shape
        padded = grad.new_zeros((batch, channels, height + 2 * self.padding, width + 2 * self.padding))
        windows = self._windows(padded)
        if self.channels_together:
            _, *kernel, n, rows, columns = windows.shape
            grad = grad.reshape(-1, *kernel, self.blocks, n, rows, columns).movedim(3, 0).flatten(0, 1)
        grad = grad.reshape(windows.shape)
        if self.step > self.dilation * (self.kernel - 1):
            windows.copy_(grad)  # patches that don't overlap: every pixel has one gradient
        else:
            for row in range(self.kernel):
                for column in range(self.kernel):
                    windows[:, row, column] += grad[:, row, column]
        inside = slice(self.padding, -self.padding or None)
        return padded[:, :, inside, inside]

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


@dataclass(frozen=True)
class Pixels:
    """Every `step`-th pixel of images [N, C, H, W], counted on over images and rows: what a 1x1 kernel sees.

    The count runs flat over N, H and W, as published, so for `step` > 1 the pixels taken form no grid.
    """

    step: int
    blocks: int = 1
    channels_together: bool = False

    def rows(self, shape: torch.Size) -> int:
        """How many pixels of images of `shape` are taken."""
        return -(-shape[0] * shape[2] * shape[3] // self.step)

    def extract(self, x: Tensor) -> Tensor:
        n, _, height, width = x.shape
        if self.step == 1:
            pixels = x.transpose(0, 1).clone(memory_format=torch.contiguous_format).flatten(1)
        else:
            image, place = _flat(n * height * width, self.step, height * width, x.device)
            pixels = x.flatten(2)[image, :, place].t().contiguous()
        if not self.channels_together:
            return pixels
        return pixels.view(self.blocks, -1, pixels.shape[-1]).transpose(0, 1).contiguous().flatten(0, 1)

    def scatter(self, grad: Tensor, shape: torch.Size) -> Tensor:
        n, c, height, width = shape
        grad = grad.reshape(c, -1)
        if self.channels_together:
            grad = grad.view(-1, self.blocks, grad.shape[-1]).transpose(0, 1).flatten(0, 1)
        if self.step == 1:
            return grad.view(c, n, height, width).transpose(0, 1).contiguous()
        image, place = _flat(n * height * width, self.step, height * width, grad.device)
        out = grad.new_zeros((n, c, height * width))
        out[image, :, place] = grad.t()
        return out.view(shape)


@dataclass(frozen=True)
class ChannelRuns:
    """`rows` runs of consecutive channels of images [N, C, H, W]; each run is one feature, pooled over its channels.

    Of the samples (channel in the run, image, pixel) of a feature every `step`-th is taken.
    """

    rows: int
    step: int

    def extract(self, x: Tensor) -> Tensor:
        n, c, height, width = x.shape
        runs = x.reshape(n, self.rows, c // self.rows, height * width)
        if self.step == 1:
            return runs.permute(1, 2, 0, 3).clone(memory_format=torch.contiguous_format).flatten(1)
        channel, image, place = self._taken(n, c, height * width, x.device)
        return runs[image, :, channel, place].t().contiguous()

    def scatter(self, grad: Tensor, shape: torch.Size) -> Tensor:
        n, c, height, width = shape
        grad = grad.reshape(self.rows, -1)
        if self.step == 1:
            return grad.view(self.rows, c // self.rows, n, height * width).permute(2, 0, 1, 3).reshape(shape)
        out = grad.new_zeros((n, self.rows, c // self.rows, height * width))
        channel, image, place = self._taken(n, c, height * width, grad.device)
        out[image, :, channel, place] = grad.t()
        return out.view(shape)

    def _taken(self, n: int, c: int, pixels: int, device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
        channel, rest = _flat(c // self.rows * n * pixels, self.step, n * pixels, device)
        return channel, rest // pixels, rest % pixels


@dataclass(frozen=True)
class Columns:
    """`block` consecutive features of vectors [N, C] at a time, each block a sample of its own."""

    block: int

    def extract(self, x: Tensor) -> Tensor:
        return x.reshape(-1, self.block).t().clone(memory_format=torch.contiguous_format)

    def scatter(self, grad: Tensor, shape: torch.Size) -> Tensor:
        return grad.reshape(self.block, -1).t().reshape(shape)


def _flat(count: int, step: int, inner: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Quotient and remainder by `inner` of 0, `step`, 2 `step`, ... below `count`."""
    taken = torch.arange(0, count, step, device=device)
    return taken // inner, taken % inner
