"""The published networks on CIFAR-10: BatchNorm alone and everything, the paper's other columns, a reproduction's runs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from search_spaces.papers.bn_only.figures import FIGURE, FIGURES, RUN, RUNS, STATED
from search_spaces.space import Budget, Protocol, Published, SearchSpace
from trainables.plans.bn_names import parse_name

DEPTHS = (14, 32, 56, 110, 218, 434, 866)
WIDTHS = (1, 2, 4, 8, 16, 32)  # at depth 14
SUFFIXES = (*(str(depth) for depth in DEPTHS), *(f"14_{width}" for width in WIDTHS))
PROTOCOL = {"image_size": 32, "batch_size": 128, "lr": 0.1, "momentum": 0.9, "weight_decay": 1e-4}
AS_THE_PAPER = {"dataset": "cifar10", "selection": "test", "epochs": 160}
# The paper's four other columns, in their order in `FIGURES`.
COLUMNS: tuple[dict[str, Any], ...] = (
    {"trainable_set": "bn", "gamma_init": "ones", "beta_init": 1.0},
    {"trainable_set": "bn_shortcut_output", "gamma_init": "uniform", "beta_init": 0.0},
    {"trainable_set": "shortcut_output", "gamma_init": "uniform", "beta_init": 0.0},
    {"trainable_set": "none", "gamma_init": "uniform", "beta_init": 0.0},
)


def paper() -> SearchSpace:
    """The published networks on CIFAR-10, BatchNorm alone and everything trained, every one to the end.

        tuner data fetch cifar10
        tuner launch bn-only --space paper

    Seven depths at width 1 and six widths at depth 14, of each kind: 26 names, which are 24 networks, since 14_1 is 14.
    160 epochs, batch 128, lr 0.1 with a tenth of it from epochs 80 and 120, momentum 0.9, weight decay 1e-4 on everything
    trained, padded crops and mirroring, ImageNet's constants, accuracy on the test set at the last epoch, five seeds: the
    paper's protocol. The paper's accuracies are means; ours are medians.

    No early stopping (grace = epochs). Cost: 24 * 160 * 5 = 19,200 replicate-epochs of CIFAR-10, the deepest two of them
    of 2.0 billion multiply-accumulates an image forward: a GPU's work. What does not fit in memory is refused before
    anything starts; depths 434 and 866 recompute groups of 12 and 17 blocks so that they do.
    """
    points = tuple(_point(f"cifar_{kind}_{suffix}") for kind in ("freeze", "resnet") for suffix in SUFFIXES)
    baseline = _point("cifar_freeze_14")
    return SearchSpace(
        family="bn_only",
        name="paper",
        summary="the 26 published names on CIFAR-10, test-set selection, no early stopping",
        parameters={},
        points=tuple(point for point in points if point != baseline),
        fixed={**PROTOCOL, "normalisation": "imagenet"},
        baseline=baseline,
        budget=_budget(2 * len(FIGURES)),
        protocol=Protocol(dataset="cifar10", selection="test"),
        published=tuple(_two_columns()),
    )


def columns() -> SearchSpace:
    """The other four columns of the paper's figure for all twelve networks, every one to the end.

        tuner data fetch cifar10
        tuner launch bn-only --space columns

    BatchNorm alone from gamma 1 and beta 1; BatchNorm, the 1x1 convolutions of the shortcuts and the classifier; these two
    without BatchNorm; nothing at all. Which initial values the figure's "alternative initialisation" had its caption does
    not say: gamma 1 and beta 1 are the one in the authors' code that fits. Protocol as in `paper`.

    Cost: 48 * 160 * 5 = 38,400 replicate-epochs of CIFAR-10.
    """
    points = tuple(
        {"depth": name.depth, "width": name.width, **column, "recompute_blocks": _recomputed(suffix)}
        for suffix, name in _networks()
        for column in COLUMNS
    )
    return SearchSpace(
        family="bn_only",
        name="columns",
        summary="four more trainable sets and starts of the twelve published networks on CIFAR-10, no early stopping",
        parameters={},
        points=points[1:],
        fixed={**PROTOCOL, "normalisation": "imagenet"},
        baseline=points[0],
        budget=_budget(len(points)),
        protocol=Protocol(dataset="cifar10", selection="test"),
        published=tuple(_other_columns()),
    )


def reproduction() -> SearchSpace:
    """The eighteen runs of the reproduction in PyTorch, every one to the end.

        tuner data fetch cifar10
        tuner launch bn-only --space reproduction

    Nine names of each kind, which are sixteen networks: 14 and 14_1 are twins, and their difference of 0.67 points is noise.
    As in `paper`, but trained on the 45,000 images that the same holdout leaves, normalised by 0.5 and 0.5, and one run
    each. Its accuracies on the test set are of the weights with the lowest validation loss, which for fully trained networks
    are those of epochs 81 to 84; ours are of the last epoch, and so higher by up to 2 points for these.

    Cost: 16 * 160 * 5 = 12,800 replicate-epochs of CIFAR-10.
    """
    points = tuple(
        _point(f"cifar_{kind}_{suffix}") for kind in ("freeze", "resnet") for suffix in RUNS if suffix != "14_1"
    )
    return SearchSpace(
        family="bn_only",
        name="reproduction",
        summary="the sixteen networks of a published reproduction on CIFAR-10, on its holdout, no early stopping",
        parameters={},
        points=points[1:],
        fixed=PROTOCOL,
        baseline=points[0],
        budget=_budget(len(points)),
        protocol=Protocol(dataset="cifar10"),
        published=tuple(_runs()),
    )


def _budget(trials: int) -> Budget:
    return Budget(epochs=160, grace=160, trials=trials, cpus_per_trial=2.0, gpus_per_trial=0.5)


def _point(name: str) -> dict[str, Any]:
    return {"name": name, "recompute_blocks": _recomputed(name.rpartition("_")[2])}


def _recomputed(suffix: str) -> int:
    return {"434": 12, "866": 17}.get(suffix, 0)  # about the square root of the number of blocks


def _networks() -> Iterator[tuple[str, Any]]:
    for suffix in FIGURES:
        yield suffix, parse_name(f"cifar_freeze_{suffix}")


def _two_columns() -> Iterator[Published]:
    for suffix, (everything, bn, *_) in FIGURES.items():
        for kind, accuracy in (("resnet", everything), ("freeze", bn)):
            source = STATED if (kind, suffix) in (("freeze", "110"), ("freeze", "866")) else FIGURE
            when = {"name": f"cifar_{kind}_{suffix}", **AS_THE_PAPER, **PROTOCOL}
            yield Published(when, "val_accuracy", round(accuracy / 100, 4), source)


def _other_columns() -> Iterator[Published]:
    for suffix, name in _networks():
        for column, accuracy in zip(COLUMNS, FIGURES[suffix][2:], strict=True):
            trained = PROTOCOL if column["trainable_set"] != "none" else {"image_size": 32, "batch_size": 128}
            when = {"depth": name.depth, "width": name.width, **column, **AS_THE_PAPER, **trained}
            yield Published(when, "val_accuracy", round(accuracy / 100, 4), FIGURE)


def _runs() -> Iterator[Published]:
    for suffix, results in RUNS.items():
        for kind, accuracy in zip(("freeze", "resnet"), results, strict=True):
            run = f"cifar_{kind}_{suffix}"
            when = {"name": parse_name(run).canonical, **AS_THE_PAPER, "selection": "holdout", **PROTOCOL}
            yield Published(when, "test_accuracy", round(accuracy / 100, 4), RUN.format(run))
