"""The imagenet family: the classic ImageNet models with the training configuration published for each.

Source: the published training runs of LeNet-5 to MobileNet v1 in PyTorch. Three things differ from them: images are scaled
to 0..1 before they are normalised (`input_scale=raw255` does without), every sample weighs the same in a metric, and
validation never sees random crops.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from trainables import families, optim
from trainables.config.imagenet import OF_MODELS, ImageNetConfig, initial_lr, poly_factor, published_defaults
from trainables.config.normalisation import constants
from trainables.family import Family, Shape
from trainables.images.augmentation import recoloured
from trainables.models.imagenet import build, options_of

if TYPE_CHECKING:
    from trainables.on_ray.trainable import ReplicatedTrainable as ImageNetTrainable

__all__ = [
    "FAMILY",
    "ImageNet",
    "ImageNetConfig",
    "ImageNetTrainable",
    "learning_rate_at",
    "published_defaults",
]


def learning_rate_at(config: ImageNetConfig, epoch: int, metrics: Sequence[float] = ()) -> float:
    """Learning rate during a 0-based epoch.

    Args:
        config: its `lr_schedule` decides.
        epoch: 0-based.
        metrics: the plateau schedule's metric after each epoch before this one; no other schedule looks at it, and
            where it is shorter than `epoch` the last drops are unknown and left out.
    """
    base = initial_lr(config)
    match config.lr_schedule:
        case "plateau":
            optimizer = torch.optim.SGD([torch.zeros(1)], lr=base)
            for value in metrics[:epoch]:
                optim.plateau_step(optimizer, config.plateau_metric, value, config.lr_factor, config.plateau_patience)
            return float(optimizer.param_groups[0]["lr"])
        case "multistep":
            return base * config.lr_factor ** sum(milestone <= epoch for milestone in config.lr_milestones)
        case "poly":
            return base * poly_factor(config, epoch)
        case _:
            return optim.learning_rate_at(config, epoch) * config.lr_multiple


class ImageNet(Family[ImageNetConfig]):
    """The classic models under their published optimizers and schedules."""

    name = "imagenet"
    network_knobs = ("model", "lrn", "aux_weight", "width", "stride_in")
    top5 = True

    def build_model(self, config: ImageNetConfig, shape: Shape) -> nn.Module:
        given = {
            **{"in_channels": shape.channels, "image_size": shape.size, "lrn_k": config.lrn_k},
            **{"init_bias": config.init_bias, "aux": bool(config.aux_weight)},
            **{knob: getattr(config, knob) for knob in OF_MODELS if knob != "aux_weight"},
        }
        options = {name: given[name] for name in options_of(config.model) if given.get(name) is not None}
        model = build(config.model, shape.classes, **options)
        if config.input_scale == "raw255":
            mean, std = (torch.tensor(values).view(-1, 1, 1) for values in constants(config.constants, shape.channels))
            # A hook and not a layer, so that the names of the parameters stay those of the network; and a buffer, which
            # goes where the network goes.
            model.register_buffer("raw_offset", 254 * mean / std, persistent=False)
            model.register_forward_pre_hook(_as_raw)
        return model

    def pretrained(self, config: ImageNetConfig) -> str:
        if config.stride_in == "1x1":
            raise ValueError(
                f"torchvision's weights of {config.model} have the stride in the 3x3 convolution; set stride_in=3x3"
            )
        return config.model

    def build_optimizer(self, config: ImageNetConfig, model: nn.Module) -> torch.optim.Optimizer:
        lr, decay, parameters = initial_lr(config), config.weight_decay, model.parameters()
        match config.optimizer:
            case "adam":
                return optim.adam_of(parameters, lr=lr, weight_decay=decay)
            case "rmsprop":
                alpha, eps = config.rmsprop_alpha, config.rmsprop_eps
                return optim.rmsprop_of(parameters, lr=lr, alpha=alpha, eps=eps, weight_decay=decay)
            case _:
                return optim.sgd_of(parameters, lr=lr, momentum=config.momentum, weight_decay=decay)

    def learning_rate_at(self, config: ImageNetConfig, epoch: int) -> float:
        return learning_rate_at(config, epoch)

    def hyperparameters_at(self, config: ImageNetConfig, epoch: int) -> dict[str, float]:
        return {} if config.lr_schedule == "plateau" else super().hyperparameters_at(config, epoch)

    def end_epoch(
        self, config: ImageNetConfig, optimizer: torch.optim.Optimizer, metrics: Mapping[str, float], epoch: int
    ) -> None:
        if config.lr_schedule == "plateau":
            value = metrics[f"val_{config.plateau_metric}"]
            optim.plateau_step(optimizer, config.plateau_metric, value, config.lr_factor, config.plateau_patience)

    def train_inputs(
        self, config: ImageNetConfig, images: Tensor, epoch: int, generator: torch.Generator, positions: range
    ) -> Tensor:
        if config.jitter == 0:
            return images
        known = constants(config.constants, images.shape[1])
        return recoloured(images, known, generator, positions, jitter=config.jitter)

    def built_in(self, config: ImageNetConfig, epoch: int) -> Hashable:
        return ()

    def uncapturable(self, config: ImageNetConfig) -> str | None:
        return "jitter draws the factors of each batch on the host" if config.jitter else None

    def loss(self, config: ImageNetConfig, outputs: Tensor | tuple[Tensor, ...], labels: Tensor) -> Tensor:
        """Cross-entropy; with auxiliary heads, that of each head times `aux_weight` is added."""
        if isinstance(outputs, Tensor):
            return F.cross_entropy(outputs, labels)
        logits, *auxiliary = outputs
        weight = config.aux_weight or 0.0
        return F.cross_entropy(logits, labels) + weight * sum(F.cross_entropy(head, labels) for head in auxiliary)


def _as_raw(model: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor]:
    """What the published runs that did not scale their images showed the network: 0..255 normalised as if 0..1."""
    (images,) = inputs
    return (255 * images + model.get_buffer("raw_offset").to(images.dtype),)


FAMILY = ImageNet()
__getattr__ = families.offering_trainable(FAMILY.name)
