"""The online_norm family: ResNets with online normalisation, or with one of the layers it is compared with.

Source: Chiley et al., "Online Normalization for Training Neural Networks", NeurIPS 2019, and the ResNet experiments
published with it: SGD with momentum, step schedule, learning rate and momentum rescaled to the batch size.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from trainables import families, optim
from trainables.config.online_norm import OnlineNormConfig, effective_lr_momentum, published_defaults
from trainables.family import Family, Shape
from trainables.layers.online_norm import streams
from trainables.models.normalised.norms import LAYERS
from trainables.models.resnet_cifar import resnet_cifar

if TYPE_CHECKING:
    from trainables.on_ray.trainable import ReplicatedTrainable as OnlineNormTrainable

__all__ = [
    "FAMILY",
    "OnlineNorm",
    "OnlineNormConfig",
    "OnlineNormTrainable",
    "effective_lr_momentum",
    "learning_rate_at",
    "published_defaults",
]


def learning_rate_at(config: OnlineNormConfig, epoch: int) -> tuple[float, float]:
    """Learning rate and momentum of a 0-based epoch, after the batch-size rule.

    The learning rate is multiplied by `lr_multiplier` at the start of each milestone epoch; without milestones it
    follows `lr_schedule`. The momentum is the same at every epoch.
    """
    lr, momentum = effective_lr_momentum(config)
    passed = sum(milestone <= epoch for milestone in config.lr_milestones)
    scheduled = optim.learning_rate_at(config, epoch) / config.lr  # 1 unless there are no milestones
    return lr * scheduled * config.lr_multiplier**passed, momentum


class OnlineNorm(Family[OnlineNormConfig]):
    """The CIFAR ResNets and torchvision's ImageNet ResNets in six normalisations."""

    name = "online_norm"
    network_knobs = ("arch", "depth", "width", "norm_mode", "gn_num_groups", "batch_size")

    def build_model(self, config: OnlineNormConfig, shape: Shape) -> nn.Module:
        options = {
            "afwd": config.afwd,
            "abkw": config.abkw,
            "ecm": config.ecm,
            "ls_eps": config.ls_eps,
            "clamp_val": config.clamp_val,
            "gn_num_groups": config.gn_num_groups,
        }
        if config.arch == "resnet_cifar":
            return resnet_cifar(
                config.depth,
                shape.classes,
                config.width,
                config.norm_mode,
                in_channels=shape.channels,
                image_size=shape.size,
                **options,
            )
        from trainables.models.normalised.resnet_imagenet import resnet_imagenet  # torchvision takes a second to import

        return resnet_imagenet(config.arch, shape.classes, config.norm_mode, in_channels=shape.channels, **options)

    def build_optimizer(self, config: OnlineNormConfig, model: nn.Module) -> torch.optim.Optimizer:
        """SGD with momentum, no Nesterov; the parameters that `weight_decay_exempt` names form a group without decay."""
        lr, momentum = effective_lr_momentum(config)
        exempt = list(_exempt(model, config.weight_decay_exempt))
        identities = {id(parameter) for parameter in exempt}
        groups: list[dict[str, Any]] = [{"params": [p for p in model.parameters() if id(p) not in identities]}]
        if exempt:
            groups.append({"params": exempt, "weight_decay": 0.0})
        return optim.sgd_of(groups, lr=lr, momentum=momentum, weight_decay=config.weight_decay)

    def learning_rate_at(self, config: OnlineNormConfig, epoch: int) -> float:
        return learning_rate_at(config, epoch)[0]

    def hyperparameters_at(self, config: OnlineNormConfig, epoch: int) -> dict[str, float]:
        lr, momentum = learning_rate_at(config, epoch)
        return {"lr": lr, "momentum": momentum}

    def scalars_at(self, config: OnlineNormConfig, epoch: int) -> dict[str, float]:
        """The given learning rate and momentum beside the effective ones, and the decays that horizons stand for."""
        lr, momentum = effective_lr_momentum(config)
        scalars = {
            "lr_given": config.lr,
            "lr_effective": lr,
            "momentum_given": config.momentum,
            "momentum_effective": momentum,
        }
        return scalars | ({"afwd": config.afwd, "abkw": config.abkw} if config.norm_mode == "online" else {})

    def own_buffers(self, model: nn.Module) -> dict[str, Tensor]:
        """The streams of Online Normalization."""
        return streams(model)

    def check(self, config: OnlineNormConfig, shape: Shape) -> int:
        if config.norm_mode == "instance":
            self._check_maps(config, shape, "`norm_mode` is 'instance'", "raise image_size")
        elif config.norm_mode in ("batch", "online") and config.batch_size == 1:
            self._check_maps(config, shape, "`batch_size` is 1", "raise batch_size or image_size")
        return super().check(config, shape)

    def _check_maps(self, config: OnlineNormConfig, shape: Shape, what: str, remedy: str) -> None:
        """Refuse a network with maps of one pixel, where one value would be all that a norm sees."""
        single: list[str] = []
        with torch.device("meta"):
            # In evaluation batch normalisation bears any map, and its layers have the names and maps of the others.
            model = self.build_model(config.model_copy(update={"norm_mode": "batch"}), shape).eval()
            for name, module in model.named_modules():
                if isinstance(module, LAYERS):
                    module.register_forward_pre_hook(
                        lambda _, inputs, name=name: single.append(name) if inputs[0][0, 0].numel() == 1 else None
                    )
            model(torch.empty(1, shape.channels, shape.size, shape.size))
        if single:
            raise ValueError(
                f"{what}, but {', '.join(single)} get maps of one pixel, and one value has no spread to normalise by; "
                f"{remedy}"
            )


def _exempt(model: nn.Module, which: str) -> Iterator[nn.Parameter]:
    """The parameters without weight decay, see `OnlineNormConfig.weight_decay_exempt`."""
    for module in model.modules():
        if isinstance(module, LAYERS) and which != "nothing":
            yield from (p for name, p in module.named_parameters() if which == "norm" or name == "bias")


FAMILY = OnlineNorm()
__getattr__ = families.offering_trainable(FAMILY.name)
