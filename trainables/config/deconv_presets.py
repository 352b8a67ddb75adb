"""The published experiments with network deconvolution as configurations of the deconv family, by name."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from trainables.config.deconv import DeconvConfig
from trainables.config.wording import nearest

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
# An earlier experiment was on MNIST, of which the digits at its 28 pixels are the like that needs no download.
MLP: Mapping[str, Any] = MappingProxyType(
    {"arch": "mlp", "dataset": "digits", "image_size": 28, "epochs": 20, "batch_size": 512}
)


def presets() -> dict[str, dict[str, Any]]:
    """The knobs of every experiment of the 2019 revision, by name.

    EXPERIMENT-bn, EXPERIMENT-deconv and EXPERIMENT-channel (mode 3, channels only) for each of `README`, and
    logistic-LOSS-METHOD for the regression on pixels with loss ce or l2 and methods 1 to 4, and mlp-METHOD.
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
    for method in (1, 2, 3, 4):
        found[f"mlp-{method}"] = {"revision": 2019, **MLP, "method": method}
    return found


def preset(name: str) -> DeconvConfig:
    """The configuration of an experiment; `ValueError` naming the nearest one if there is none of that name."""
    known = presets()
    if name not in known:
        hint = nearest(name, known, f"there are: {', '.join(known)}")
        raise ValueError(f"`{name}` is not a published experiment; {hint}")
    return DeconvConfig(**known[name])
