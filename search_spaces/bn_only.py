"""Training BatchNorm and only BatchNorm: how far do random features go, and what do gamma and beta need for it?

Paper: Frankle, Schwab, Morcos, "Training BatchNorm and Only BatchNorm: On the Expressive Power of Random Features in
CNNs", ICLR 2021 (arXiv 2003.00152). With every convolution and the classifier frozen at random values, a ResNet-110 that
trains its 8,288 gammas and betas reaches 69.7 % on CIFAR-10, a ResNet-866 82 %; depth helps more than width at the same
number of trained parameters. gamma starts from U[0, 1), beta from 0.

Every leaderboard shows `n_trainable` beside the accuracy; `tuner show` has gamma and beta of the last epoch in summary
(`gamma_...`, `beta_...`) and the accuracy after setting small gammas to zero (`val_accuracy_pruned_...`). Weight decay
acts on gamma and beta as published, and shrinks a gamma without gradient to 0.05 of itself over the published schedule:
read `gamma_fraction_below_0.01` with that in mind, and search `bn_weight_decay` to separate the two.

lr drops at one half and three quarters of whatever the budget is. Depths of 218 and more diverge at times under the
published schedule, by an independent reproduction; `--set recompute_blocks=12` makes them fit in memory.

Names such as cifar_freeze_14_16 end in the multiplier of 16 filters. Those of the library open_lth end in the filters
themselves: its cifar_resnet_14_16 is cifar_resnet_14 here.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ray import tune

from search_spaces.space import Budget, Protocol, Published, SearchSpace

DEPTHS = (14, 32, 56, 110, 218, 434, 866)
WIDTHS = (1, 2, 4, 8, 16, 32)  # at depth 14
SUFFIXES = (*(str(depth) for depth in DEPTHS), *(f"14_{width}" for width in WIDTHS))
SETS = ("none", "output", "bn", "bn_output", "shortcut_output", "bn_shortcut_output", "all", "random_k")
SMOKE: dict[str, Any] = {"depth": 8, "trainable_set": "bn", "gamma_init": "uniform", "lr": 0.1}
ACTIVE_WHEN: dict[str, dict[str, tuple[Any, ...]]] = {"k": {"trainable_set": ("random_k",)}}

# Test accuracy in percent by the paper's first figure, read off to about 0.3 points: everything trained, BatchNorm alone.
FIGURES = {
    "14": (90.5, 48.4),
    "32": (92.3, 57.5),
    "56": (93.2, 62.9),
    "110": (93.4, 69.7),
    "218": (93.4, 75.7),
    "434": (92.9, 80.1),
    "866": (92.8, 82.0),
    "14_2": (93.0, 53.3),
    "14_4": (94.1, 59.5),
    "14_8": (94.9, 64.4),
    "14_16": (95.1, 68.2),
    "14_32": (95.1, 73.5),
}
FIGURE = "Frankle et al. 2020, arXiv 2003.00152v1, figure of CIFAR-10 accuracy, read off to 0.3 points; mean of 5 runs"
STATED = "Frankle et al. 2020, arXiv 2003.00152, stated in the text"


def smoke() -> SearchSpace:
    """Does everything work? ResNet-8 and ResNet-14 on scikit-learn's digits, every trainable set, three gammas, three lr.

        tuner launch bn-only

    The digits are 8x8 pixels as they come, and train without augmentation. The grid is complete: each of the eight
    trainable sets at depth 8, and BatchNorm alone also at depth 14, from gamma 1 and U[-1, 1), and with a third and
    three times the learning rate.
    """
    points: list[dict[str, Any]] = [
        *({"trainable_set": name} for name in SETS if name != "bn"),
        {"depth": 14},
        {"gamma_init": "ones"},
        {"gamma_init": "signed"},
        {"lr": 0.03},
        {"lr": 0.3},
    ]
    return SearchSpace(
        family="bn_only",
        name="smoke",
        summary="ResNet-8 on scikit-learn's digits: eight trainable sets, initial gammas, lr; two minutes on two CPU cores",
        parameters={},
        points=tuple({**SMOKE, **point} for point in points),
        fixed={"image_size": 8, "batch_size": 64},
        baseline=SMOKE,
        budget=Budget(epochs=9, grace=3, trials=1 + len(points)),
        protocol=Protocol(dataset="digits"),
        active_when=ACTIVE_WHEN,
    )


def search() -> SearchSpace:
    """Which lr, weight decay, gamma and trainable set are best for ResNet-14 on CIFAR-10 with random convolutions?

        tuner data fetch cifar10
        tuner launch bn-only --space search

    A quarter of the published budget; the milestones stay at one half and three quarters of it, epochs 20 and 30 of 40.
    Curves of BatchNorm-only training rank early (the published code's nine runs correlate 0.93 and more with their final
    accuracy from the first epochs on), so the first rung comes at epoch 4. Single epochs at the high rate dip, so a rung
    ranks by the median of five: in replays of those runs that loses the best one less often (`benchmarks/results/replay.md`).

    Then depth and width at what was found, on the same budget:

        tuner launch bn-only --space search --set 'depth=choice(14,32,56,110)' --set lr=0.1 --set trainable_set=bn
        tuner launch bn-only --space search --set 'width=choice(1,2,4,8)' --set lr=0.1 --set trainable_set=bn

    Cost: at most 48 * 40 * 5 = 9,600 replicate-epochs of CIFAR-10; `tuner plan bn-only --space search` has the
    expected number. With `--seeds 1,5` one seed trains up to the first rung and five from there on: 2,561
    replicate-epochs are expected instead of 3,036. Expected figures: the published code reached 47 % with BatchNorm
    alone and 90 % with everything in 160 epochs.
    """
    return SearchSpace(
        family="bn_only",
        name="search",
        summary="ResNet-14 on CIFAR-10: lr, weight decay, initial gamma and beta, trainable set, tuned on a holdout",
        parameters={
            "lr": tune.loguniform(0.01, 1.0),
            "weight_decay": tune.loguniform(1e-6, 1e-2),
            "gamma_init": tune.choice(["uniform", "ones", "signed"]),
            "beta_init": tune.choice([0.0, 1.0]),
            "trainable_set": tune.choice(["bn", "bn_output", "bn_shortcut_output", "random_k"]),
        },
        fixed={"depth": 14, "width": 1, "batch_size": 128, "momentum": 0.9},
        baseline={
            "lr": 0.1,
            "weight_decay": 1e-4,
            "gamma_init": "uniform",
            "beta_init": 0.0,
            "trainable_set": "bn",
        },
        budget=Budget(epochs=40, grace=4, trials=48, cpus_per_trial=2.0, gpus_per_trial=0.25, rank_window=5),
        protocol=Protocol(dataset="cifar10"),
        active_when=ACTIVE_WHEN,
    )


def paper() -> SearchSpace:
    """The published networks on CIFAR-10, BatchNorm alone and everything trained, every one to the end.

        tuner data fetch cifar10
        tuner launch bn-only --space paper

    Seven depths at width 1 and six widths at depth 14, of each kind: 26 names, which are 24 networks, since 14_1 is 14.
    160 epochs, batch 128, lr 0.1 with a tenth of it from epochs 80 and 120, momentum 0.9, weight decay 1e-4 on everything
    trained, padded crops and mirroring, accuracy on the test set at the last epoch, five seeds: the paper's protocol but
    for the normalisation of the images (to [-1, 1], as the published reproduction) and the drop of lr at whole epochs.
    The paper's accuracies are means; ours are medians.

    No early stopping (grace = epochs). Cost: 24 * 160 * 5 = 19,200 replicate-epochs of CIFAR-10, the deepest two of them
    of 2.0 billion multiply-accumulates an image forward: a GPU's work. What does not fit in memory is refused before
    anything starts; depths 434 and 866 recompute groups of 12 and 17 blocks so that they do.
    """
    points = tuple(_point(kind, suffix) for kind in ("freeze", "resnet") for suffix in SUFFIXES)
    baseline = _point("freeze", "14")
    return SearchSpace(
        family="bn_only",
        name="paper",
        summary="the 26 published names on CIFAR-10, test-set selection, no early stopping",
        parameters={},
        points=tuple(point for point in points if point != baseline),
        fixed={"batch_size": 128, "lr": 0.1, "momentum": 0.9, "weight_decay": 1e-4},
        baseline=baseline,
        budget=Budget(epochs=160, grace=160, trials=2 * len(FIGURES), cpus_per_trial=2.0, gpus_per_trial=0.5),
        protocol=Protocol(dataset="cifar10", selection="test"),
        published=tuple(_published()),
    )


def _point(kind: str, suffix: str) -> dict[str, Any]:
    recomputed = {"434": 12, "866": 17}.get(suffix, 0)  # about the square root of the number of blocks
    return {"name": f"cifar_{kind}_{suffix}", "recompute_blocks": recomputed}


def _published() -> Iterator[Published]:
    for suffix, (everything, bn) in FIGURES.items():
        for kind, accuracy in (("resnet", everything), ("freeze", bn)):
            source = STATED if (kind, suffix) in (("freeze", "110"), ("freeze", "866")) else FIGURE
            yield Published({"name": f"cifar_{kind}_{suffix}"}, "val_accuracy", round(accuracy / 100, 4), source)
