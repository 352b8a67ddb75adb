"""Configurations written down before some knobs and defaults existed: what they meant by leaving them out.

An experiment, a checkpoint or an exported trial of an earlier version goes on as it began. It is known by its configurations,
which say nothing of `normalisation`; since then each record says it, once for all or in each configuration (`SAID`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from trainables.config import normalisation

SAID: Mapping[str, Any] = {"normalisation": "published"}

# Knobs that are younger, with the value that does nothing.
_YOUNGER: Mapping[str, Mapping[str, Any]] = {
    "blur": {"jitter": 0.0, "lighting": 0.0},
    "bn_only": {"warmup_epochs": 0},
}
# Defaults on ImageNet that were others.
_ON_IMAGENET: Mapping[str, Mapping[str, Any]] = {
    "blur": {
        **{"arch": "small_cnn", "image_size": None, "augmentation": "none", "epochs": 60, "batch_size": 64},
        **{"weight_decay": 5e-4, "lr_schedule": "constant"},
    },
    "online_norm": {"arch": "resnet18", "augmentation": "flip"},
    "bn_only": {"arch": "resnet_cifar"},
}


def completed(family: str, config: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration with all that it meant, if it is of an earlier version; otherwise as it is."""
    if "normalisation" in config:
        return dict(config)
    kind = normalisation.kind(str(config.get("dataset", "digits")))
    meant = {"normalisation": normalisation.ELSEWHERE.get(kind, normalisation.HALF), **_YOUNGER.get(family, {})}
    if kind in normalisation.ELSEWHERE:
        meant |= _ON_IMAGENET.get(family, {})
    if family == "bn_only" and config.get("arch", "resnet_cifar") != "resnet_cifar":
        meant |= {"augmentation": "flip"}
    return {**meant, **config}
