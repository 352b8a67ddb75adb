"""The code of 2019: its five modes by groups, and the thirty commands of its README."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ray import tune

from search_spaces.papers.deconv.knobs import ACTIVE_WHEN
from search_spaces.space import SETTINGS, Budget, Protocol, Published, SearchSpace
from trainables.config.deconv_presets import presets as commands

MODES = (1, 2, 3, 4, 5)
GROUPS = (8, 16, 32, 64)
BASELINE = "vgg11-cifar100-deconv"
README = "Network Deconvolution, README of May 2019"


def modes() -> SearchSpace:
    """Which mode of 2019, with how many channels in a block, is best for VGG-11 on CIFAR-10 in 20 epochs?

        tuner data fetch cifar10
        tuner launch deconv --space modes

    Modes 1 (channels, then pixels), 2 (pixels), 3 (channels), 4 (jointly) and 5 (jointly and fast, the default) by blocks of
    8, 16 (the default), 32 and 64 channels; mode 2 whitens each channel by itself and has no groups, so the grid has 17
    configurations. `--num-groups` counts the channels of a block, whatever its name says. All else is as in the README's
    example: batch 128, lr 0.1 along a cosine, weight decay 1e-3, the channels before the classifier in blocks of 512.

    Rungs at epochs 4, 8 and 16 as in `search`. Cost: at most 17 * 20 * 5 = 1,700 replicate-epochs of CIFAR-10. Nothing was
    published of modes beside each other; a run of mode 5 with 16 groups on CIFAR-100 is (`--set dataset=cifar100
    --set selection=test`).
    """
    return SearchSpace(
        family="deconv",
        name="modes",
        summary="VGG-11 on CIFAR-10 with the code of 2019: its five modes by channels in a block",
        parameters={"mode": tune.grid_search(list(MODES)), "num_groups": tune.grid_search(list(GROUPS))},
        fixed={
            **{"revision": 2019, "norm": "deconv", "arch": "vgg11", "block_fc": 512, "eps": 1e-2, "n_iter": 5},
            **{"image_size": 32, "batch_size": 128, "lr": 0.1, "weight_decay": 1e-3, "lr_schedule": "cosine"},
        },
        baseline={"mode": 5, "num_groups": 16},
        budget=Budget(epochs=20, grace=4, trials=17, reduction=2, cpus_per_trial=2.0, gpus_per_trial=0.25),
        protocol=Protocol(dataset="cifar10"),
        active_when={
            **ACTIVE_WHEN,
            "num_groups": {"norm": ("deconv",), "revision": (2019,), "mode": (1, 3, 4, 5)},
        },
        published=tuple(_figures()),
    )


def presets() -> SearchSpace:
    """The thirty commands of the README of 2019, every one to the end.

        tuner data fetch cifar100
        tuner launch deconv --space presets

    Six networks and settings with BN, with deconvolution and with its channels alone (mode 3), logistic and linear regression
    by four methods, and an MLP by four. A search has one dataset and one budget, those of most commands by default, and each
    network's own batch size, weight decay and loss. So that each command is as written, it takes five searches:

        tuner launch deconv --space presets                                                # ResNet-50, VGG-11, 13 and 19
        tuner launch deconv --space presets --set dataset=cifar10                          # ResNet-18
        tuner launch deconv --space presets --set dataset=cifar10 --epochs 20 --grace 20   # VGG-11, weight decay 1e-3
        tuner launch deconv --space presets --set dataset=cifar10 --epochs 1 --grace 1     # logistic and linear regression
        tuner launch deconv --space presets --set dataset=digits --epochs 20 --grace 20    # MLP, MNIST in the original

    Expected figures, of the README's history: on CIFAR-100 in 100 epochs VGG-11 70.55 with BN and 72.34 with deconvolution,
    ResNet-50 78.79 with BN (74.54 with batches of 512). They are printed beside runs with their batch size.

    No early stopping (grace = epochs). Cost: 30 * 100 * 5 = 15,000 replicate-epochs of CIFAR-100.
    """
    known = {name: _own(knobs) for name, knobs in commands().items()}
    return SearchSpace(
        family="deconv",
        name="presets",
        summary="the thirty commands of the README of 2019, test-set selection, no early stopping",
        parameters={},
        points=tuple(knobs for name, knobs in known.items() if name != BASELINE),
        fixed={"revision": 2019},
        baseline=known[BASELINE],
        budget=Budget(epochs=100, grace=100, trials=len(known), cpus_per_trial=2.0, gpus_per_trial=0.25),
        protocol=Protocol(dataset="cifar100", selection="test"),
        active_when=ACTIVE_WHEN,
        published=tuple(_figures()),
    )


def _own(knobs: dict[str, Any]) -> dict[str, Any]:
    """A command without what belongs to the search as a whole."""
    return {"image_size": 32, **{name: value for name, value in knobs.items() if name not in (*SETTINGS, "revision")}}


def _figures() -> Iterator[Published]:
    """What the README's history says of CIFAR-100."""
    bn, nd = {"norm": "bn"}, {"norm": "deconv", "mode": 5, "num_groups": 16, "block_fc": 512}
    usual = {"epochs": 100, "lr": 0.1, "weight_decay": 5e-4}
    short = {"epochs": 20, "weight_decay": 1e-3}
    rows: list[tuple[dict[str, Any], float]] = [
        ({"arch": "resnet50", **bn, **usual, "batch_size": 512}, 74.54),
        ({"arch": "resnet50", **bn, **usual, "batch_size": 128}, 78.79),
        ({"arch": "vgg11", **bn, **usual, "batch_size": 128}, 70.55),
        ({"arch": "vgg11", **bn, **usual, "batch_size": 512}, 69.39),
        ({"arch": "vgg11", **nd, **usual, "batch_size": 128}, 72.34),
        ({"arch": "vgg11", **nd, **short, "batch_size": 128, "lr": 0.1}, 70.7),
        ({"arch": "vgg11", **nd, **short, "batch_size": 512, "lr": 0.2}, 69.65),
    ]
    shared = {"dataset": "cifar100", "selection": "test", "image_size": 32, "revision": 2019}
    for when, percent in rows:
        yield Published({**shared, **when}, "val_accuracy", round(percent / 100, 4), README)
