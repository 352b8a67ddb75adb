"""Local response normalisation (Krizhevsky et al. 2012, section 3.3) with the windows that published networks used."""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor, nn
from torch.nn import functional as F

WINDOWS = ("channels", "5", "off")
ALPHA, BETA = 1e-4, 0.75


class ResponseNorm(nn.LocalResponseNorm):
    """Torch's layer with its window summed by a 1x1 convolution: the time of torch's own pooling grows with the window."""

    def forward(self, x: Tensor) -> Tensor:
        """Maps [N, channels, H, W] to maps of the same shape."""
        sums = F.conv2d(x * x, _window(x.shape[1], self.size, x.dtype, x.device))
        return x / (self.k + self.alpha / self.size * sums).pow(self.beta)


@cache  # never let go of: a captured training step reads it where it lies
def _window(channels: int, size: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """Which channels each sum takes: [channels, channels, 1, 1] of 0 and 1."""
    with torch.inference_mode(False):
        ones = torch.ones(channels, channels, dtype=dtype, device=device)
        return ones.triu(-(size // 2)).tril((size - 1) // 2)[:, :, None, None]


def response_norm(channels: int, window: str = "channels", k: float = 1.0) -> nn.Module:
    """y_c = x_c / (k + (1e-4 / n) * sum over j of x_j^2)^0.75, j from c - floor(n/2) to c + floor((n-1)/2).

    Beyond the first and the last channel x is zero; the sum is divided by n there too.

    Args:
        channels: of the maps [N, channels, H, W].
        window: n: `channels` (all of them in reach, as the classic collection trained), `5` (as the paper), or `off`.
        k: 1 as the collection, 2 as the paper.

    Raises:
        ValueError: another window.
    """
    if window not in WINDOWS:
        raise ValueError(f"`lrn` is {window!r}, but must be one of {', '.join(WINDOWS)}")
    if window == "off":
        return nn.Identity()
    return ResponseNorm(channels if window == "channels" else int(window), ALPHA, BETA, k)
