"""The blur family: curricula that train on Gaussian-blurred images and are judged on sharp ones.

Source: Yoshihara, Fukiage, Nishida, Front. Psychol. 14:1047694 (2023). The blur is applied to the normalised images on the
training device; its kernel sums to one and the border is mirrored, so it commutes with the normalisation.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from functools import partial
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from trainables import families
from trainables.config.blur import HALF_DATA, BlurConfig, sigma_at, switch_epoch
from trainables.config.normalisation import constants
from trainables.family import Family, Shape, View
from trainables.images.augmentation import recoloured
from trainables.layers.blur import gaussian_blur
from trainables.models.alexnet_cifar import alexnet_cifar
from trainables.models.first_conv import first_conv
from trainables.models.small_cnn import small_cnn
from trainables.optim import learning_rate_at

if TYPE_CHECKING:
    from trainables.on_ray.trainable import ReplicatedTrainable as BlurTrainable

__all__ = ["FAMILY", "Blur", "BlurConfig", "BlurTrainable", "learning_rate_at", "mix_batch", "sigma_at"]


def mix_batch(images: Tensor, config: BlurConfig, generator: torch.Generator, positions: range | None = None) -> Tensor:
    """Blur the first part of a batch and leave the rest sharp; order and labels stay.

    Args:
        images: [N, C, H, W], already shuffled; N may be anything, also 1.
        config: `blurred_fraction` of the batch is blurred, rounded up (published: the first ceil(N / 2)). Mode
            `random-mix` draws a sigma for each blurred sample, uniform in [min_sigma, max_sigma], in sample order;
            every other mode blurs with `sigma`.
        generator: where the sigmas are drawn from (a CPU generator).
        positions: of these images in the whole batch, ascending; by default they are all of it.

    Returns:
        A new tensor [N, C, H, W]; the same object when nothing is blurred.
    """
    positions = range(len(images)) if positions is None else positions
    blurred = math.ceil(positions.stop * config.blurred_fraction)
    mine = range(positions.start, blurred, positions.step)
    count = len(mine)
    sigma: float | Tensor = config.sigma
    if config.mode == "random-mix":
        span = config.max_sigma - config.min_sigma
        sigma = torch.rand(blurred, generator=generator)[mine.start :: mine.step] * span + config.min_sigma
    elif sigma == 0:
        return images
    if count == 0:
        return images
    return torch.cat([gaussian_blur(images[:count], sigma), images[count:]])


class Blur(Family[BlurConfig]):
    """Blur curricula over the architectures of the paper, a small network, and torchvision's."""

    name = "blur"
    network_knobs = ("arch", "mode")

    def build_model(self, config: BlurConfig, shape: Shape) -> nn.Module:
        if config.arch == "small_cnn":
            return small_cnn(shape.channels, shape.size, shape.classes)
        if config.arch == "alexnet_cifar":
            return alexnet_cifar(shape.channels, shape.size, shape.classes)
        from trainables.models import torchvision_nets  # a second to import, and most searches do without

        return torchvision_nets.build(config.arch, shape.channels, shape.classes)

    def begin_epoch(self, config: BlurConfig, model: nn.Module, epoch: int) -> None:
        """`fixed-single-step` freezes the first convolution from the switch on.

        Without a gradient the optimizer skips it altogether: neither momentum nor weight decay moves it any more.
        """
        if config.mode != "fixed-single-step" or epoch < switch_epoch(config):
            return
        for parameter in first_conv(model).parameters():
            parameter.requires_grad_(False)
            parameter.grad = None

    def train_inputs(
        self, config: BlurConfig, images: Tensor, epoch: int, generator: torch.Generator, positions: range
    ) -> Tensor:
        if config.jitter or config.lighting:
            known = constants(config.constants, images.shape[1])
            images = recoloured(images, known, generator, positions, jitter=config.jitter, light=config.lighting)
        if config.mode in HALF_DATA:
            return mix_batch(images, config, generator, positions)
        sigma = sigma_at(config, epoch)
        return gaussian_blur(images, sigma) if sigma > 0 else images

    def built_in(self, config: BlurConfig, epoch: int) -> Hashable:
        return config.sigma if config.mode in HALF_DATA else sigma_at(config, epoch)

    def uncapturable(self, config: BlurConfig) -> str | None:
        if config.jitter or config.lighting:
            return "jitter and lighting draw the colours of each batch on the host"
        return "random-mix draws the sigmas of each batch on the host" if config.mode == "random-mix" else None

    def validation_views(self, config: BlurConfig, epoch: int, last: bool) -> Mapping[str, View]:
        views: dict[str, View] = {}
        if config.blur_val:
            views["blur_val"] = partial(gaussian_blur, sigma=sigma_at(config, epoch))
        if last:
            views |= {f"sigma_{sigma:g}": partial(gaussian_blur, sigma=sigma) for sigma in config.evaluation_sigmas}
        return views

    def check(self, config: BlurConfig, shape: Shape) -> int:
        if config.lighting and shape.channels != 3:
            raise ValueError(
                f"`lighting` is {config.lighting:g}, but these images have {shape.channels} channel, and it adds colours; "
                "leave it out"
            )
        if config.mode == "fixed-single-step":
            first_conv(self.build_model(config, shape))
        return super().check(config, shape)


FAMILY = Blur()
__getattr__ = families.offering_trainable(FAMILY.name)
