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

Images are normalised by 0.5 and 0.5, as the repository in PyTorch did that trained eighteen of these networks (`reproduction`);
`paper` and `columns` take ImageNet's constants, as the paper's own code did for CIFAR-10. Searches launched before resume with
the 0.5 they began with.

On imagenet:PATH the networks are ImageNet's, ResNet-18 unless `arch` says otherwise, under the paper's protocol: batch 1024, lr
0.4 after a warm-up of five epochs, crops of random size. Its crops took 10 % to all of the image in shapes of 4:5 to 5:4; ours
8 % and 3:4 to 4:3, torchvision's. `--set depth=...` or a name asks for the networks of CIFAR.

On a handful of tiny images the deepest networks turn NaN in their first epochs: their running statistics, which evaluation
normalises by, have hardly left 0 and 1 after one batch, and what is off by a little in each of hundreds of layers overflows.
The original does so too: its ResNet-434 written out in plain PyTorch, on 18 digits of 8x8 pixels in one batch and with its lr
of 0.1, has a training loss of 7.6, 6.5 and 5.0 and a validation loss of NaN after the first epoch for three seeds.
"""

from __future__ import annotations

from typing import Any

from ray import tune

from search_spaces.papers.bn_only.published import columns, paper, reproduction
from search_spaces.space import Budget, Protocol, SearchSpace

__all__ = ["columns", "paper", "reproduction", "search", "smoke"]

SETS = ("none", "output", "bn", "bn_output", "shortcut_output", "bn_shortcut_output", "all", "random_k")
SMOKE: dict[str, Any] = {"depth": 8, "trainable_set": "bn", "gamma_init": "uniform", "lr": 0.1}
ACTIVE_WHEN: dict[str, dict[str, tuple[Any, ...]]] = {"k": {"trainable_set": ("random_k",)}}


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
    """Which depth and width, lr, weight decay, gamma and trainable set are best on CIFAR-10 with random convolutions?

        tuner data fetch cifar10
        tuner launch bn-only --space search

    A quarter of the published budget; the milestones stay at one half and three quarters of it, epochs 20 and 30 of 40.
    Curves of BatchNorm-only training rank early (the published code's nine runs correlate 0.93 and more with their final
    accuracy from the first epochs on), so the first rung comes at epoch 4. Single epochs at the high rate dip, so a rung
    ranks by the median of five: in replays of those runs that loses the best one less often (`benchmarks/results/replay.md`).

    Depths 14, 32 and 56 are drawn with widths 1, 2 and 4, nine networks between 0.03 and 2 billion multiply-accumulates an
    image; the paper widened ResNet-14 alone. One network, or others:

        tuner launch bn-only --space search --set depth=14 --set width=1
        tuner launch bn-only --space search --set 'depth=choice(14,32,56,110)' --set width=1 --set lr=0.1 --set trainable_set=bn
        tuner launch bn-only --space search --set depth=14 --set 'width=choice(1,2,4,8)' --set lr=0.1 --set trainable_set=bn

    Cost: at most 48 * 40 * 5 = 9,600 replicate-epochs of CIFAR-10; `tuner plan bn-only --space search` has the expected
    number. One seed trains up to the first rung and five from there on: 2,561 replicate-epochs are expected instead of
    3,036 with five from the beginning (`--replicates 5`), at no loss on any table of `benchmarks/results/policies.md`.
    Expected figures: of ResNet-14 the published code reached 47 % with BatchNorm alone and 90 % with everything in 160
    epochs, of ResNet-56 63 % and 92 %.
    """
    return SearchSpace(
        family="bn_only",
        name="search",
        summary="ResNets on CIFAR-10: depth and width, lr, decay, initial gamma and beta, trainable set, on a holdout",
        parameters={
            "depth": tune.choice([14, 32, 56]),
            "width": tune.choice([1, 2, 4]),
            "lr": tune.loguniform(0.01, 1.0),
            "weight_decay": tune.loguniform(1e-6, 1e-2),
            "gamma_init": tune.choice(["uniform", "ones", "signed"]),
            "beta_init": tune.choice([0.0, 1.0]),
            "trainable_set": tune.choice(["bn", "bn_output", "bn_shortcut_output", "random_k"]),
        },
        fixed={"batch_size": 128, "momentum": 0.9},
        baseline={
            "depth": 14,
            "width": 1,
            "lr": 0.1,
            "weight_decay": 1e-4,
            "gamma_init": "uniform",
            "beta_init": 0.0,
            "trainable_set": "bn",
        },
        budget=Budget(
            epochs=40, grace=4, trials=48, seeds=(1, 5), cpus_per_trial=2.0, gpus_per_trial=0.25, rank_window=5
        ),
        protocol=Protocol(dataset="cifar10"),
        active_when=ACTIVE_WHEN,
    )
