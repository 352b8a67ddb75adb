"""Blur training on ImageNet, in 1000 classes and in 16: the published grid under the protocol of each."""

from __future__ import annotations

from typing import Any

from search_spaces.papers.blur.knobs import ACTIVE_WHEN, GRID
from search_spaces.space import Budget, Protocol, SearchSpace
from trainables.config.blur import IMAGENET, IMAGENET16

SGD = {"lr": 0.01, "momentum": 0.9}


def imagenet() -> SearchSpace:
    """The published grid with AlexNet on the 1000 classes, every configuration to the end.

        tuner launch blur --space imagenet --set dataset=imagenet:/data/imagenet
        tuner launch blur --space imagenet --set dataset=imagenet:/data/imagenet --set arch=resnet50

    The 38 configurations of `paper`, on the images and under the protocol that they were studied with: torchvision's AlexNet,
    60 epochs, batch 256, SGD with lr 0.01 and a tenth of it from each of the epochs 20 and 40, momentum 0.9, weight decay
    1e-4, crops of random size and mirroring, ImageNet's mean and deviation; top-1 and top-5 accuracy on the validation images,
    which are always sharp. Sigma is in pixels of the 224.

    No early stopping (grace = epochs). Cost: 38 * 60 * 5 = 11,400 replicate-epochs of ImageNet. Expected figures: none were
    published.
    """
    return _space(
        "imagenet",
        "the published grid with AlexNet on ImageNet, validation images select, no early stopping",
        "imagenet:imagenet",
        IMAGENET,
    )


def imagenet16() -> SearchSpace:
    """The published grid with AlexNet on ImageNet in 16 classes, every configuration to the end.

        tuner launch blur --space imagenet16 --set dataset=imagenet16:/data/imagenet

    As `imagenet`, but for what the published script for 16 classes has of its own: batch 64, weight decay 5e-4, and two more
    changes to each training image, brightness, contrast and saturation by up to a tenth (`jitter`), and a colour along
    the principal components of ImageNet's (`lighting`, deviation 0.05). The classes are two synsets each, which takes the full
    ImageNet to find; `keyboard` is pianos and organs.

    No early stopping (grace = epochs). Cost: 38 * 60 * 5 = 11,400 replicate-epochs of 40,517 images. Expected figures: none
    were published.
    """
    return _space(
        "imagenet16",
        "the published grid with AlexNet on ImageNet in 16 classes, validation images select, no early stopping",
        "imagenet16:imagenet",
        IMAGENET16,
    )


def _space(name: str, summary: str, dataset: str, script: Any) -> SearchSpace:
    return SearchSpace(
        family="blur",
        name=name,
        summary=summary,
        parameters={},
        points=GRID,
        fixed={**script, **SGD},
        baseline={"mode": "normal"},
        budget=Budget(epochs=60, grace=60, trials=1 + len(GRID), cpus_per_trial=16.0, gpus_per_trial=1.0),
        protocol=Protocol(dataset=dataset, selection="test"),
        active_when=ACTIVE_WHEN,
    )
