"""The deconv family: networks that decorrelate the input of every layer, beside their batch-normalised forms.

Source: Ye et al., "Network Deconvolution", ICLR 2020, and the code published with it in 2019 and 2020.
"""

from __future__ import annotations

import logging
import math
import warnings
from functools import lru_cache
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.nn import functional as F

from trainables import families, optim
from trainables.config.deconv import DeconvConfig, milestones, published_defaults
from trainables.config.deconv_presets import preset, presets
from trainables.config.deconv_rules import EXTENSIONS
from trainables.family import Family, Shape, state_bytes
from trainables.layers.deconv.patches import Samples
from trainables.layers.deconv.whitening import Whitening, name_layers
from trainables.models import cifar, imagenet_deconv
from trainables.plans.deconv_networks import IMAGENET_ARCHS, NETWORKS

if TYPE_CHECKING:
    from trainables.on_ray.trainable import ReplicatedTrainable as DeconvTrainable

__all__ = [
    "FAMILY",
    "Deconv",
    "DeconvConfig",
    "DeconvTrainable",
    "learning_rate_at",
    "learning_rate_at_step",
    "milestones",
    "preset",
    "presets",
    "published_defaults",
]

logger = logging.getLogger("trainables")

# Knobs that the builder takes for any network.
OF_LAYERS = (
    *("revision", "mode", "block", "num_groups", "block_fc", "delinear", "n_iter", "eps", "sampling_stride", "bias"),
    *("stem_n_iter", "stem_freeze", "freeze_iter"),
    *EXTENSIONS,
)


def learning_rate_at(config: DeconvConfig, epoch: int) -> float:
    """Learning rate at the start of a 0-based epoch.

    Within an epoch only the cosine moves on: `learning_rate_at_step` has it batch by batch.
    """
    if config.lr_schedule == "multistep":
        passed = sum(milestone <= epoch for milestone in milestones(config))
        return config.lr * config.multistep_gamma**passed
    return optim.learning_rate_at(config, epoch)


def learning_rate_at_step(config: DeconvConfig, step: int, steps: int) -> float:
    """Learning rate of a 0-based batch of a run, as published for each revision.

    The cosine from lr to 0 over the whole run. Revision 2019 advances it before the optimizer, so the first batch is
    trained with a rate that is already lower and the last with exactly 0; revision 2020 advances it after.

    Args:
        step: batches trained before this one.
        steps: batches of the run.
    """
    if config.lr_schedule != "cosine":
        return learning_rate_at(config, step * config.epochs // steps)
    advanced = step + 1 if config.revision == 2019 else step
    return config.lr * (1 + math.cos(math.pi * advanced / steps)) / 2


class Deconv(Family[DeconvConfig]):
    """Networks with batch normalisation or network deconvolution of either revision, for small images and ImageNet's."""

    name = "deconv"
    network_knobs = (
        *("arch", "norm", "batch_size", *OF_LAYERS),
        *dict.fromkeys(knob for arch in NETWORKS.values() for knob in arch.options),
    )

    def build_model(self, config: DeconvConfig, shape: Shape) -> nn.Module:
        _walk_through(config, shape)
        return _network(config, shape)

    def build_optimizer(self, config: DeconvConfig, model: nn.Module) -> torch.optim.Optimizer:
        """SGD with momentum, or Adam; weight decay is on every parameter, biases too."""
        if config.optimizer == "adam":
            return optim.adam_of(model.parameters(), lr=config.lr, weight_decay=config.weight_decay)
        return optim.sgd(config, model)

    def learning_rate_at(self, config: DeconvConfig, epoch: int) -> float:
        return learning_rate_at(config, epoch)

    def hyperparameters_at_step(self, config: DeconvConfig, epoch: int, step: int, steps: int) -> dict[str, float]:
        """The learning rate of every batch of the cosine; the other schedules keep that of the epoch."""
        if config.lr_schedule != "cosine":
            return {}
        return {"lr": learning_rate_at_step(config, epoch * steps + step, config.epochs * steps)}

    def uncapturable(self, config: DeconvConfig) -> str | None:
        if config.refresh > 1 and config.norm == "deconv":
            return "refresh puts new statistics in the place of the old ones, where a captured step reads the old ones"
        return None

    def loss(self, config: DeconvConfig, outputs: Tensor, labels: Tensor) -> Tensor:
        """Cross-entropy, or the squared distance to the one-hot label: its mean in 2019, half its sum a sample in 2020."""
        if config.loss == "ce":
            return super().loss(config, outputs, labels)
        distance = F.mse_loss(outputs, F.one_hot(labels, outputs.shape[1]).to(outputs.dtype))
        return distance if config.revision == 2019 else distance * outputs.shape[1] / 2

    def check(self, config: DeconvConfig, shape: Shape) -> int:
        # Not on the meta device: there autocast, which the layers turn off for their statistics, does not exist.
        return _walk_through(config, shape)


def _network(config: DeconvConfig, shape: Shape) -> nn.Module:
    options = {knob: getattr(config, knob) for knob in OF_LAYERS if getattr(config, knob) is not None}
    options |= {knob: getattr(config, knob) for knob in NETWORKS[config.arch].options}
    build = imagenet_deconv.build if config.arch in IMAGENET_ARCHS else cifar.build
    model = build(config.arch, shape.classes, config.norm, in_channels=shape.channels, image_size=shape.size, **options)
    name_layers(model)
    return model


@lru_cache(maxsize=256)  # once a process: the replicates of a trial need not repeat it
def _walk_through(config: DeconvConfig, shape: Shape) -> int:
    """Pass the shapes of a full training batch through the network, and log which layers have too few rows; the bytes of its
    state.

    Neither memory nor numbers, random ones included, are used. A layer that decorrelates from fewer samples than
    twice its features warns by its name.
    """
    with FakeTensorMode(allow_non_fake_inputs=True), torch.no_grad(), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        network = _network(config, shape).train()
        for module in network.modules():
            if isinstance(module, Whitening):
                module.statistics = _no_statistics  # type: ignore[method-assign]  # theirs look at numbers
        network(torch.empty(config.batch_size, shape.channels, shape.size, shape.size))
    for warning in caught:
        logger.warning("%s", warning.message)
    return state_bytes(network)


def _no_statistics(
    x: Tensor, samples: Samples, groups: int, features: int, centered: bool = True
) -> tuple[Tensor, Tensor]:
    """Mean and inverse root of an input that is white already; see `Whitening.statistics`."""
    return x.new_zeros(groups, features), torch.eye(features).expand(groups, -1, -1)


FAMILY = Deconv()
__getattr__ = families.offering_trainable(FAMILY.name)
