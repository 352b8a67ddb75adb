"""Online normalization: does it match batch normalization without a batch, and how long must its two memories be?

Paper: Chiley et al., "Online Normalization for Training Neural Networks", NeurIPS 2019. By its figures ResNet-20 trains
as well with it as with batch normalization on CIFAR-10 and CIFAR-100, and 2 to 9 points better than with group, instance
or layer normalization (`paper` prints them all).

The two knobs of its own are decays: of the statistics that normalise (`afwd`) and of the control process that keeps the
gradient orthogonal (`abkw`). A decay is 1 - 1/h with a horizon h in samples; the spaces search powers of two of h, since
the decays themselves crowd just below 1. The published sweep finds a plateau for h_fwd from 128 to 4096 and h_bwd from 8
to 512, and what look like diverged runs where h_bwd is 4 or less.

The baseline is the paper's own setting: online normalisation with horizons 1024 and 128 (CIFAR-10) and layer scaling.
lr and momentum are those of batch 128; a configuration with another batch size trains with lr and momentum rescaled by
the published rule, and its results report both (`lr_given`, `lr_effective`, and so for the momentum). `--set
batch_size_rule=false` searches them as they are.

Images are normalised as published, by the mean and deviation of all pixels of CIFAR-10 or CIFAR-100, ImageNet's by its own.
Digits and folders, on which nothing was published, get 0.5 and 0.5. On ImageNet training images are crops of random size,
also as published. Searches launched before either was so resume as they began: with 0.5, and mirroring alone.
"""

from __future__ import annotations

from typing import Any

from ray import tune

from search_spaces.papers.online_norm.knobs import ACTIVE_WHEN, OTHERS, PUBLISHED
from search_spaces.papers.online_norm.published import decays, imagenet, paper
from search_spaces.space import Budget, Protocol, SearchSpace

__all__ = ["decays", "imagenet", "paper", "search", "smoke"]


def smoke() -> SearchSpace:
    """Does everything work? ResNet-8 on scikit-learn's digits with every norm and eight pairs of horizons.

        tuner launch online-norm

    The digits are 8x8 pixels as they come. The grid is complete, so the leaderboard compares all six norm modes with
    each other and the horizons (16, 128, 1024) x (4, 16, 128), as far as h_bwd <= h_fwd, among themselves.

    Cost: 0.25 s of CPU time for an epoch of a replicate on one core of a two-core Intel Xeon virtual machine (between
    0.14 s without norms and 0.33 s with online ones); about 240 of the 390 replicate-epochs are trained. Expected
    figures, from one search with seed 0: at epoch 2 a median of 0.92 to 0.97 on the holdout for the online
    configurations, 0.94 for batch and group, 0.92 for instance, 0.90 for layer, 0.19 without norms, which end at 0.68;
    the online configurations that go on end at 0.99.
    """
    points: list[dict[str, Any]] = [
        *({"norm_mode": mode} for mode in (*OTHERS, "none")),
        *(
            {"norm_mode": "online", "h_fwd": forward, "h_bwd": backward}
            for forward in (16, 128, 1024)
            for backward in (4, 16, 128)
            if backward <= forward and (forward, backward) != (1024, 128)  # the baseline
        ),
    ]
    return SearchSpace(
        family="online_norm",
        name="smoke",
        summary="ResNet-8 on scikit-learn's digits: six norms, eight pairs of horizons; a minute on two CPU cores",
        parameters={},
        points=tuple(points),
        fixed={"depth": 8, "image_size": 8, "batch_size": 128, "lr": 0.1, "momentum": 0.9, "lr_milestones": (4, 5)},
        baseline={"norm_mode": "online", "h_fwd": 1024, "h_bwd": 128},
        budget=Budget(epochs=6, grace=2, trials=1 + len(points), seconds_per_replicate_epoch=0.25),
        protocol=Protocol(dataset="digits"),
        active_when=ACTIVE_WHEN,
    )


def search() -> SearchSpace:
    """Which horizons, error compensation, learning rate and batch size are best for ResNet-20 on CIFAR-10?

        tuner data fetch cifar10
        tuner launch online-norm --space search

    Half the published budget, with its milestones at the same shares of it: 50, 75 and 100 of 125 epochs. Accuracy
    jumps at each drop of lr, and the published best epochs all lie past the second; before the first drop a high lr
    looks worse than it is. So the only rung below the budget is epoch 55, five epochs past the first drop.

    Online normalisation itself does not depend on the batch size; lr and momentum do, and follow the published rule. An
    epoch of batch 16 takes several times as long as one of batch 128; `--set 'batch_size=choice(64,128,256)'` leaves
    small ones out. `clamp_val` around the usual 5 is searched only where `ecm` is `ac`; the published runs used `ls`.

    Cost: 48 configurations x 5 replicates, at most 48 * 125 * 5 = 30,000 replicate-epochs of CIFAR-10; `tuner plan
    online-norm --space search` has the expected number. One seed trains up to the rung and five from there on: 13,082
    replicate-epochs are expected instead of 19,612 with five from the beginning (`--replicates 5`), at no loss on any
    table of `benchmarks/results/policies.md`. Expected figures: 0.92 on the test set for the plateau of the published
    sweep at twice the budget, somewhat less on the 45,000 images that the holdout leaves.
    """
    return SearchSpace(
        family="online_norm",
        name="search",
        summary="ResNet-20 on CIFAR-10: horizons, error compensation, lr and batch size, tuned on a holdout",
        parameters={
            "h_fwd": tune.choice([2**k for k in range(5, 13)]),
            "h_bwd": tune.choice([2**k for k in range(2, 10)]),  # a draw with h_bwd > h_fwd is drawn again
            "ecm": tune.choice(["ls", "ac", "none"]),
            "clamp_val": tune.uniform(3.0, 8.0),
            "lr": tune.loguniform(0.01, 0.5),
            "batch_size": tune.choice([16, 32, 64, 128, 256]),
        },
        fixed={
            "norm_mode": "online",
            "depth": 20,
            "momentum": 0.9,
            "weight_decay": 2e-4,
            "lr_milestones": (50, 75, 100),
        },
        baseline={**PUBLISHED, "lr": 0.1, "batch_size": 128},
        budget=Budget(epochs=125, grace=55, trials=48, seeds=(1, 5), cpus_per_trial=2.0, gpus_per_trial=0.25),
        protocol=Protocol(dataset="cifar10"),
        active_when=ACTIVE_WHEN,
    )
