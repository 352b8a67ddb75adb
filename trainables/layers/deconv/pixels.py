"""Samples without a neighbourhood, features first: pixels of maps, runs of channels, blocks of vectors."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


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
            pixels = _own(x.transpose(0, 1)).flatten(1)
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
            return _own(runs.permute(1, 2, 0, 3)).flatten(1)
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
        return _own(x.reshape(-1, self.block).t())

    def scatter(self, grad: Tensor, shape: torch.Size) -> Tensor:
        return grad.reshape(self.block, -1).t().reshape(shape)


def _own(tensor: Tensor) -> Tensor:
    """A contiguous copy, also of what is contiguous already."""
    return tensor.clone(memory_format=torch.contiguous_format)


def _flat(count: int, step: int, inner: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Quotient and remainder by `inner` of 0, `step`, 2 `step`, ... below `count`."""
    taken = torch.arange(0, count, step, device=device)
    return taken // inner, taken % inner
