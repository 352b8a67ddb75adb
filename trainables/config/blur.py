"""Configuration of the blur family and the rule that gives sigma at an epoch.

The modes are those of Yoshihara, Fukiage and Nishida, "Does training with blurred images bring convolutional neural
networks closer to humans with respect to robust object recognition and internal representations?", Front. Psychol. 14
(2023), and of the code published with it. Epochs are 0-based everywhere in this file.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from pydantic import Field, field_validator

from trainables.config import normalisation
from trainables.config.training import TrainingConfig, without

Mode = Literal[
    "normal",
    "all",
    "mix",
    "random-mix",
    "single-step",
    "reversed-single-step",
    "fixed-single-step",
    "multi-steps",
    "multi-steps-cbt",
]

# The names the CIFAR-10 code of the paper gives the same modes.
ALIASES = {
    "blur-all": "all",
    "blur-half-data": "mix",
    "blur-half-epochs": "single-step",
    "blur-step": "multi-steps",
}
HALF_DATA = ("mix", "random-mix")
SWITCHING = ("single-step", "reversed-single-step", "fixed-single-step")
# knob -> the modes that it acts in
MODES_OF: Mapping[str, tuple[str, ...]] = {
    "sigma": ("all", "mix", *SWITCHING),
    "min_sigma": ("random-mix",),
    "max_sigma": ("random-mix",),
    "blurred_fraction": HALF_DATA,
    "switch_fraction": SWITCHING,
    "init_sigma": ("multi-steps-cbt",),
    "cbt_rate": ("multi-steps-cbt",),
    "cbt_every": ("multi-steps-cbt",),
    "multi_steps_scaled": ("multi-steps",),
}
MULTI_STEPS_LENGTH = 10  # epochs per step as published: sigma 4, 3, 2, 1, then sharp from epoch 40
MULTI_STEPS_EPOCHS = 60  # the published budget, the yardstick of `multi_steps_scaled`

# The published scripts, one for the 1000 classes and one for the 16.
IMAGENET: Mapping[str, Any] = {
    **{"arch": "alexnet", "image_size": 224, "augmentation": "resized-crop", "batch_size": 256, "weight_decay": 1e-4},
    **{"lr_schedule": "step", "lr_step": 20, "lr_factor": 0.1},
}
IMAGENET16: Mapping[str, Any] = {**IMAGENET, "batch_size": 64, "weight_decay": 5e-4, "jitter": 0.1, "lighting": 0.05}
SCRIPTS = {"imagenet": IMAGENET, "imagenet16": IMAGENET16, "imagenet16-all": IMAGENET16}


def published_defaults(dataset: str) -> Mapping[str, Any]:
    """The values of the published script for a dataset, where they differ from those for CIFAR-10."""
    return SCRIPTS.get(normalisation.kind(dataset), {})


class BlurConfig(TrainingConfig):
    """One configuration of blur training. The defaults shown here are those of small images, the published CIFAR-10's."""

    normalised_with: ClassVar[Mapping[str, str]] = normalisation.PUBLISHED["blur"]

    arch: str = Field(
        "small_cnn",
        description="small_cnn, alexnet_cifar, or a torchvision classification model by name (ImageNet: alexnet)",
    )
    mode: Mode = Field("normal", description="which images are blurred at which epochs")
    sigma: float = Field(
        1.0, ge=0, le=100, description="standard deviation of the blur in pixels (all, mix and the three single-steps)"
    )
    min_sigma: float = Field(0.0, ge=0, le=100, description="random-mix: smallest sigma drawn")
    max_sigma: float = Field(5.0, ge=0, le=100, description="random-mix: largest sigma drawn")
    init_sigma: float = Field(2.0, ge=0, le=100, description="multi-steps-cbt: sigma at epoch 0")
    cbt_rate: float = Field(0.9, gt=0, le=1, description="multi-steps-cbt: factor applied every cbt_every epochs")
    cbt_every: int = Field(5, ge=1, description="multi-steps-cbt: epochs between two decays (published: 5)")
    switch_fraction: float = Field(
        0.5, gt=0, lt=1, description="single-steps: switch at floor(epochs * this) (published: 0.5)"
    )
    blurred_fraction: float = Field(
        0.5, ge=0, le=1, description="mix, random-mix: share of each batch that is blurred, rounded up (published: 0.5)"
    )
    multi_steps_scaled: bool = Field(
        False, description="multi-steps: scale the published switch epochs 10, 20, 30, 40 (of 60) to the budget"
    )
    blur_val: bool = Field(
        False, description="also report val_accuracy_blur_val: the validation images blurred with the epoch's sigma"
    )
    jitter: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="brightness, contrast and saturation of each image times 1 - jitter to 1 + jitter (16 classes: 0.1)",
    )
    lighting: float = Field(
        0.0,
        ge=0,
        le=10,
        description="deviation of the colour added to each image along the principal components of ImageNet's colours "
        "(16 classes: 0.05)",
    )
    evaluation_sigmas: tuple[float, ...] = Field(
        (0.0, 1.0, 2.0, 4.0, 8.0),
        description="at the full budget, also report val_accuracy_sigma_S for each of these sigmas",
    )

    @classmethod
    def filled(cls, given: dict[str, Any]) -> dict[str, Any]:
        """The dataset's defaults for the knobs that are not given."""
        [dataset] = cls.meant(given, "dataset")
        return {**published_defaults(str(dataset)), **given}

    @field_validator("mode", mode="before")
    @classmethod
    def _published_alias(cls, value: Any) -> Any:
        return ALIASES.get(value, value) if isinstance(value, str) else value

    @field_validator("evaluation_sigmas")
    @classmethod
    def _non_negative(cls, value: tuple[float, ...]) -> tuple[float, ...]:
        if any(not math.isfinite(sigma) or sigma < 0 for sigma in value):
            raise ValueError("a list of finite sigmas of at least 0")
        return value

    def check(self) -> None:
        super().check()
        if self.min_sigma > self.max_sigma:
            raise ValueError(
                f"`min_sigma` is {self.min_sigma:g}, but must be at most `max_sigma` ({self.max_sigma:g}); lower it"
            )

    @property
    def inert(self) -> frozenset[str]:
        of_modes = {knob: self.mode in modes for knob, modes in MODES_OF.items()}
        return super().inert | without(of_modes)

    @property
    def settles_at(self) -> int:
        """The switch epoch of the schedules that change the images abruptly; 0 for the others (cbt decays smoothly)."""
        if self.mode in SWITCHING:
            return switch_epoch(self)
        if self.mode == "multi-steps":
            # Counted, not derived: the first epoch after the last blurred one, within the budget.
            return sum(1 for epoch in range(self.epochs) if sigma_at(self, epoch) > 0)
        return 0


def switch_epoch(config: BlurConfig) -> int:
    """The 0-based epoch at which the single-step modes change: floor(epochs / 2) as published."""
    return math.floor(config.epochs * config.switch_fraction)


def sigma_at(config: BlurConfig, epoch: int) -> float:
    """Sigma of the training blur at a 0-based epoch, in pixels of the network's input; 0 means sharp.

    `random-mix` draws a sigma for each sample; its value here is the mean of that distribution.
    """
    match config.mode:
        case "normal":
            return 0.0
        case "all" | "mix":
            return config.sigma
        case "random-mix":
            return (config.min_sigma + config.max_sigma) / 2
        case "single-step" | "fixed-single-step":
            return config.sigma if epoch < switch_epoch(config) else 0.0
        case "reversed-single-step":
            return 0.0 if epoch < switch_epoch(config) else config.sigma
        case "multi-steps":
            published = epoch * MULTI_STEPS_EPOCHS // config.epochs if config.multi_steps_scaled else epoch
            return float(max(0, 4 - published // MULTI_STEPS_LENGTH))
        case "multi-steps-cbt":
            return config.init_sigma * config.cbt_rate ** (epoch // config.cbt_every)
