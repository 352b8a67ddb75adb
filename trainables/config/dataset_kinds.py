"""The datasets by name: what is known of each without opening it. A further one is a file in `datasets/` and a row here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from trainables.config.normalisation import CONSTANTS, Constants, kind


@dataclass(frozen=True)
class Kind:
    """What the datasets of one name, or of the names that begin with it, have in common.

    Attributes:
        reader: what opens it, a class of `trainables.datasets` as module.Class.
        layout: what must lie in the folder, where the name goes on with a path; empty where it is a name of its own.
        fetched: whether its files lie in the data folder, brought there by `tuner data fetch`.
        mirrored: whether a mirrored or shifted image is still of its class.
        any_size: whether the images have no common size, so that one must be chosen.
        streamed: whether it is too large for memory, so that images are decoded as they are needed.
        normalisation: mean and standard deviation of each channel, in units where white is 1; none: 0.5 and 0.5, which map
            black to -1 and white to 1, as the published CIFAR-10 runs of blur and of BatchNorm-only training did.
    """

    reader: str
    layout: str = ""
    fetched: bool = False
    mirrored: bool = True
    any_size: bool = False
    streamed: bool = False
    normalisation: Constants | None = None


_IMAGENET = Kind(
    "imagenet.ImageNetFolder",
    layout="train/ and val/, a synset folder each; streamed",
    any_size=True,
    streamed=True,
    normalisation=CONSTANTS["imagenet"],
)
# name, or what comes before the colon of a path -> what is known
KINDS: Mapping[str, Kind] = {
    "digits": Kind("digits.Digits", mirrored=False),
    "cifar10": Kind("cifar.Cifar", fetched=True),
    "cifar100": Kind("cifar.Cifar", fetched=True),
    "folder": Kind("folder.Folder", layout="train/ and val/ or test/, a class folder each", any_size=True),
    "mnist": Kind("mnist.Mnist", layout="the four IDX files of MNIST", mirrored=False),
    "imagenet": _IMAGENET,
    "imagenet16": replace(_IMAGENET, layout="the full ImageNet, two synsets for each of 16 classes; streamed"),
    "imagenet16-all": replace(_IMAGENET, layout="the full ImageNet, 228 synsets in 16 classes; streamed"),
}
_UNKNOWN = Kind("")

NAMES = tuple(name for name, known in KINDS.items() if not known.layout)
FETCHED = tuple(name for name, known in KINDS.items() if known.fetched)
SPELLINGS = (*NAMES, *(f"{name}:PATH" for name, known in KINDS.items() if known.layout))


def of(dataset: str) -> Kind:
    """What is known of a dataset by its name; of a name that is none, what holds for most."""
    return KINDS.get(kind(dataset), _UNKNOWN)
