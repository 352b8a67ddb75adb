"""What images are normalised with: the constants by name, and which of them each original published for which dataset."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

Channels = tuple[float, ...]
Constants = tuple[Channels, Channels]  # mean and standard deviation, in units where white is 1
# What a configuration may say: `published`, or one of the names below.
Normalisation = Literal[
    "published",
    "half",
    "none",
    "imagenet",
    "cifar10",
    "cifar10-per-image",
    "cifar100",
    "cifar100-per-image",
    "mnist",
]
HALF = "half"

# A single number is for any channels, but for MNIST, whose images are gray.
# Deviations of CIFAR are over all pixels of the training images or, per image, the mean of each image's own.
CONSTANTS: Mapping[str, Constants] = {
    HALF: ((0.5,), (0.5,)),  # black is -1, white is 1
    "none": ((0.0,), (1.0,)),
    "imagenet": ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    "cifar10": ((0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)),
    "cifar10-per-image": ((0.4914, 0.4822, 0.4465), (0.2023, 0.1994, 0.2010)),
    "cifar100": ((0.5071, 0.4865, 0.4409), (0.2673, 0.2564, 0.2762)),
    "cifar100-per-image": ((0.5071, 0.4865, 0.4409), (0.2009, 0.1984, 0.2023)),
    "mnist": ((0.1307,), (0.3081,)),
}
ANY_CHANNELS = (HALF, "none")

_IMAGENET: Mapping[str, str] = dict.fromkeys(("imagenet", "imagenet16", "imagenet16-all"), "imagenet")
# family -> kind of dataset -> what its original normalised with; half where nothing was published.
PUBLISHED: Mapping[str, Mapping[str, str]] = {
    # CIFAR-10: the published code for it; both of its ImageNets.
    "blur": {**_IMAGENET, "cifar10": HALF},
    "online_norm": {**_IMAGENET, "cifar10": "cifar10", "cifar100": "cifar100"},
    "deconv": {**_IMAGENET, "cifar10": "cifar10-per-image", "cifar100": "cifar100-per-image", "mnist": "mnist"},
    # CIFAR-10: the repository in PyTorch that trained eighteen of its networks; the paper's own code took ImageNet's.
    "bn_only": {**_IMAGENET, "cifar10": HALF},
    "imagenet": {**_IMAGENET, "mnist": "mnist"},
}
ELSEWHERE: Mapping[str, str] = _IMAGENET  # a family that is none of these


def kind(dataset: str) -> str:
    """What a dataset's name says before its path: folder, imagenet, cifar10."""
    return dataset.partition(":")[0]


def constants(name: str, channels: int) -> Constants:
    """Mean and standard deviation of each channel; `ValueError` where the images have another number of channels."""
    mean, std = CONSTANTS[name]
    if name in ANY_CHANNELS:
        return mean * channels, std * channels
    if len(mean) != channels:
        raise ValueError(
            f"`normalisation` is {name!r}, which is for images of {len(mean)} channel{'s' * (len(mean) > 1)}, but these "
            f"have {channels}; use {HALF}, or leave it out"
        )
    return mean, std
