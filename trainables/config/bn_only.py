"""Configuration of the bn_only family: the network by name or by depth and width, what of it is trained, from where.

Source: Frankle, Schwab, Morcos, "Training BatchNorm and Only BatchNorm", ICLR 2021 (arXiv 2003.00152). The defaults are
the paper's values for CIFAR-10; milestones are shares of the budget, so that another budget is the same schedule.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, field_validator

from trainables.config import dataset_kinds as kinds
from trainables.config import normalisation
from trainables.config.resnet_rules import check_milestones, means_small_network, whole_blocks, without_milestones
from trainables.config.training import TrainingConfig, without
from trainables.plans.bn_counts import TrainableSet
from trainables.plans.bn_names import FILTERS, parse_name

Arch = Literal["resnet_cifar", "resnet18", "resnet34", "resnet50", "resnet101", "resnet200"]
SET_OF_KIND: Mapping[str, str] = {"freeze": "bn", "resnet": "all"}

CIFAR10: Mapping[str, Any] = {"augmentation": "crop-flip"}
# Mirrored and shifted digits are other digits, or none.
DIGITS: Mapping[str, Any] = {"augmentation": "none"}
# Published were crops of 10 % to all of the image in shapes of 4:5 to 5:4; ours take 8 % and 3:4 to 4:3, as torchvision's.
IMAGENET: Mapping[str, Any] = {
    "augmentation": "resized-crop",
    "image_size": 224,
    "epochs": 90,
    "batch_size": 1024,
    "lr": 0.4,
    "lr_milestones": (1 / 3, 2 / 3, 8 / 9),
    "warmup_epochs": 5,
}
# Images of another dataset have the network's size, so of a crop of random size and shape mirroring remains.
DECODED: Mapping[str, Any] = {**IMAGENET, "augmentation": "flip"}
SMALL: Literal["resnet_cifar"] = "resnet_cifar"


def published_defaults(dataset: str, arch: str | None = None) -> Mapping[str, Any]:
    """The published values that hang on the dataset: ImageNet's with one of its ResNets, otherwise CIFAR-10's.

    On imagenet:PATH the network is one of ImageNet's, ResNet-18, where none is given.
    """
    streamed = kinds.of(dataset).streamed
    if streamed and arch is None:
        return {"arch": "resnet18", **IMAGENET}
    if arch not in (None, SMALL):
        return IMAGENET if streamed else DECODED
    return CIFAR10 if kinds.of(dataset).mirrored else DIGITS


class BNOnlyConfig(TrainingConfig):
    """One configuration of a ResNet of which a part is trained. The defaults shown here are those of digits."""

    shown_scalars: ClassVar[tuple[str, ...]] = ("n_trainable",)
    normalised_with: ClassVar[Mapping[str, str]] = normalisation.PUBLISHED["bn_only"]

    name: str | None = Field(
        None,
        description="cifar_freeze_D[_W] or cifar_resnet_D[_W] in place of depth, width and trainable_set; W multiplies 16 "
        "filters, while names of open_lth end in the filters themselves",
    )
    arch: Arch = Field(
        SMALL, description="resnet_cifar, with depth and width, or a ResNet for ImageNet (imagenet:PATH: resnet18)"
    )
    depth: int = Field(14, ge=8, le=1202, description="layers of resnet_cifar: 6n+2 (published: 14 to 866)")
    width: int = Field(
        1, ge=1, le=64, description=f"multiplier of the {FILTERS} filters of resnet_cifar (published: 1-32)"
    )
    trainable_set: TrainableSet = Field(
        "bn",
        description="what is trained: BatchNorm's gamma and beta (bn), the classifier (output), the 1x1 convolutions of "
        "the shortcuts (shortcut), all, none, or k random weights of each filter (random_k)",
    )
    k: int = Field(2, ge=1, le=16, description="random_k: weights of each filter (2: as many as gammas and betas)")
    gamma_init: Literal["uniform", "ones", "signed"] = Field(
        "uniform", description="gamma starts from U[0,1) (uniform), 1 (ones) or U[-1,1) (signed)"
    )
    gamma_scale: float = Field(1.0, gt=0, le=100, description="factor of every initial gamma")
    beta_init: float = Field(0.0, ge=-10, le=10, description="initial beta (studied: 0 and 1)")
    weight_init: Literal["kaiming_normal", "kaiming_uniform", "orthogonal", "binary"] = Field(
        "kaiming_normal", description="weights of convolutions and classifier, frozen or not; fan-in, gain sqrt(2)"
    )
    zero_output_bias: bool = Field(False, description="classifier's bias starts at 0; false keeps PyTorch's random one")
    epochs: int = Field(160, ge=1, le=100_000, description="full budget of a trial in epochs (ImageNet 90)")
    batch_size: int = Field(128, ge=1, le=65_536, description="images in a training batch (ImageNet 1024)")
    lr: float = Field(0.1, gt=0, le=10, description="initial learning rate (ImageNet 0.4)")
    weight_decay: float = Field(1e-4, ge=0, le=1, description="L2 penalty on what is trained (see bn_weight_decay)")
    bn_weight_decay: float | None = Field(
        None, ge=0, le=1, description="L2 penalty on gamma and beta; none: weight_decay, as published"
    )
    lr_milestones: tuple[Annotated[float, Field(ge=0, le=1)], ...] = Field(
        (0.5, 0.75),
        description="shares of the budget from which lr is multiplied by lr_multiplier once more; () leaves it to "
        "lr_schedule",
    )
    lr_multiplier: float = Field(0.1, gt=0, le=1, description="factor of lr at each milestone")
    warmup_epochs: int = Field(
        0,
        ge=0,
        le=100_000,
        description="epochs in which lr rises from 0, batch by batch (ImageNet 5)",
    )
    recompute_blocks: int = Field(
        0,
        ge=0,
        le=1000,
        description="resnet_cifar: keep the input of every g-th block and compute the rest again, for less memory; 0 "
        "keeps everything",
    )
    init_evaluation: Literal["none", "as-built", "estimated"] = Field(
        "none",
        description="at the end also report the untrained network: with running statistics 0 and 1 (as-built: chance), or "
        "estimated from the training images",
    )

    @classmethod
    def filled(cls, given: dict[str, Any]) -> dict[str, Any]:
        """The dataset's defaults for the knobs that are not given, and what a name stands for."""
        [dataset] = cls.meant(given, "dataset")
        arch = SMALL if means_small_network(given) else given.get("arch")
        filled = dict(published_defaults(str(dataset), arch)) | given
        filled |= without_milestones(given)
        return filled if given.get("name") is None else _named(filled, given)

    _has_whole_blocks = field_validator("depth")(whole_blocks)

    def check(self) -> None:
        super().check()
        check_milestones(self.lr_milestones, self.lr_schedule)
        if self.arch != SMALL and (self.name is not None or self.recompute_blocks):
            knob = "recompute_blocks" if self.name is None else "name"
            raise ValueError(f"`{knob}` is given beside arch {self.arch}, but is for resnet_cifar alone; leave it out")

    @property
    def inert(self) -> frozenset[str]:
        something = self.trainable_set != "none"
        norms_only = self.trainable_set == "bn" and self.bn_weight_decay is not None
        acts = {
            **dict.fromkeys(("depth", "width", "recompute_blocks"), self.arch == SMALL),
            **dict.fromkeys(("lr", "momentum", "lr_schedule", "lr_milestones", "warmup_epochs"), something),
            "weight_decay": something and not norms_only,
            "bn_weight_decay": self.trainable_set in ("bn", "bn_output", "bn_shortcut_output", "all"),
            "k": self.trainable_set == "random_k",
            "lr_multiplier": something and bool(self.lr_milestones),
        }
        return super().inert | without(acts)

    @property
    def milestones(self) -> tuple[int, ...]:
        """The 0-based epochs at which the learning rate drops: the first that begin at or after their share."""
        return tuple(math.ceil(share * self.epochs - 1e-9) for share in self.lr_milestones)


def _named(filled: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    """The knobs that a name stands for; `ValueError` where one of them is given as well and says otherwise."""
    parsed = parse_name(given["name"])
    meant = {"depth": parsed.depth, "width": parsed.width, "trainable_set": SET_OF_KIND[parsed.kind]}
    for knob, value in meant.items():
        if given.get(knob, value) != value:
            raise ValueError(
                f"`name` is {given['name']!r}, which means {knob} {value}, but `{knob}` is {given[knob]!r}; leave one out"
            )
    return filled | meant | {"name": parsed.canonical}
