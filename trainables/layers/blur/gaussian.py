"""Gaussian blur of a batch of images with the kernel and the border of the blur-training experiments.

Yoshihara, Fukiage and Nishida, "Does training with blurred images bring convolutional neural networks closer to humans
with respect to robust object recognition and internal representations?", Front. Psychol. 14 (2023), blur their training
images with OpenCV's `GaussianBlur` on float images. Three rules fix what it computes:

* the kernel has k = roundHalfEven(8 sigma + 1) | 1 taps, so its radius is about 4 sigma;
* tap i is proportional to exp(-i^2 / (2 sigma^2)), and the taps sum to 1;
* the border is mirrored without repeating the edge pixel (... c b | a b c ...), again and again where the radius is
  larger than the image.

Blurring is linear and separable, so a blurred plane X is `rows @ X @ columns.T` with two small matrices that hold taps
and border together. That is exact for every size and sigma.
"""

from __future__ import annotations

import math
from functools import lru_cache

import torch
from torch import Tensor

from trainables.layers.blur.separable import separable
from trainables.layers.transfer import upload


def kernel_size(sigma: float) -> int:
    """The number of taps for a standard deviation of `sigma` pixels: roundHalfEven(8 sigma + 1) | 1, always odd.

    Raises:
        ValueError: `sigma` is negative or not finite.
    """
    _check_sigma(sigma)
    return round(8 * sigma + 1) | 1


def gaussian_kernel1d(sigma: float) -> Tensor:
    """The taps for a standard deviation of `sigma` pixels, float32 [kernel_size(sigma)]; they sum to 1.

    Raises:
        ValueError: `sigma` is negative or not finite.
    """
    _check_sigma(sigma)
    half = _half_kernels(torch.tensor([sigma], dtype=torch.float64))[0]
    return torch.cat([half[1:].flip(0), half]).float()


@torch.no_grad()
def gaussian_blur(images: Tensor, sigma: float | Tensor) -> Tensor:
    """Blur every channel of every image on its own.

    Args:
        images: [N, C, H, W] of a floating type, on any device. Half types are computed in float32, float64 in float64.
        sigma: standard deviation in pixels: one for all images, or a tensor [N] with one for each.

    Returns:
        A new contiguous tensor of the same shape, type and device, without gradient. Images whose kernel is one tap
        (sigma 0, or below 1/16) come out bit by bit as they were; if all do, `images` itself is returned.

    Raises:
        ValueError: `images` is no such tensor, or `sigma` is negative, not finite or of another length.
    """
    _check_images(images)
    if not isinstance(sigma, Tensor) or sigma.dim() == 0:
        return _blur_alike(images, float(sigma))
    if sigma.shape != images.shape[:1]:
        raise ValueError(
            f"sigma has shape {list(sigma.shape)}, but the batch has {len(images)} images; "
            f"give one number, or a tensor of shape [{len(images)}]"
        )
    return _blur_each(images, sigma.to("cpu", torch.float64))


def _blur_alike(images: Tensor, sigma: float) -> Tensor:
    radius = kernel_size(sigma) // 2
    if radius == 0 or images.numel() == 0:
        return images
    rows, columns = (_operator(sigma, side, _computed_in(images), images.device) for side in images.shape[-2:])
    return separable(images, rows, columns, radius)


def _blur_each(images: Tensor, sigmas: Tensor) -> Tensor:
    invalid = ~(torch.isfinite(sigmas) & (sigmas >= 0))
    if invalid.any():
        _check_sigma(float(sigmas[invalid][0]))
    radii = _radii(sigmas)
    if images.numel() == 0 or not radii.any():
        return images
    if (sigmas == sigmas[0]).all():
        return _blur_alike(images, float(sigmas[0]))
    height, width = images.shape[-2:]
    rows = _operators(sigmas, height, _computed_in(images), images.device)
    columns = rows if width == height else _operators(sigmas, width, _computed_in(images), images.device)
    blurred = separable(images, rows, columns, int(radii.max()))
    # The matrix of one tap is the identity, but times an infinite pixel its zeros would not be zero.
    sharp = upload((radii == 0).nonzero().squeeze(1), images.device)
    return blurred.index_copy_(0, sharp, images[sharp])


def _computed_in(images: Tensor) -> torch.dtype:
    return torch.promote_types(images.dtype, torch.float32)


@lru_cache(maxsize=64)  # more than one trial has: a captured training step reads its own where it lies
def _operator(sigma: float, side: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    return _operators(torch.tensor([sigma], dtype=torch.float64), side, dtype, device)


def _operators(sigmas: Tensor, side: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """The matrices [N, side, side] that blur a line of `side` pixels and its mirrored border, one for each sigma.

    The line with its mirror images is periodic, and symmetric about its first and its last pixel. With the taps wrapped
    around that period, output i takes from input j the tap at the distance i - j, and where j is an inner pixel also
    the tap at the distance i + j to its mirror image.
    """
    if side == 1:
        return torch.ones(len(sigmas), 1, 1, dtype=dtype, device=device)
    half = _half_kernels(sigmas)
    distance = torch.arange(half.shape[1])
    wrapped = distance % (2 * (side - 1))
    wrapped = torch.minimum(wrapped, 2 * (side - 1) - wrapped)
    # Where the line is mirrored, the taps at +distance and -distance meet in one pixel.
    meet = (distance > 0) & ((wrapped == 0) | (wrapped == side - 1))
    taps = half.new_zeros(len(sigmas), side).index_add_(1, wrapped, torch.where(meet, 2 * half, half))
    taps = upload(taps, device, dtype)
    # A window that slides over the taps gives the rows: downwards over `mirrored`, upwards over `direct`.
    direct = torch.cat([taps[:, 1:].flip(1), taps], dim=1)
    mirrored = torch.cat([taps, taps[:, :-1].flip(1)], dim=1)
    operators = direct.unfold(1, side, 1).flip(1)
    operators[..., 1:-1] += mirrored.unfold(1, side, 1)[..., 1:-1]
    return operators


def _half_kernels(sigmas: Tensor) -> Tensor:
    """The taps at the distances 0, 1, ... for each sigma: float64 [N, largest radius + 1], zero past a kernel's end."""
    radii = _radii(sigmas)
    distance = torch.arange(int(radii.max()) + 1)
    # The smallest sigma only keeps 0 / 0 away from the kernels of one tap, which are 1 in any case.
    taps = torch.exp(-0.5 * (distance / sigmas.clamp(min=1e-3)[:, None]) ** 2)
    taps = torch.where(distance <= radii[:, None], taps, 0.0)
    return taps / (taps[:, :1] + 2 * taps[:, 1:].sum(1, keepdim=True))


def _radii(sigmas: Tensor) -> Tensor:
    """`kernel_size(sigma) // 2` for each sigma."""
    return torch.round(8 * sigmas + 1).long() // 2


def _check_images(images: Tensor) -> None:
    if images.dim() != 4:
        raise ValueError(
            f"the images have shape {list(images.shape)}, but must have shape [N, C, H, W]; add the missing dimensions"
        )
    if not images.is_floating_point():
        raise ValueError(f"the images are {images.dtype}, but must be floating point; convert them with `.float()`")


def _check_sigma(sigma: float) -> None:
    if not (math.isfinite(sigma) and sigma >= 0):
        raise ValueError(f"sigma is {sigma:g}, but must be finite and at least 0 pixels; give 0 for sharp images")
