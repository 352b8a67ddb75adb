"""Configurations of every family for tests on a card: each mode in the small, each architecture in the long list."""

from __future__ import annotations

from typing import Any, get_args

from trainables.config import imagenet, online_norm
from trainables.plans import bn_counts
from trainables.plans.deconv_networks import ARCHS

Case = tuple[str, dict[str, Any]]

VGG = {"arch": "vgg_tiny", "norm": "deconv", "block": 8, "image_size": 16}
OF_2019 = {**VGG, "revision": 2019, "num_groups": 16, "block_fc": 16}
del OF_2019["block"]

BLUR: list[Case] = [
    *[("blur", {"arch": "small_cnn", "mode": mode}) for mode in ("normal", "all", "mix", "random-mix", "single-step")],
    ("blur", {"arch": "small_cnn", "mode": "fixed-single-step"}),
    ("blur", {"arch": "small_cnn", "mode": "multi-steps", "blur_val": True}),
    ("blur", {"arch": "small_cnn", "mode": "reversed-single-step"}),
    ("blur", {"arch": "alexnet_cifar", "mode": "mix"}),
]
ONLINE_NORM: list[Case] = [
    *[("online_norm", {"depth": 8, "norm_mode": mode}) for mode in get_args(online_norm.NormMode)],
    ("online_norm", {"depth": 8, "norm_mode": "online", "ecm": "ac"}),
    ("online_norm", {"depth": 8, "norm_mode": "online", "weight_decay_exempt": "norm"}),
]
DECONV: list[Case] = [
    ("deconv", {**VGG, "block_fc": 16, "lr_schedule": "cosine"}),
    ("deconv", {**VGG, "norm": "bn"}),
    ("deconv", {**VGG, "refresh": 2}),
    ("deconv", {**VGG, "stem_freeze": True, "freeze_iter": 1}),
    ("deconv", {**VGG, "channels_together": True, "corrected_average": True, "root_gradient": False}),
    ("deconv", {**VGG, "optimizer": "adam", "loss": "l2"}),
    ("deconv", {"arch": "mlp", "revision": 2019, "image_size": 28, "augmentation": "none"}),
    ("deconv", {"arch": "simple_v1", "revision": 2019, "method": 4, "loss": "l2", "image_size": 16}),
    *[("deconv", {**OF_2019, "mode": mode}) for mode in (1, 2, 3, 4, 5)],
]
BN_ONLY: list[Case] = [
    *[("bn_only", {"depth": 14, "trainable_set": which}) for which in get_args(bn_counts.TrainableSet)],
    ("bn_only", {"depth": 14, "trainable_set": "bn", "recompute_blocks": 2, "init_evaluation": "estimated"}),
]
IMAGENET: list[Case] = [
    ("imagenet", {"model": "lenet5", "image_size": 32}),
    ("imagenet", {"model": "alexnet_v1", "image_size": 64, "jitter": 0.4}),
    ("imagenet", {"model": "resnet18", "image_size": 32, "lr_schedule": "plateau"}),
    ("imagenet", {"model": "mobilenet_v1", "image_size": 32, "width": 0.25, "input_scale": "raw255"}),
]
SMALL = [*BLUR, *ONLINE_NORM, *DECONV, *BN_ONLY, *IMAGENET]

_CHANNELS = {"vgg11": 32, "vgg13": 32, "vgg16": 32, "vgg19": 32, "mlp": 28, "simple_v2": 28}
LONG: list[Case] = [
    *[
        (
            "deconv",
            {"arch": arch, "norm": "deconv", "block": 16, "image_size": _CHANNELS.get(arch, 16), "batch_size": 8},
        )
        for arch in ARCHS
    ],
    *[
        ("imagenet", {"model": model, "image_size": 96 if model == "inception_v1" else 64, "batch_size": 8})
        for model in get_args(imagenet.Model)
        if model != "lenet5"
    ],
    *[
        ("blur", {"arch": arch, "mode": "mix", "image_size": 64, "batch_size": 8})
        for arch in ("alexnet", "vgg16", "resnet18", "resnet50")
    ],
    ("bn_only", {"arch": "resnet18", "trainable_set": "bn", "image_size": 64, "batch_size": 8}),
]


def name(case: Case) -> str:
    """As pytest shows it."""
    return f"{case[0]}-" + "-".join(str(value) for value in case[1].values())
