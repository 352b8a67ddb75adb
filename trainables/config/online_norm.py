"""Configuration of the online_norm family: the published options, their defaults by dataset, and the batch-size rule.

The options are those of the ResNet experiments of Chiley et al., "Online Normalization for Training Neural Networks",
NeurIPS 2019, under their published names. A knob that a configuration leaves out has the value that the published script
for its dataset gives it (`published_defaults`); a configuration always holds every value it trains with.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, field_validator

from trainables.config import dataset_kinds as kinds
from trainables.config import normalisation
from trainables.config.resnet_rules import check_milestones, means_small_network, whole_blocks, without_milestones
from trainables.config.training import TrainingConfig, without
from trainables.plans.resnets import check_groups, cifar_norms, imagenet_norms

NormMode = Literal["batch", "group", "layer", "instance", "online", "none"]
Ecm = Literal["ls", "ac", "none"]
Arch = Literal[
    "resnet_cifar",
    "resnet18",
    "resnet34",
    "resnet50",
    "resnet101",
    "resnet152",
    "resnext50_32x4d",
    "resnext101_32x8d",
]

# The published scripts, one a dataset. Their loaders also drop the last short batch of an epoch; ours trains on it.
CIFAR10: Mapping[str, Any] = {
    "arch": "resnet_cifar",
    "depth": 20,
    "epochs": 250,
    "batch_size": 128,
    "reference_batch_size": 128,
    "lr": 0.1,
    "lr_milestones": (100, 150, 200),
    "lr_multiplier": 0.1,
    "momentum": 0.9,
    "weight_decay": 2e-4,
    "weight_decay_exempt": "nothing",
    "augmentation": "crop-flip",
    "norm_mode": "batch",
    "afwd": 1023 / 1024,
    "abkw": 127 / 128,
    "ecm": "ls",
    "gn_num_groups": 8,
}
CIFAR100: Mapping[str, Any] = {**CIFAR10, "afwd": 511 / 512, "abkw": 15 / 16}
IMAGENET: Mapping[str, Any] = {
    **CIFAR10,
    "arch": "resnet18",
    "image_size": 224,
    "epochs": 90,
    "batch_size": 256,
    "reference_batch_size": 256,
    "lr_milestones": (30, 60, 80, 90),
    "weight_decay": 1e-4,
    "weight_decay_exempt": "norm-bias",
    "augmentation": "resized-crop",
    "afwd": 0.999,
    "abkw": 0.99,
    "gn_num_groups": 32,
}
# Decoded images of a folder have the network's size, so of a crop of random size and shape mirroring remains.
IMAGENET_FOLDER: Mapping[str, Any] = {**IMAGENET, "augmentation": "flip"}
# Nothing was published on digits. Mirrored and shifted ones are other digits, or none.
DIGITS: Mapping[str, Any] = {**CIFAR10, "augmentation": "none"}

# dataset -> the values of its script, where it has one of its own
PUBLISHED = {"cifar10": CIFAR10, "cifar100": CIFAR100}

# decay -> the horizon that can be given in its place
HORIZONS = {"afwd": "h_fwd", "abkw": "h_bwd"}


def published_defaults(dataset: str, arch: str | None = None) -> Mapping[str, Any]:
    """The values of the published script for a dataset.

    A folder of images counts as ImageNet with one of torchvision's architectures, and as CIFAR-10 with `resnet_cifar`
    (also without `arch`). Digits and MNIST, on which nothing was published, get CIFAR-10's values without augmentation.
    """
    kind = kinds.of(dataset)
    if kind.streamed:
        return IMAGENET
    if kind.any_size and arch not in (None, CIFAR10["arch"]):
        return IMAGENET_FOLDER
    return PUBLISHED.get(dataset, CIFAR10 if kind.mirrored else DIGITS)


class OnlineNormConfig(TrainingConfig):
    """One configuration of a ResNet with one of six normalisations. The defaults shown here are those of digits."""

    normalised_with: ClassVar[Mapping[str, str]] = normalisation.PUBLISHED["online_norm"]

    arch: Arch = Field(
        CIFAR10["arch"], description="resnet_cifar, with `depth` and `width`, or an ImageNet ResNet of torchvision"
    )
    depth: int = Field(CIFAR10["depth"], ge=8, le=1202, description="layers of resnet_cifar: 6n+2")
    width: int = Field(1, ge=1, le=64, description="factor of the number of maps of resnet_cifar (published: 1)")
    epochs: int = Field(
        CIFAR10["epochs"],
        ge=1,
        le=100_000,
        description="full budget of a trial in epochs (published: 250; ImageNet 90)",
    )
    batch_size: int = Field(
        CIFAR10["batch_size"], ge=1, le=65_536, description="images in a training batch; the last one may be shorter"
    )
    lr: float = Field(
        CIFAR10["lr"],
        gt=0,
        le=10,
        description="initial learning rate at the reference batch size (see batch_size_rule)",
    )
    momentum: float = Field(
        CIFAR10["momentum"], ge=0, lt=1, description="SGD momentum at the reference batch size (see batch_size_rule)"
    )
    batch_size_rule: bool = Field(
        True, description="rescale lr and momentum to batch_size as published; false trains with them as they are given"
    )
    reference_batch_size: int = Field(
        CIFAR10["reference_batch_size"],
        ge=1,
        le=65_536,
        description="batch size that lr and momentum are given for (published: 128; ImageNet 256)",
    )
    lr_milestones: tuple[Annotated[int, Field(ge=0)], ...] = Field(
        CIFAR10["lr_milestones"],
        description="0-based epochs from which lr is multiplied by lr_multiplier once more; () leaves it to lr_schedule",
    )
    lr_multiplier: float = Field(CIFAR10["lr_multiplier"], gt=0, le=1, description="factor of lr at each milestone")
    weight_decay: float = Field(CIFAR10["weight_decay"], ge=0, le=1, description="L2 penalty (see weight_decay_exempt)")
    weight_decay_exempt: Literal["nothing", "norm-bias", "norm"] = Field(
        CIFAR10["weight_decay_exempt"],
        description="without penalty: nothing (published for CIFAR); the beta of every norm (ImageNet, as it really "
        "trained); gamma and beta of every norm (ImageNet, as it was meant)",
    )
    norm_mode: NormMode = Field(CIFAR10["norm_mode"], description="normalisation after each convolution")
    afwd: float = Field(CIFAR10["afwd"], gt=0, lt=1, description="online: decay of the forward statistics")
    abkw: float = Field(CIFAR10["abkw"], gt=0, lt=1, description="online: decay of the backward control process")
    h_fwd: float | None = Field(
        None, ge=2, le=1e6, description="online: horizon in samples in place of afwd = 1 - 1/h_fwd; none uses afwd"
    )
    h_bwd: float | None = Field(
        None, ge=2, le=1e6, description="online: horizon in place of abkw = 1 - 1/h_bwd, at most h_fwd; none uses abkw"
    )
    ecm: Ecm = Field(
        CIFAR10["ecm"], description="online: error compensation: ls layer scaling, ac activation clamping, none"
    )
    ls_eps: float = Field(1e-5, gt=0, le=1, description="online, ls: added to the mean square (published: 1e-5)")
    clamp_val: float = Field(5.0, gt=0, le=1e6, description="online, ac: bound of the activations (published: 5)")
    gn_num_groups: int = Field(
        CIFAR10["gn_num_groups"], ge=1, le=4096, description="group: number of groups (published: 8; ImageNet 32)"
    )

    @classmethod
    def filled(cls, given: dict[str, Any]) -> dict[str, Any]:
        """The dataset's defaults for the knobs that are not given, and the decays that follow from horizons."""
        [dataset] = cls.meant(given, "dataset")
        filled = dict(published_defaults(str(dataset), given.get("arch")))
        if means_small_network(given):
            filled["arch"] = CIFAR10["arch"]
        filled |= given
        filled |= without_milestones(given)
        for decay, horizon in HORIZONS.items():
            if decay not in given and _is_horizon(given.get(horizon)):
                filled[decay] = 1 - 1 / given[horizon]
        return filled

    @field_validator("norm_mode", "ecm", mode="before")
    @classmethod
    def _none_is_a_mode(cls, value: Any) -> Any:
        return "none" if value is None else value

    _has_whole_blocks = field_validator("depth")(whole_blocks)

    def check(self) -> None:
        super().check()
        check_milestones(self.lr_milestones, self.lr_schedule)
        for decay, horizon in HORIZONS.items():
            _check_agreement(decay, getattr(self, decay), horizon, getattr(self, horizon))
        if self.h_fwd is not None or self.h_bwd is not None:
            self._check_horizons()
        if self.norm_mode == "group":
            check_groups(self.norms(), self.gn_num_groups)

    @property
    def published_normalisation(self) -> str:
        of_imagenet = kinds.of(self.dataset).any_size and self.arch != CIFAR10["arch"]
        return "imagenet" if of_imagenet else super().published_normalisation

    @property
    def inert(self) -> frozenset[str]:
        small, online = self.arch == CIFAR10["arch"], self.norm_mode == "online"
        acts = {
            **dict.fromkeys(("depth", "width"), small),
            **dict.fromkeys((*HORIZONS, *HORIZONS.values(), "ecm"), online),
            "ls_eps": online and self.ecm == "ls",
            "clamp_val": online and self.ecm == "ac",
            "gn_num_groups": self.norm_mode == "group",
            "reference_batch_size": self.batch_size_rule,
            "lr_multiplier": bool(self.lr_milestones),
            "weight_decay_exempt": self.weight_decay > 0 and self.norm_mode not in ("none",),
        }
        return super().inert | without(acts)

    def norms(self) -> dict[str, int]:
        """Name and channels of every normalisation layer of the network."""
        return cifar_norms(self.depth, self.width) if self.arch == "resnet_cifar" else imagenet_norms(self.arch)

    def _check_horizons(self) -> None:
        forward = self.h_fwd or 1 / (1 - self.afwd)
        backward = self.h_bwd or 1 / (1 - self.abkw)
        if backward > forward * (1 + 1e-9):  # a horizon computed from a decay is rounded
            raise ValueError(
                f"`h_bwd` is {backward:g}, but must be at most `h_fwd` ({forward:g}): the control process must not be "
                "slower than the statistics; lower h_bwd or raise h_fwd"
            )


def effective_lr_momentum(config: OnlineNormConfig) -> tuple[float, float]:
    """Learning rate and momentum that training begins with, after the batch-size rule.

    With B images in a batch and the reference B0, momentum' = momentum^(B / B0) and
    lr' = lr * (B / B0) * (1 - momentum') / (1 - momentum): an image weighs the same in the momentum buffer, and moves
    the weights as far in total, whatever the batch it came in. Weight decay stays. Without `batch_size_rule` both are
    what was given.
    """
    if not config.batch_size_rule:
        return config.lr, config.momentum
    relative = config.batch_size / config.reference_batch_size
    momentum = config.momentum**relative
    return config.lr * relative * (1 - momentum) / (1 - config.momentum), momentum


def _is_horizon(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value >= 2


def _check_agreement(decay: str, value: float, horizon: str, length: float | None) -> None:
    if length is not None and abs(value - (1 - 1 / length)) > 1e-12:
        raise ValueError(
            f"`{decay}` is {value:g} and `{horizon}` is {length:g}, but only one of them can be given "
            f"({decay} = 1 - 1/{horizon} would be {1 - 1 / length:g}); leave one out"
        )
