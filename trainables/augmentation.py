"""Random crops and mirror images of a whole batch of 8-bit images at once, given what was drawn for each."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def flip(images: Tensor, flips: Tensor) -> Tensor:
    """Mirror left and right the images [N, C, H, W] for which `flips` [N] is true."""
    return torch.where(flips[:, None, None, None], images.flip(3), images)


def crop_flip(images: Tensor, tops: Tensor, lefts: Tensor, flips: Tensor, padding: int) -> Tensor:
    """A window of the images' own size out of each zero-padded image, mirrored where `flips` is true.

    As torchvision's `RandomCrop(side, padding=padding)` then `RandomHorizontalFlip` on images of 0 to 255: the padding
    is black, value 0 before normalisation.

    Args:
        images: [N, C, H, W].
        tops, lefts: int64 [N], the window's corner in the padded image, 0 to 2 * padding.
        flips: bool [N].
        padding: pixels added on each side.

    Returns:
        [N, C, H, W] of the images' type.
    """
    count, channels, height, width = images.shape
    padded = F.pad(images, (padding, padding, padding, padding))
    across = torch.arange(width, device=images.device)
    rows = torch.arange(height, device=images.device) + tops[:, None]
    columns = torch.where(flips[:, None], across.flip(0), across) + lefts[:, None]
    pixels = rows[:, :, None] * (width + 2 * padding) + columns[:, None, :]
    windows = padded.flatten(2).gather(2, pixels.view(count, 1, -1).expand(-1, channels, -1))
    return windows.view(images.shape)
