"""The bn_only family: ResNets of which only BatchNorm, or another part, is trained; the rest stays random.

Source: Frankle, Schwab, Morcos, "Training BatchNorm and Only BatchNorm: On the Expressive Power of Random Features in
CNNs", ICLR 2021 (arXiv 2003.00152): SGD with momentum, lr 0.1 with a tenth of it from half and from three quarters of
the budget, weight decay on all that is trained, gamma and beta included.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from torch.optim.swa_utils import update_bn

from trainables import engine, families, optim, seeding
from trainables.config import dataset_kinds as kinds
from trainables.config.bn_only import BNOnlyConfig
from trainables.family import Family, FullyTrained, Shape
from trainables.images.batches import STREAMED_EVALUATION
from trainables.images.loaded import EVALUATION_BATCH_SIZE
from trainables.models.bn import memory as bn_memory
from trainables.models.bn.init import initialise
from trainables.models.bn.report import PRUNING_THRESHOLDS, THRESHOLD, disabled_fraction, pruned, summary
from trainables.models.bn.resnet import BNResNet
from trainables.models.bn.trainable_sets import frozen_state, select_trainable, trained_parameters
from trainables.plans import bn_counts
from trainables.plans.bn_names import ModelName, parse_name
from trainables.process.footprint import Footprint

if TYPE_CHECKING:
    from trainables.on_ray.trainable import ReplicatedTrainable as BNOnlyTrainable

__all__ = [
    "FAMILY",
    "BNOnly",
    "BNOnlyConfig",
    "BNOnlyTrainable",
    "ModelName",
    "build",
    "count_parameters",
    "disabled_fraction",
    "learning_rate_at",
    "parse_name",
    "select_trainable",
]

CIFAR = Shape(channels=3, size=32, classes=10)
IMAGENET = Shape(channels=3, size=224, classes=1000)
FREEZING_CONVS = ("none", "output", "bn", "bn_output")  # sets in which no convolution at all is trained


def build(network: str | BNOnlyConfig, shape: Shape | None = None) -> nn.Module:
    """A freshly initialised network with its trainable set, drawn from torch's global generator.

    Modules are made first, each with PyTorch's own initial values, then all values are drawn anew in the same order: so
    `torch.manual_seed(0)` before gives the same network as any other code that keeps this order.

    Args:
        network: a name such as cifar_freeze_14_8 (see `parse_name`), or a configuration.
        shape: of the images, and the classes; default CIFAR-10's, with an ImageNet arch ImageNet's.

    Raises:
        ValueError: no such name.
    """
    config = _configured(network)
    shape = shape or _usual_shape(config)
    if config.arch == "resnet_cifar":
        model: nn.Module = BNResNet(config.depth, config.width, shape.classes, shape.channels, config.recompute_blocks)
    else:
        from trainables.models.bn.imagenet import bn_imagenet, keep_masks  # torchvision takes a second to import

        model = bn_imagenet(config.arch, shape.classes, shape.channels)
        if config.trainable_set in FREEZING_CONVS:
            keep_masks(model)
    initialise(
        model,
        config.gamma_init,
        config.gamma_scale,
        config.beta_init,
        config.weight_init,
        zero_output_bias=config.zero_output_bias,
    )
    mask_seed = int(torch.randint(2**31, (), device="cpu"))
    return select_trainable(model, config.trainable_set, config.k, mask_seed)


def count_parameters(network: str | BNOnlyConfig, shape: Shape | None = None) -> dict[str, int]:
    """Parameters by class, and what one image costs, without building the network.

    Keys: total; bn; trainable (by the set that the name or the configuration gives); shortcut_conv (the 1x1
    convolutions without their BatchNorm, which `bn` counts); output; macs, multiply-accumulates of convolutions and
    classifier forward; activation_bytes, float32 maps kept for the backward pass where everything is trained.

    Raises:
        ValueError: no such name, or one of the ImageNet networks, for which there are no closed forms.
    """
    config = _configured(network)
    return bn_counts.counts(_plan(config, shape or _usual_shape(config)), config.trainable_set, config.k)


def learning_rate_at(config: BNOnlyConfig, epoch: int) -> float:
    """Learning rate at the start of a 0-based epoch: `lr_multiplier` once more from each milestone, or `lr_schedule` without
    any; in the first `warmup_epochs` it rises from 0, within an epoch batch by batch."""
    return _scheduled(config, epoch) * _warmth(config, epoch)


def _scheduled(config: BNOnlyConfig, epoch: int) -> float:
    passed = sum(milestone <= epoch for milestone in config.milestones)
    return optim.learning_rate_at(config, epoch) * config.lr_multiplier**passed


def _warmth(config: BNOnlyConfig, epochs: float) -> float:
    """The share of the learning rate after so many epochs."""
    return min(1.0, epochs / config.warmup_epochs) if config.warmup_epochs else 1.0


class BNOnly(Family[BNOnlyConfig]):
    """ResNets of which a part is trained."""

    name = "bn_only"
    network_knobs = ("arch", "depth", "width", "trainable_set", "batch_size", "recompute_blocks")

    def build_model(self, config: BNOnlyConfig, shape: Shape) -> nn.Module:
        return build(config, shape)

    def build_optimizer(self, config: BNOnlyConfig, model: nn.Module) -> torch.optim.Optimizer:
        """SGD with momentum on what is trained, no Nesterov; gamma and beta form a group with a decay of their own."""
        norms = {id(p) for m in model.modules() if isinstance(m, nn.BatchNorm2d) for p in m.parameters()}
        trained = trained_parameters(model)
        decay = config.weight_decay if config.bn_weight_decay is None else config.bn_weight_decay
        groups: list[dict[str, Any]] = [
            {"params": [p for p in trained if id(p) in norms], "weight_decay": decay},
            {"params": [p for p in trained if id(p) not in norms]},
        ]
        return optim.sgd_of(groups, lr=config.lr, momentum=config.momentum, weight_decay=config.weight_decay)

    def learning_rate_at(self, config: BNOnlyConfig, epoch: int) -> float:
        return learning_rate_at(config, epoch)

    def hyperparameters_at_step(self, config: BNOnlyConfig, epoch: int, step: int, steps: int) -> dict[str, float]:
        """The learning rate of every batch of the warm-up."""
        if epoch >= config.warmup_epochs:
            return {}
        return {"lr": _scheduled(config, epoch) * _warmth(config, epoch + step / steps)}

    def model_scalars(self, config: BNOnlyConfig, model: nn.Module) -> dict[str, float]:
        """How much is trained of how much. With `random_k` the whole is that of the network before k were chosen."""
        trained = sum(parameter.numel() for parameter in trained_parameters(model))
        total = sum(parameter.numel() for parameter in model.parameters())
        if config.trainable_set == "random_k":  # the constant bases are buffers
            total += sum(buffer.numel() for name, buffer in model.named_buffers() if name.endswith(".base")) - trained
        return {"n_trainable": trained, "n_total": total}

    def epoch_metrics(self, config: BNOnlyConfig, model: nn.Module) -> dict[str, float]:
        return {f"gamma_fraction_below_{THRESHOLD:g}": disabled_fraction(model)}

    def final_metrics(self, config: BNOnlyConfig, replicate: FullyTrained) -> dict[str, float]:
        """gamma and beta in summary, the accuracy with small gammas set to zero, and that of the untrained network."""
        model, data = replicate.model, replicate.data
        found = summary(model)
        for threshold in PRUNING_THRESHOLDS:
            with pruned(model, threshold):
                accuracy = engine.evaluate(model, data.validation_batches(), precision=config.precision)["accuracy"]
            found[f"val_accuracy_pruned_{threshold:g}"] = accuracy
        if config.init_evaluation != "none":
            untrained = replicate.untrained_model()
            if config.init_evaluation == "estimated":
                generator = seeding.generator(replicate.seed, replicate.index, "statistics")
                batches = data.train_batches(config.batch_size, generator, team=replicate.team)
                estimate_statistics(untrained, batches)
            accuracy = engine.evaluate(untrained, data.validation_batches(), precision=config.precision)["accuracy"]
            found["val_accuracy_untrained"] = accuracy
        return found

    def derived_state(self, config: BNOnlyConfig, model: nn.Module) -> list[str]:
        return frozen_state(model)

    def footprint(self, config: BNOnlyConfig, shape: Shape, train_images: int, replicates: int) -> Footprint | None:
        if config.arch != "resnet_cifar":
            return None
        evaluated = STREAMED_EVALUATION if kinds.of(config.dataset).streamed else EVALUATION_BATCH_SIZE
        return bn_memory.footprint(config, _plan(config, shape), train_images, evaluated, replicates)

    def check(self, config: BNOnlyConfig, shape: Shape) -> int:
        if config.arch == "resnet_cifar":  # takes images of any size, and may be too big to build for a check
            counts = count_parameters(config, shape)
            return 4 * (2 * counts["trainable"] + counts["bn"])  # with momentum; running statistics
        return super().check(config, shape)


@torch.no_grad()
def estimate_statistics(model: nn.Module, batches: Iterable[Any]) -> None:
    """Set the running statistics of every BatchNorm to the mean over the batches (images, labels), and nothing else."""
    update_bn(batches, model)


def _configured(network: str | BNOnlyConfig) -> BNOnlyConfig:
    if isinstance(network, BNOnlyConfig):
        return network
    parse_name(network)  # its own error, not pydantic's
    return BNOnlyConfig.model_validate({"name": network})


def _usual_shape(config: BNOnlyConfig) -> Shape:
    return CIFAR if config.arch == "resnet_cifar" else IMAGENET


def _plan(config: BNOnlyConfig, shape: Shape) -> bn_counts.Plan:
    if config.arch != "resnet_cifar":
        raise ValueError(
            f"`arch` is {config.arch}, but closed forms are known for resnet_cifar alone; build the network"
        )
    return bn_counts.plan(config.depth, config.width, channels=shape.channels, size=shape.size, classes=shape.classes)


FAMILY = BNOnly()
__getattr__ = families.offering_trainable(FAMILY.name)
