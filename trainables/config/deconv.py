"""Configuration of the deconv family: the published options and their defaults by revision, and our extensions.

The options are those of the code of Ye et al., "Network Deconvolution", ICLR 2020. It exists in two revisions with
different layers and defaults: that of 2019 (modes 1 to 5, groups of 16 channels) and that of 2020, with which the
paper's tables were made (blocks of 64 channels, whitened classifier). A knob that a configuration leaves out has the value
of its revision (`published_defaults`); a configuration always holds every value it trains with.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar, Literal, get_args

from pydantic import Field, field_validator

from trainables.config import dataset_kinds as kinds
from trainables.config import normalisation
from trainables.config.deconv_acting import acting
from trainables.config.deconv_rules import are_large, contradictions
from trainables.config.training import TrainingConfig, without
from trainables.plans.deconv_networks import ALIASES, ARCHS, IMAGENET_ARCHS, NETWORKS, for_large_images

Revision = Literal[2019, 2020]
Mode = Literal[1, 2, 3, 4, 5]

# Epochs, batch size and weight decay, then the layers.
REVISION_2020: Mapping[str, Any] = MappingProxyType(
    {
        "epochs": 20,
        "batch_size": 128,
        "weight_decay": 1e-3,
        "block_fc": 0,
        "eps": 1e-5,
        "mode": None,
        "delinear": True,
    }
)
REVISION_2019: Mapping[str, Any] = MappingProxyType(
    {
        "epochs": 100,
        "batch_size": 512,
        "weight_decay": 5e-4,
        "block_fc": 512,
        "eps": 1e-2,
        "mode": 5,
        "delinear": None,
    }
)


# The command line for ImageNet, of both revisions.
IMAGENET: Mapping[str, Any] = MappingProxyType(
    {"epochs": 90, "batch_size": 256, "weight_decay": 1e-4, "milestone": 0.3}
)


def published_defaults(revision: int, norm: str, arch: str = "vgg11") -> dict[str, Any]:
    """What the published command lines take for the options that differ between them.

    Args:
        revision: 2019 or 2020.
        norm: `bn` or `deconv`; beside the first the classifier is not whitened, `block_fc` is 0.
        arch: the networks for ImageNet have a command line of their own, and vgg11d alone a learning rate of 0.01.
    """
    defaults = dict(REVISION_2019 if revision == 2019 else REVISION_2020)
    if arch in IMAGENET_ARCHS:
        defaults |= {
            **IMAGENET,
            "block_fc": 32 if revision == 2019 else 64,
            "lr": 0.01 if arch == "vgg11d" else 0.1,
        }
    return defaults if norm == "deconv" else {**defaults, "block_fc": 0}


class DeconvConfig(TrainingConfig):
    """One configuration of a network with batch normalisation or network deconvolution.

    The defaults shown here are those of revision 2020 on digits; other datasets are cropped and mirrored by default. On
    ImageNet a name that two networks share, such as resnet18 or vgg11, means the one for images of that size.
    """

    normalised_with: ClassVar[Mapping[str, str]] = normalisation.PUBLISHED["deconv"]

    revision: Revision = Field(2020, description="which published code: 2020 (the paper's tables) or 2019 (modes)")
    arch: str = Field(
        "vgg11",
        description=f"for small images: {', '.join(ARCHS)} (or a usual name such as resnet18); for ImageNet: "
        f"{', '.join(IMAGENET_ARCHS)}",
    )
    norm: Literal["bn", "deconv"] = Field(
        "bn", description="bn: batch normalisation after each convolution; deconv: each layer decorrelates its input"
    )
    mode: Mode | None = Field(
        REVISION_2020["mode"],
        description="2019: 1 channels then pixels, 2 pixels, 3 channels, 4 jointly, 5 jointly and fast; 2020: none",
    )
    block: int = Field(
        64, ge=1, le=65_536, description="2020: channels in a covariance block; their greatest common divisor is taken"
    )
    num_groups: int = Field(
        16, ge=1, le=65_536, description="2019: channels in a covariance block, a divisor of those of every layer"
    )
    block_fc: int = Field(
        REVISION_2020["block_fc"],
        ge=0,
        le=65_536,
        description="features in a block of the last stage, 0 leaves it alone (2019: --num-groups-final 512)",
    )
    delinear: bool | None = Field(
        REVISION_2020["delinear"],
        description="with block_fc: true decorrelates in the classifier, false channels before it; 2019: none",
    )
    n_iter: int = Field(
        5, ge=1, le=100, description="Newton-Schulz steps, but for layers with a number of their own (--deconv-iter)"
    )
    stem_n_iter: int | None = Field(
        None, ge=1, le=100, description="2020: steps of the first layer; none is the network's own, 10 or 15 in most"
    )
    stem_freeze: bool = Field(
        True,
        description="2020: freeze the first layer's statistics after freeze_iter batches (published: most networks)",
    )
    freeze_iter: int = Field(100, ge=1, description="2020: batches before the freezing, and a tenth of its cycle")
    eps: float = Field(REVISION_2020["eps"], ge=0, le=1, description="added to the diagonal of a covariance")
    sampling_stride: int = Field(
        3, ge=1, le=64, description="the covariance is taken over every n-th position (published: --stride)"
    )
    root_gradient: bool = Field(
        True, description="extension where false: gradients pass through means alone, not through inverse roots"
    )
    refresh: int = Field(
        1,
        ge=1,
        le=10_000,
        description="extension above 1, of 2020: the statistics are computed at every n-th step and kept in between",
    )
    channels_together: bool = Field(
        False, description="extension, of 2020: a block is whole channels, where published blocks interleave patches"
    )
    corrected_average: bool = Field(
        False, description="extension, of 2020: evaluate without the share of the averages' initial values"
    )
    centered: bool = Field(
        False,
        description="extension: the channel layer before the classifier takes the covariance, not the second moment",
    )
    bias: bool = Field(True, description="2020: whether deconvolution layers have a bias")
    dropout_rate: float = Field(0.0, ge=0, lt=1, description="vgg: of whole maps, before each ReLU")
    whiten_blocks: bool = Field(
        False, description="efficient: also deconvolve its blocks, of which the published code leaves all normalised"
    )
    method: Literal[1, 2, 3, 4] = Field(3, description="simple_v1, simple_v2, mlp: which of the published four")
    optimizer: Literal["sgd", "adam"] = Field(
        "sgd", description="adam needs a far smaller lr than 0.1; momentum is of sgd"
    )
    loss: Literal["ce", "l2"] = Field(
        "ce", description="cross-entropy, or squared distance to the one-hot label (2019: mean, 2020: half the sum)"
    )
    epochs: int = Field(
        REVISION_2020["epochs"], ge=1, le=100_000, description="full budget of a trial in epochs (2019: 100)"
    )
    batch_size: int = Field(
        REVISION_2020["batch_size"],
        ge=1,
        le=65_536,
        description="images in a training batch; the last one may be shorter (2019: 512)",
    )
    lr: float = Field(0.1, gt=0, le=10, description="initial learning rate")
    weight_decay: float = Field(
        REVISION_2020["weight_decay"], ge=0, le=1, description="L2 penalty on every parameter (2019: 5e-4)"
    )
    lr_schedule: Literal["constant", "step", "cosine", "multistep"] = Field(  # type: ignore[assignment]  # one more
        "cosine",
        description="cosine: to zero at the budget, batch by batch; multistep: see milestone; step: see lr_step; constant",
    )
    milestone: float = Field(
        0.4, gt=0, lt=1, description="multistep: lr drops at the multiples of floor(milestone * epochs), at least 1"
    )
    multistep_gamma: float = Field(0.1, gt=0, le=1, description="multistep: factor of lr at each milestone")
    early_milestones: bool = Field(
        False, description="multistep: drop an epoch early, as the published code does on any recent torch"
    )

    @classmethod
    def filled(cls, given: dict[str, Any]) -> dict[str, Any]:
        """The revision's defaults for the knobs that are not given."""
        revision, norm, arch, dataset = cls.meant(given, "revision", "norm", "arch", "dataset")
        if are_large(str(dataset), given.get("image_size")):
            arch = for_large_images(str(arch))
            given = {**given, "arch": arch}
        arch = str(arch)
        defaults = published_defaults(revision, norm, arch)
        augmented: dict[str, Any] = {"augmentation": "crop-flip"}
        kind = kinds.of(str(dataset))
        if not kind.mirrored:  # mirrored and shifted ones are other digits, or none
            augmented = {"augmentation": "none"}
        elif arch in IMAGENET_ARCHS:
            # The published crop of random size and shape is for streamed images; of a folder's, mirroring is what we have.
            augmented = {"augmentation": "resized-crop" if kind.streamed else "flip"}
            if kind.any_size:
                augmented["image_size"] = 224
        return defaults | augmented | given

    @field_validator("arch", mode="before")
    @classmethod
    def _is_known(cls, value: Any) -> Any:
        flag = ALIASES.get(value, value) if isinstance(value, str) else value
        if flag not in NETWORKS:
            lowered = {name.lower(): name for name in (*NETWORKS, *ALIASES)}
            near = difflib.get_close_matches(str(value).lower(), lowered, n=1, cutoff=0.0)
            raise ValueError(f"one of {', '.join(NETWORKS)}; did you mean {lowered[near[0]]}?")
        return flag

    @field_validator("mode", mode="before")
    @classmethod
    def _is_a_mode(cls, value: Any) -> Any:
        if value is None:
            return None
        modes = get_args(Mode)
        if isinstance(value, bool) or value not in modes:
            number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
            hint = f"did you mean {min(modes, key=lambda mode: abs(mode - value))}?" if number else "5 is the fast one"
            raise ValueError(f"1, 2, 3, 4 or 5; {hint}")
        return value

    @field_validator("optimizer", "loss", mode="before")
    @classmethod
    def _as_published(cls, value: Any) -> Any:
        published = {"SGD": "sgd", "Adam": "adam", "CE": "ce", "L2": "l2"}
        return published.get(value, value) if isinstance(value, str) else value

    @property
    def published_normalisation(self) -> str:
        of_imagenet = kinds.of(self.dataset).any_size and self.arch in IMAGENET_ARCHS
        return "imagenet" if of_imagenet else super().published_normalisation

    @property
    def inert(self) -> frozenset[str]:
        return super().inert | without(acting(self))

    def check(self) -> None:
        super().check()
        sentence = next(contradictions(self), None)
        if sentence is not None:
            raise ValueError(sentence)


def milestones(config: DeconvConfig) -> tuple[int, ...]:
    """The 0-based epochs from which the multistep schedule has dropped lr once more.

    The multiples of floor(milestone * epochs) below epochs: (40, 80) of 100 for 0.4. The published code takes that step as
    it is and never ends where it is 0; here it is at least 1. With `early_milestones` each lies an epoch earlier, where
    the published code's schedule, stepped at the start of an epoch, really drops it.
    """
    step = max(1, math.floor(config.milestone * config.epochs))
    return tuple(epoch - config.early_milestones for epoch in range(step, config.epochs, step))
