"""Configuration of the deconv family: the published options, their defaults by revision, and the README's experiments.

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
from typing import Any, Literal, get_args

from pydantic import Field, field_validator, model_validator

from trainables.config.training import TrainingConfig
from trainables.models.cifar_plan import ALIASES, ARCHS

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


def published_defaults(revision: int, norm: str) -> Mapping[str, Any]:
    """What the published command line of a revision, 2019 or 2020, takes for the options that differ between them.

    With batch normalisation the classifier is not whitened: `block_fc` is 0 in both revisions.
    """
    defaults = REVISION_2019 if revision == 2019 else REVISION_2020
    return defaults if norm == "deconv" else {**defaults, "block_fc": 0}


class DeconvConfig(TrainingConfig):
    """One configuration of a network with batch normalisation or network deconvolution.

    The defaults shown here are those of revision 2020 on digits; other datasets are cropped and mirrored by default.
    """

    revision: Revision = Field(2020, description="which published code: 2020 (the paper's tables) or 2019 (modes)")
    arch: str = Field("vgg11", description=f"one of {', '.join(ARCHS)} (or a usual name such as resnet18)")
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
        3, ge=1, le=64, description="the covariance is of every so manieth position (published: --stride)"
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

    @model_validator(mode="before")
    @classmethod
    def _fill_in(cls, given: Any) -> Any:
        """The revision's defaults for the knobs that are not given."""
        if not isinstance(given, dict):
            return given
        fields = cls.model_fields
        defaults = published_defaults(
            given.get("revision", fields["revision"].default), given.get("norm", fields["norm"].default)
        )
        # Mirrored and shifted digits are other digits, or none.
        augmentation = "none" if given.get("dataset", "digits") == "digits" else "crop-flip"
        return {**defaults, "augmentation": augmentation} | given

    @field_validator("arch", mode="before")
    @classmethod
    def _is_known(cls, value: Any) -> Any:
        flag = ALIASES.get(value, value) if isinstance(value, str) else value
        if flag not in ARCHS:
            lowered = {name.lower(): name for name in (*ARCHS, *ALIASES)}
            near = difflib.get_close_matches(str(value).lower(), lowered, n=1, cutoff=0.0)
            raise ValueError(f"one of {', '.join(ARCHS)}; did you mean {lowered[near[0]]}?")
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

    def check(self) -> None:
        super().check()
        if self.revision == 2020:
            if self.mode is not None:
                raise ValueError(
                    f"`mode` is {self.mode}, but revision 2020 has no modes; set revision=2019 or leave mode out"
                )
        elif self.norm == "deconv" and ARCHS[self.arch].grouped:
            plain = ", ".join(name for name, arch in ARCHS.items() if not arch.grouped)
            raise ValueError(
                f"`arch` is {self.arch!r}, whose grouped convolutions the layers of 2019 do not offer; set revision=2020 "
                f"or use one of {plain}"
            )
        elif self.delinear is not None:
            raise ValueError(
                f"`delinear` is {self.delinear}, but revision 2019 has no such classifier; set revision=2020 or leave it out"
            )
        elif self.norm == "bn" and self.block_fc:
            raise ValueError(
                f"`block_fc` is {self.block_fc}, but must be 0 beside norm 'bn' in revision 2019, which decorrelates "
                "nothing then; leave it out"
            )


# README of the 2019 revision: what an experiment shares, then a batch-normalised and a decorrelated network of each.
README: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "resnet18-cifar10": {"arch": "resnet", "dataset": "cifar10", "epochs": 100, "batch_size": 512},
        "resnet50-cifar100": {"arch": "resnet50", "dataset": "cifar100", "epochs": 100, "batch_size": 128},
        "vgg11-cifar100": {"arch": "vgg11", "dataset": "cifar100", "epochs": 100, "batch_size": 128},
        "vgg13-cifar100": {"arch": "vgg13", "dataset": "cifar100", "epochs": 100, "batch_size": 128},
        "vgg19-cifar100": {"arch": "vgg19", "dataset": "cifar100", "epochs": 100, "batch_size": 128},
        "vgg11-cifar10": {
            **{"arch": "vgg11", "dataset": "cifar10", "epochs": 20, "batch_size": 128},
            "weight_decay": 1e-3,
        },
    }
)
LOGISTIC: Mapping[str, Any] = MappingProxyType(
    {"arch": "simple_v1", "dataset": "cifar10", "epochs": 1, "batch_size": 512, "lr": 0.1}
)


def presets() -> dict[str, dict[str, Any]]:
    """The knobs of every experiment in the README of the 2019 revision, by name.

    EXPERIMENT-bn, EXPERIMENT-deconv and EXPERIMENT-channel (mode 3, channels only) for each of `README`, and
    logistic-LOSS-METHOD for the regression on pixels with loss ce or l2 and methods 1 to 4.
    """
    found: dict[str, dict[str, Any]] = {}
    for name, shared in README.items():
        whitened = {"revision": 2019, **shared, "norm": "deconv", "block_fc": 512}
        found[f"{name}-bn"] = {"revision": 2019, **shared, "norm": "bn", "block_fc": 0}
        found[f"{name}-deconv"] = whitened
        found[f"{name}-channel"] = {**whitened, "mode": 3}
    for loss in ("ce", "l2"):
        for method in (1, 2, 3, 4):
            found[f"logistic-{loss}-{method}"] = {"revision": 2019, **LOGISTIC, "loss": loss, "method": method}
    return found


def preset(name: str) -> DeconvConfig:
    """The configuration of a README experiment; `ValueError` naming the nearest one if there is none of that name."""
    known = presets()
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean `{near[0]}`?" if near else f"there are: {', '.join(known)}"
        raise ValueError(f"`{name}` is not an experiment of the README; {hint}")
    return DeconvConfig(**known[name])


def milestones(config: DeconvConfig) -> tuple[int, ...]:
    """The 0-based epochs from which the multistep schedule has dropped lr once more.

    The multiples of floor(milestone * epochs) below epochs: (40, 80) of 100 for 0.4. The published code takes that step as
    it is and never ends where it is 0; here it is at least 1. With `early_milestones` each lies an epoch earlier, where
    the published code's schedule, stepped at the start of an epoch, really drops it.
    """
    step = max(1, math.floor(config.milestone * config.epochs))
    return tuple(epoch - config.early_milestones for epoch in range(step, config.epochs, step))
