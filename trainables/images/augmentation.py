"""Random crops, mirror images and colours of a whole batch of images at once."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from trainables.config.normalisation import Constants
from trainables.layers.transfer import constant, upload


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


def recoloured(
    images: Tensor,
    constants: Constants,
    generator: torch.Generator,
    positions: range,
    *,
    jitter: float = 0.0,
    light: float = 0.0,
) -> Tensor:
    """Images [N, C, H, W], normalised with `constants`, with `colour_jitter` and then `lighting` of these strengths."""
    mean, std = (constant(values, images.device).view(-1, 1, 1) for values in constants)
    images = images * std + mean
    if jitter:
        images = colour_jitter(images, jitter, generator, positions)
    if light:
        images = lighting(images, light, generator, positions)
    return (images - mean) / std


def colour_jitter(
    images: Tensor, strength: float, generator: torch.Generator, positions: range | None = None
) -> Tensor:
    """Brightness, contrast and saturation of each image changed by factors of its own, in an order of its own.

    As torchvision's `ColorJitter(strength, strength, strength)` on float images, drawn for each image. Gray images keep
    their saturation.

    Args:
        images: [N, C, H, W] in [0, 1], C 1 or 3.
        strength: factors are uniform in [1 - strength, 1 + strength].
        generator: a CPU generator; it is drawn from for the whole batch.
        positions: of these images in the batch; by default they are all of it.

    Returns:
        [N, C, H, W] in [0, 1].
    """
    positions = range(len(images)) if positions is None else positions
    mine = slice(positions.start, positions.stop, positions.step)
    factors = (1 + strength * (2 * torch.rand(3, positions.stop, generator=generator) - 1))[:, mine]
    order = torch.rand(3, positions.stop, generator=generator)[:, mine].argsort(0)
    factors, order = upload(factors, images.device), upload(order, images.device)
    for turn in order:
        changed = [
            adjust(images, factor[:, None, None, None])
            for adjust, factor in zip((_brightness, _contrast, _saturation), factors, strict=True)
        ]
        images = torch.stack(changed).gather(0, turn.view(1, -1, 1, 1, 1).expand(1, *images.shape))[0]
    return images


# Standard deviations and directions of the colours of ImageNet's pixels (Krizhevsky et al. 2012, section 4.1).
COLOUR_VALUES = (0.2175, 0.0188, 0.0045)
COLOUR_VECTORS = ((-0.5675, 0.7192, 0.4009), (-0.5808, -0.0045, -0.8140), (-0.5836, -0.6948, 0.4203))


def lighting(images: Tensor, std: float, generator: torch.Generator, positions: range | None = None) -> Tensor:
    """A colour added to each image along the principal components of ImageNet's colours (Krizhevsky et al. 2012).

    Args:
        images: [N, 3, H, W] in [0, 1].
        std: standard deviation of the shares of the three components, which are normally distributed.
        generator: a CPU generator; it is drawn from for the whole batch.
        positions: of these images in the batch; by default they are all of it.

    Returns:
        [N, 3, H, W], which may leave [0, 1].
    """
    positions = range(len(images)) if positions is None else positions
    mine = slice(positions.start, positions.stop, positions.step)
    shares = std * torch.randn(positions.stop, 3, generator=generator)[mine]
    colours = (shares * torch.tensor(COLOUR_VALUES)) @ torch.tensor(COLOUR_VECTORS).T
    return images + upload(colours, images.device)[:, :, None, None].to(images.dtype)


def _brightness(images: Tensor, factor: Tensor) -> Tensor:
    return (factor * images).clamp(0, 1)


def _contrast(images: Tensor, factor: Tensor) -> Tensor:
    return torch.lerp(_gray(images).mean((1, 2, 3), keepdim=True), images, factor).clamp(0, 1)


def _saturation(images: Tensor, factor: Tensor) -> Tensor:
    return torch.lerp(_gray(images).expand_as(images), images, factor).clamp(0, 1)


def _gray(images: Tensor) -> Tensor:
    """[N, 1, H, W], luma of ITU-R BT.601."""
    if images.shape[1] == 1:
        return images
    weights = constant((0.2989, 0.587, 0.114), images.device, images.dtype).view(3, 1, 1)
    return (images * weights).sum(1, keepdim=True)
