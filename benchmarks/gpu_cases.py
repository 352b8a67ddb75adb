"""Images and configurations of the check on a card (`benchmarks.gpu`): small ones of every family, and six networks to time."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from trainables import families
from trainables.datasets.arrays import Arrays
from trainables.images.loaded import ImageData
from trainables.trial.replicate import Replicate

Case = tuple[str, dict[str, Any]]

SMALL = {"batch_size": 32, "augmentation": "crop-flip"}
VGG = {"arch": "vgg_tiny", "norm": "deconv", "block": 8}
OF_2019 = {"arch": "vgg_tiny", "norm": "deconv", "revision": 2019, "num_groups": 16, "block_fc": 16}

FAMILIES: list[Case] = [
    *[("blur", {"arch": "small_cnn", "mode": mode}) for mode in ("normal", "mix", "random-mix", "single-step")],
    ("blur", {"arch": "alexnet_cifar", "mode": "mix"}),
    ("blur", {"arch": "resnet18", "mode": "mix"}),
    *[
        ("online_norm", {"depth": 8, "norm_mode": mode})
        for mode in ("batch", "group", "layer", "instance", "online", "none")
    ],
    ("online_norm", {"depth": 8, "norm_mode": "online", "ecm": "ac"}),
    ("deconv", {**VGG, "block_fc": 16, "lr_schedule": "cosine"}),
    ("deconv", {**VGG, "refresh": 2}),
    ("deconv", {**VGG, "stem_freeze": True, "freeze_iter": 2}),
    ("deconv", {**VGG, "optimizer": "adam", "lr": 0.001, "corrected_average": True}),
    ("deconv", {"arch": "resnext", "norm": "deconv", "block": 16}),
    *[("deconv", {**OF_2019, "mode": mode}) for mode in (1, 2, 3, 4, 5)],
    *[("bn_only", {"depth": 14, "trainable_set": which}) for which in ("bn", "all", "random_k", "shortcut_output")],
    ("bn_only", {"depth": 14, "trainable_set": "bn", "recompute_blocks": 2}),
    ("imagenet", {"model": "lenet5"}),
    ("imagenet", {"model": "alexnet_v1", "image_size": 64, "jitter": 0.4}),
    ("imagenet", {"model": "mobilenet_v1", "image_size": 64, "width": 0.25, "input_scale": "raw255", "jitter": 0.0}),
    ("imagenet", {"model": "inception_v1", "image_size": 80, "optimizer": "rmsprop", "aux_weight": 0.3}),
]

NETWORKS: dict[str, Case] = {
    "ResNet-20/16 BN b128": ("online_norm", {"depth": 20, "norm_mode": "batch", "batch_size": 128}),
    "small CNN mix b64": ("blur", {"arch": "small_cnn", "mode": "mix", "batch_size": 64}),
    "freeze_56 b128": ("bn_only", {"depth": 56, "trainable_set": "bn", "batch_size": 128}),
    "ResNet-20 online norm b128": ("online_norm", {"depth": 20, "norm_mode": "online", "batch_size": 128}),
    "blur AlexNet mix b128": ("blur", {"arch": "alexnet_cifar", "mode": "mix", "batch_size": 128}),
    "ResNet-18 deconv b128": ("deconv", {"arch": "resnet", "norm": "deconv", "block": 64, "batch_size": 128}),
}


def arrays(count: int, side: int = 32, seed: int = 0) -> Arrays:
    """Noise with a bright block whose place and colour are the class, so that there is something to learn."""
    generator = np.random.default_rng(seed)

    def part(images: int) -> tuple[Any, Any]:
        labels = generator.integers(0, 10, images)
        pixels = generator.integers(0, 120, (images, 3, side, side), dtype=np.uint8)
        block = side // 4
        for image, label in zip(pixels, labels, strict=True):
            row, column = divmod(int(label), 4)
            image[label % 3, row * block : (row + 1) * block, column * block : (column + 1) * block] += 130
        return pixels, labels

    (train_images, train_labels), (test_images, test_labels) = part(count), part(max(100, count // 10))
    return Arrays(
        name="cifar10",
        train_images=train_images,
        train_labels=train_labels,
        test_images=test_images,
        test_labels=test_labels,
        classes=tuple(map(str, range(10))),
        fingerprint="synthetic",
    )


def replicates(case: Case, images: Arrays, device: torch.device, count: int = 1, **more: Any) -> list[Replicate]:
    """Replicates of a configuration on these images; the failure of one is raised."""
    family, knobs = case
    given = {"dataset": "digits", "epochs": 100, "augmentation": "crop-flip", **knobs, **more}
    config = families.config_class(family)(**given)
    data = ImageData(images, None, "holdout", device)
    made = [Replicate(index, families.get(family), config, data, 0, device) for index in range(count)]
    for replicate in made:
        if replicate.failure is not None:
            raise RuntimeError(replicate.failure["message"])
    return made
