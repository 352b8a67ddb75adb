"""The knobs every family has: data, optimisation, schedule. A family's configuration extends `TrainingConfig`."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from trainables.config import dataset_kinds as kinds
from trainables.config import normalisation, originals
from trainables.config.normalisation import Normalisation
from trainables.config.wording import among, nearest

Precision = Literal["bf16", "tf32", "float32"]


class TrainingConfig(BaseModel):
    """One configuration of a family; every field is described and bounded, unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    # Those of the family's scalars that a leaderboard shows beside the medians.
    shown_scalars: ClassVar[tuple[str, ...]] = ()
    # What the family's original normalised each kind of dataset with.
    normalised_with: ClassVar[Mapping[str, str]] = normalisation.ELSEWHERE

    dataset: str = Field(
        "digits",
        description=", ".join(kinds.SPELLINGS),
    )
    image_size: int | None = Field(
        None, ge=8, le=1024, description="side of the images in pixels; none keeps the dataset's own (digits: 16)"
    )
    train_images: int | None = Field(
        None, ge=20, description="train on this many images of the training set, drawn once with seed 42; none uses all"
    )
    selection: Literal["holdout", "test"] = Field(
        "holdout",
        description="where val_ metrics come from: 10 % of the training images, or the test set as papers did",
    )
    augmentation: Literal["none", "flip", "crop-flip", "resized-crop"] = Field(
        "none",
        description="none; flip: mirror half the images; crop-flip: also a random crop of the padded image (imagenet: of "
        "the larger image); resized-crop: imagenet only, a crop of random size and shape",
    )
    normalisation: Normalisation = Field(
        "published",
        description="mean and deviation that images are normalised with: those that the family's original published for "
        "the dataset, or others by name; half: 0.5 and 0.5, also where nothing was published",
    )
    skip_unreadable: bool = Field(
        False, description="leave out image files that cannot be decoded; false names the first one and ends"
    )
    crop_padding: int = Field(4, ge=1, le=64, description="pixels of zero padding around the image before the crop")
    init_from: str | None = Field(
        None,
        description="weights that every replicate begins from: a file, s3://BUCKET/KEY, or torchvision; none: its seed's",
    )
    epochs: int = Field(60, ge=1, le=100_000, description="full budget of a trial in epochs")
    batch_size: int = Field(64, ge=1, le=65_536, description="images in a training batch; the last one may be shorter")
    lr: float = Field(0.01, gt=0, le=10, description="initial learning rate")
    momentum: float = Field(0.9, ge=0, lt=1, description="SGD momentum")
    weight_decay: float = Field(5e-4, ge=0, le=1, description="L2 penalty on every parameter")
    lr_schedule: Literal["constant", "step", "cosine"] = Field(
        "constant", description="constant; step: lr * lr_factor^floor(epoch / lr_step); cosine: to zero at the budget"
    )
    lr_step: int = Field(20, ge=1, description="epochs between two steps of the step schedule")
    lr_factor: float = Field(0.1, gt=0, le=1, description="factor of one step of the step schedule")

    precision: Precision | None = Field(
        None,
        description="bf16: convolutions and products in bfloat16; tf32: convolutions multiply in TF32 (a CPU: float32); "
        "float32; none: bf16 on a GPU, float32 on a CPU. Whitening layers never convolve in bf16",
    )

    @property
    def settles_at(self) -> int:
        """First 0-based epoch from which the training task no longer changes: a rung before it compares unlike things."""
        return 0

    @property
    def published_normalisation(self) -> str:
        """What `normalisation=published` stands for."""
        return self.normalised_with.get(normalisation.kind(self.dataset), normalisation.HALF)

    @property
    def constants(self) -> str:
        """The name of the mean and deviation that images are normalised with, in `normalisation.CONSTANTS`."""
        return self.published_normalisation if self.normalisation == "published" else self.normalisation

    @property
    def inert(self) -> frozenset[str]:
        """The knobs that change nothing in what this configuration trains; a search draws none of them (families add theirs)."""
        found = {"lr_step": self.lr_schedule == "step", "lr_factor": self.lr_schedule == "step"}
        return without(found | {"crop_padding": self.augmentation == "crop-flip"})

    @model_validator(mode="before")
    @classmethod
    def _fill_in(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            return given
        family = cls.__module__.rpartition(".")[2]  # as its module is called
        unknown = [name for name in given if name not in cls.model_fields]
        told = [originals.refusal(name, found) for name in unknown if (found := originals.answer(family, name))]
        if told:
            raise ValueError("\n".join(told))
        return cls.filled(given)

    @classmethod
    def filled(cls, given: dict[str, Any]) -> dict[str, Any]:
        """The given knobs with those that follow from them; default none do."""
        return given

    @classmethod
    def meant(cls, given: dict[str, Any], *knobs: str) -> list[Any]:
        """Of these knobs what is given, and the default where nothing is."""
        return [given.get(knob, cls.model_fields[knob].default) for knob in knobs]

    @model_validator(mode="after")
    def _check_together(self) -> Self:
        """Refuse fields that are fine one by one but not together (families extend this)."""
        self.check()
        return self

    def check(self) -> None:
        """Raise ValueError where fields contradict each other; a family overrides it and calls the base first."""


def without(acts: Mapping[str, bool]) -> frozenset[str]:
    """The knobs of which it is said that they do not act."""
    return frozenset(knob for knob, does in acts.items() if not does)


# What to do about each kind of complaint of pydantic's.
_REMEDIES = {
    "greater_than": "raise it",
    "greater_than_equal": "raise it",
    "less_than": "lower it",
    "less_than_equal": "lower it",
    "literal_error": "choose one of these",
    "tuple_type": "write it as (1,2)",
    "value_error": "change it",
}


def problems(error: ValidationError, of: str | None = None, known: Iterable[str] = ()) -> list[str]:
    """One sentence for each thing a pydantic error lists, of one knob or of all: which knob, its value, the rule; of a knob
    that is none the nearest of those `known`."""
    sentences = []
    for item in error.errors():
        if of is not None and item["loc"][:1] != (of,):
            continue
        name = ".".join(str(part) for part in item["loc"])
        message = item["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
        if item["type"] == "extra_forbidden":
            sentences.append(f"`{name}` is not a knob of this family{nearest(name, known, before='; ')}")
        elif not name:
            sentences.append(message)
        elif item["type"] == "missing":
            sentences.append(f"`{name}` has no value and no default; give it one")
        else:
            remedy = _REMEDIES.get(item["type"], "change it")
            if item["type"] == "literal_error":
                message = among(item["input"], re.findall(r"'([^']*)'", message), message)
            if isinstance(item["input"], float) and math.isnan(item["input"]):
                message, remedy = "a number", "change it"
            sentences.append(f"`{name}` is {_shown(item['input'])}, but must be {message}; {remedy}")
    return sentences


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."
