"""Configuration of the imagenet family: the classic models, each with the training configuration published for it.

A knob that a configuration leaves out has the value its model was trained with (`published_defaults`); a configuration
always holds every value it trains with. Epochs are 0-based everywhere in this file.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, field_validator

from trainables.config import dataset_kinds as kinds
from trainables.config import normalisation
from trainables.config.training import TrainingConfig, without

Model = Literal[
    "lenet5",
    "alexnet_v1",
    "alexnet_v2",
    "vgg16",
    "vgg19",
    "resnet18",
    "resnet18_projection",
    "resnet34",
    "resnet50",
    "resnet152",
    "inception_v1",
    "mobilenet_v1",
]
ALEXNETS = ("alexnet_v1", "alexnet_v2")
VGGS = ("vgg16", "vgg19")
RESNETS = ("resnet18", "resnet18_projection", "resnet34", "resnet50", "resnet152")

PLATEAU: Mapping[str, Any] = {"lr_schedule": "plateau", "lr_factor": 0.1}
SGD: Mapping[str, Any] = {"optimizer": "sgd", "momentum": 0.9}
ALEXNET: Mapping[str, Any] = {**SGD, **PLATEAU, "batch_size": 128, "lr": 0.01, "weight_decay": 5e-4}
VGG: Mapping[str, Any] = {**ALEXNET, "lr_schedule": "step", "lr_step": 10, "lr_factor": 0.5}
RESNET: Mapping[str, Any] = {**SGD, **PLATEAU, "batch_size": 256, "lr": 0.1, "weight_decay": 1e-4}
# model -> its published training configuration, where it differs from the defaults below
TRAINING: Mapping[str, Mapping[str, Any]] = {
    "lenet5": {**PLATEAU, "optimizer": "adam", "batch_size": 64, "lr": 1e-3, "weight_decay": 0.0, "epochs": 50},
    **dict.fromkeys(ALEXNETS, ALEXNET),
    "vgg16": VGG,
    "vgg19": {**VGG, "batch_size": 64, "jitter": 0.2},
    **dict.fromkeys(RESNETS, RESNET),
    "resnet50": {**RESNET, "jitter": 0.2},
    "inception_v1": {**ALEXNET, "weight_decay": 2e-4, "lr_schedule": "poly"},
    "mobilenet_v1": {
        **{"optimizer": "rmsprop", "batch_size": 128, "lr": 0.045, "weight_decay": 0.0, "jitter": 0.2},
        **{"lr_schedule": "step", "lr_step": 2, "lr_factor": 0.94},
    },
}
# knob -> the models that have it, each with its published value; `none` in all others
OF_MODELS: Mapping[str, Mapping[str, Any]] = {
    "dropout": {**dict.fromkeys((*ALEXNETS, *VGGS), 0.5), "inception_v1": 0.4},
    "init": {**dict.fromkeys(ALEXNETS, "default"), **dict.fromkeys((*VGGS, "inception_v1"), "xavier")},
    "lrn": dict.fromkeys((*ALEXNETS, "inception_v1"), "channels"),
    "aux_weight": {"inception_v1": 0.3},
    "width": {"mobilenet_v1": 1.0},
    "stride_in": dict.fromkeys(("resnet50", "resnet152"), "1x1"),
}
LENET_SIZE = 32
IMAGENET_SIZE = 224


def published_defaults(model: str, dataset: str) -> Mapping[str, Any]:
    """The values a model was trained with. Crops and mirroring are left out for digits and MNIST, which they would turn
    into others.

    The side is 32 pixels for lenet5 and 224 for the others on ImageNet; any other dataset keeps its own.
    """
    defaults: dict[str, Any] = {"epochs": 200, **TRAINING.get(model, {})}
    defaults |= {knob: models[model] for knob, models in OF_MODELS.items() if model in models}
    if model == "lenet5":
        return defaults | {"image_size": LENET_SIZE}
    kind = kinds.of(dataset)
    if kind.mirrored:
        defaults["augmentation"] = "crop-flip"
    return defaults | ({"image_size": IMAGENET_SIZE} if kind.streamed else {})


class ImageNetConfig(TrainingConfig):
    """One configuration of a classic model. The defaults shown here are those of lenet5."""

    normalised_with: ClassVar[Mapping[str, str]] = normalisation.PUBLISHED["imagenet"]

    model: Model = Field(
        "lenet5",
        description="which network; resnet18_projection was once published as ResNet-34",
    )
    epochs: int = Field(
        50, ge=1, le=100_000, description="full budget of a trial in epochs (published: 200; lenet5 50)"
    )
    batch_size: int = Field(64, ge=1, le=65_536, description="images in a training batch; the last one may be shorter")
    optimizer: Literal["sgd", "rmsprop", "adam"] = Field("adam", description="SGD with momentum, RMSprop without, Adam")
    lr: float = Field(1e-3, gt=0, le=10, description="initial learning rate")
    lr_multiple: float = Field(
        1.0, gt=0, le=1000, description="factor of lr: searches several models around the published lr of each"
    )
    weight_decay: float = Field(0.0, ge=0, le=1, description="L2 penalty on every parameter")
    rmsprop_alpha: float = Field(0.9, ge=0, lt=1, description="rmsprop: decay of the squared gradients")
    rmsprop_eps: float = Field(
        1.0,
        gt=0,
        le=10,
        description="rmsprop: added to the root (published: 1, meant for a program that adds it inside)",
    )
    lr_schedule: Literal["constant", "step", "cosine", "multistep", "poly", "plateau"] = Field(  # type: ignore[assignment]
        "plateau",
        description="plateau: * lr_factor when plateau_metric stands still; step: see lr_step; multistep: see "
        "lr_milestones; poly: see poly_epochs; cosine: to zero at the budget; constant",
    )
    lr_factor: float = Field(0.1, gt=0, le=1, description="factor of lr at each drop of plateau, step and multistep")
    lr_milestones: tuple[Annotated[int, Field(ge=0)], ...] = Field(
        (30, 45, 80, 95), description="multistep: 0-based epochs from which lr is multiplied by lr_factor once more"
    )
    plateau_metric: Literal["accuracy", "loss"] = Field(
        "accuracy", description="plateau: what must improve in validation"
    )
    plateau_patience: int = Field(10, ge=0, le=10_000, description="plateau: epochs without improvement before a drop")
    poly_epochs: int = Field(
        60,
        ge=1,
        le=100_000,
        description="poly: lr * (1 - epoch / poly_epochs)^poly_power so far, a hundredth for a quarter longer, then a "
        "thousandth",
    )
    poly_power: float = Field(0.5, gt=0, le=10, description="poly: exponent")
    dropout: float | None = Field(
        None, ge=0, lt=1, description="AlexNet, VGG: before the first two linear layers; inception_v1: before the last"
    )
    init: Literal["default", "kaiming", "xavier"] | None = Field(
        None, description="AlexNet, VGG, inception_v1: how weights start; linear ones N(0, 0.01^2) unless default"
    )
    init_bias: float = Field(0.0, ge=-10, le=10, description="what biases start at, unless init is default")
    lrn: Literal["channels", "5", "off"] | None = Field(
        None, description="AlexNet, inception_v1: window of the response normalisation (published: all channels)"
    )
    lrn_k: float = Field(1.0, gt=0, le=100, description="additive constant of the response normalisation")
    aux_weight: float | None = Field(
        None, ge=0, le=10, description="inception_v1: weight of each auxiliary loss; 0 builds no auxiliary heads"
    )
    width: float | None = Field(None, gt=0, le=16, description="mobilenet_v1: factor of the maps of every layer")
    stride_in: Literal["1x1", "3x3"] | None = Field(
        None, description="resnet50, resnet152: the convolution of a bottleneck that halves the map (torchvision: 3x3)"
    )
    jitter: float = Field(
        0.0, ge=0, lt=1, description="brightness, contrast and saturation of each image times 1 - jitter to 1 + jitter"
    )
    input_scale: Literal["unit", "raw255"] = Field(
        "unit", description="unit: pixels of 0 to 1 before normalisation; raw255: of 0 to 255, as all published figures"
    )

    @classmethod
    def filled(cls, given: dict[str, Any]) -> dict[str, Any]:
        """The model's published values for the knobs that are not given."""
        [dataset] = cls.meant(given, "dataset")
        model = str(given.get("model", cls.model_fields["model"].default))
        return {"model": model, **published_defaults(model, str(dataset)), **given}

    @field_validator("lrn", mode="before")
    @classmethod
    def _window_of_five(cls, value: Any) -> Any:
        return "5" if value == 5 else value

    @property
    def inert(self) -> frozenset[str]:
        schedules = {
            "lr_factor": ("plateau", "step", "multistep"),
            "lr_step": ("step",),
            "lr_milestones": ("multistep",),
            "plateau_metric": ("plateau",),
            "plateau_patience": ("plateau",),
            "poly_epochs": ("poly",),
            "poly_power": ("poly",),
        }
        acts = {
            **{knob: self.lr_schedule in allowed for knob, allowed in schedules.items()},
            **{knob: self.model in models for knob, models in OF_MODELS.items()},
            "momentum": self.optimizer == "sgd",
            "rmsprop_alpha": self.optimizer == "rmsprop",
            "rmsprop_eps": self.optimizer == "rmsprop",
            "init_bias": self.init not in (None, "default"),
            "lrn_k": self.lrn in ("5", "channels"),
        }
        return (super().inert - acts.keys()) | without(acts)

    def check(self) -> None:
        super().check()
        for knob, models in OF_MODELS.items():
            value = getattr(self, knob)
            if self.model not in models and value is not None:
                raise ValueError(
                    f"`{knob}` is {value!r}, but {self.model} has none; leave it out, or choose another model"
                )
            if self.model in models and value is None:
                raise ValueError(f"`{knob}` is none, but {self.model} needs it; leave it out for {models[self.model]}")


def initial_lr(config: ImageNetConfig) -> float:
    """The learning rate that training begins with."""
    return config.lr * config.lr_multiple


def poly_factor(config: ImageNetConfig, epoch: int) -> float:
    """The factor of lr that the poly schedule has in a 0-based epoch.

    As published for 60 epochs: the root to the 60th, a hundredth to the 75th, a thousandth from there.
    """
    if epoch < config.poly_epochs:
        return float((1 - epoch / config.poly_epochs) ** config.poly_power)
    return 0.01 if epoch < math.floor(1.25 * config.poly_epochs) else 0.001
