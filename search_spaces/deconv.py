"""Network deconvolution: how much does decorrelating the input of every layer gain over batch normalisation?

Paper: Ye et al., "Network Deconvolution", ICLR 2020. In its Table 1 the decorrelated network (ND) is ahead of the
batch-normalised one (BN) in all 60 cells: by 23.1, 2.3 and 1.5 points on CIFAR-10 and 18.6, 4.7 and 3.0 on CIFAR-100,
means over ten networks after 1, 20 and 100 epochs.

**Early stopping must not compare BN with ND at the start.** After one epoch the order of two configurations is that of
their normalisers and of nothing else, and a rung there would stop every BN configuration for it. So `smoke` and `search` have
brackets by normaliser (`bracket="norm"`): at every rung BN is compared with BN and ND with ND, and the two meet at the
full budget alone. Within ND the order after one epoch is not that of the end either (in `smoke` a single Newton-Schulz step
leads then, with 0.97, and ten are last, with 0.78), which is why `search` waits for epoch 4. `paper` stops nothing.

The knobs of its own: `block`, the channels whose covariance is taken together, is the cost (its square enters the
covariance, its cube the root) and by an independent ablation hardly matters for accuracy between 32 and 128;
`sampling_stride` thins the positions the covariance is of; `n_iter`, the Newton-Schulz steps, sets how far the
input is decorrelated (a small eigenvalue grows by at most 1.5 in a step), and does so rather than `eps`.

Extensions of ours are off and can be set beside ND, none of them exact as published: `root_gradient=false`, `refresh`,
`channels_together`, `corrected_average`, `centered`.

Whitening convolutions never run in bfloat16, whatever `precision` says: under bf16 and tf32 they multiply in TF32 on a GPU.
Folded weights are large and cancel, so they keep a multiple of a plain convolution's rounding error
(`python -m benchmarks.whitening_precision`, relative error of the output, and of the weight's gradient):

    layer                       plain, bf16     whitened, bf16   whitened, TF32
    stem, 5 iterations          0.26%, 0.23%    0.78%, 0.56%     0.10%, 0.07%
    stem, 15 iterations         0.26%, 0.23%    7.92%, 5.95%     0.97%, 0.69%
    64 channels, block 64       0.24%, 0.24%    0.85%, 0.57%     0.09%, 0.07%
    64 channels, block 16       0.24%, 0.24%    0.80%, 0.54%     0.10%, 0.07%

The baseline is the paper's own setting: deconvolution with block 64 (8 in the tiny network of `smoke`), stride 3, 5
steps, eps 1e-5; SGD, lr 0.1 to zero along a cosine, weight decay 1e-3, batch 128 (32 in `smoke`).

The code of 2019, to which the mission's words mode and groups belong, is searched in `modes` and repeated in `presets`:
`--set revision=2019` turns any space to it. Knobs that the chosen revision, mode or norm does not read are not drawn.

Images are normalised as published, by the means of CIFAR-10's and CIFAR-100's channels and the mean over the images of each
image's deviations (`normalisation` cifar10-per-image and cifar100-per-image), MNIST's by 0.1307 and 0.3081, ImageNet's by
its own. Digits and folders, on which nothing was published, get 0.5 and 0.5. Searches launched before this was so resume
with the 0.5 they began with.

On imagenet:PATH at more than 64 pixels a name means the network for such images: resnet18 is resnet18d there, vgg11 is
vgg11d; a network for small images alone is refused.
"""

from __future__ import annotations

from typing import Any

from ray import tune

from search_spaces.papers.deconv.first_code import modes, presets
from search_spaces.papers.deconv.imagenet import imagenet
from search_spaces.papers.deconv.knobs import ACTIVE_WHEN, PUBLISHED
from search_spaces.papers.deconv.table_1 import PROTOCOL, TABLE_1, table_1
from search_spaces.space import Budget, Protocol, SearchSpace

__all__ = ["imagenet", "modes", "paper", "presets", "search", "smoke"]

BASELINE = ("resnet", "deconv")


def smoke() -> SearchSpace:
    """Does everything work, and does the head start show? A tiny network on scikit-learn's digits.

        tuner launch deconv

    BN with four learning rates, and deconvolution with block, sampling and steps varied one at a time around block 8,
    stride 3 and 5 steps; the classifier is decorrelated in blocks of 16. The head start shows in the curves
    (`tuner show EXPERIMENT TRIAL`): after epochs 1, 2 and 3 the median over five seeds is 0.92, 0.99 and 1.00 on the
    holdout for the baseline, and 0.58, 0.92 and 0.97 for BN at the same lr (0.56 after the first at lr 0.03 and 0.3).
    Rungs at epochs 1 and 3, within each normaliser: without these brackets the first would have stopped every BN
    configuration, of which the best ends at 0.993 and cannot be told from the baseline by five paired seeds.

    The settings were chosen so that the head start shows, and it does not show everywhere on digits: with 8x8 pixels,
    batch 128 and a classifier that is not decorrelated, BN was ahead after the first epoch (0.72 against 0.49, one
    seed). All configurations end near 1.00, so this space does not rank block, sampling or steps.

    Block 16 has fewer samples than twice its features in one layer, and its trials' logs say so.

    Cost: 0.85 s of CPU time for an epoch of a replicate with deconvolution and 0.3 s with BN, on one busy core of a
    two-core Intel Xeon virtual machine.
    """
    own = {"block": 8, "sampling_stride": 3, "n_iter": 5}
    points: list[dict[str, Any]] = [
        *({"norm": "bn", "lr": lr} for lr in (0.01, 0.03, 0.1, 0.3)),
        *({"norm": "deconv", **own, "lr": 0.1, "block": block} for block in (4, 16)),
        *({"norm": "deconv", **own, "lr": 0.1, "sampling_stride": stride} for stride in (1, 2)),
        *({"norm": "deconv", **own, "lr": 0.1, "n_iter": steps} for steps in (1, 10)),
    ]
    return SearchSpace(
        family="deconv",
        name="smoke",
        summary="tiny VGG on scikit-learn's digits: BN against deconvolution, its block, sampling and steps; two minutes",
        parameters={},
        points=tuple(points),
        fixed={"arch": "vgg_tiny", "image_size": 16, "batch_size": 32, "block_fc": 16},
        baseline={"norm": "deconv", **own, "lr": 0.1},
        budget=Budget(epochs=5, grace=1, trials=1 + len(points), seconds_per_replicate_epoch=0.7),
        protocol=Protocol(dataset="digits"),
        active_when=ACTIVE_WHEN,
        bracket="norm",
    )


def search() -> SearchSpace:
    """Which normaliser, block, sampling, steps and optimiser are best for ResNet-18 on CIFAR-10 in 20 epochs?

        tuner data fetch cifar10
        tuner launch deconv --space search

    Both normalisers are drawn, and each is a bracket: rungs at epochs 4, 8 and 16 of 20 compare BN with BN and ND with
    ND. By Table 1 the gap of ResNet-18 shrinks from 16.6 points after one epoch to 1.4 after twenty, so a rung across
    them would have judged the normaliser. What of the order within ND after one epoch lasts nobody has published, hence
    the grace of 4 epochs. One normaliser:

        tuner launch deconv --space search --set norm=deconv

    Cost: 48 configurations x 5 replicates, at most 48 * 20 * 5 = 4,800 replicate-epochs of CIFAR-10; `tuner plan
    deconv --space search` has the expected number. One seed trains up to the first rung and five from there on: 2,049
    replicate-epochs are expected instead of 2,414 with five from the beginning (`--replicates 5`), at no loss on any
    table of `benchmarks/results/policies.md`. Arithmetic beside that of the convolutions, by count: 1.0 times as much at
    block 64, 0.3 at 32, 0.13 at 16. Expected figures: the published 0.9264 for BN and 0.9407 for ND on the test set,
    somewhat less on the 45,000 images that the holdout leaves.
    """
    return SearchSpace(
        family="deconv",
        name="search",
        summary="ResNet-18 on CIFAR-10: BN or deconvolution, its block, sampling and steps, and the optimiser",
        parameters={
            "norm": tune.choice(["bn", "deconv"]),
            "block": tune.choice([16, 32, 64, 128]),
            "block_fc": tune.choice([0, 64, 512]),
            "delinear": tune.choice([True, False]),
            "sampling_stride": tune.choice([2, 3, 5]),
            "n_iter": tune.choice([1, 3, 5, 7, 10]),
            "eps": tune.loguniform(1e-6, 1e-1),
            "lr": tune.loguniform(0.01, 0.5),
            "weight_decay": tune.loguniform(1e-4, 1e-2),
            "batch_size": tune.choice([64, 128, 256, 512]),
        },
        fixed={"arch": "resnet"},
        baseline={
            **PUBLISHED,
            **{"block_fc": 0, "delinear": True, "eps": 1e-5},
            **{"lr": 0.1, "weight_decay": 1e-3, "batch_size": 128},
        },
        budget=Budget(
            epochs=20, grace=4, trials=48, reduction=2, seeds=(1, 5), cpus_per_trial=2.0, gpus_per_trial=0.25
        ),
        protocol=Protocol(dataset="cifar10"),
        active_when={
            **ACTIVE_WHEN,
            "delinear": {"norm": ("deconv",), "revision": (2020,), "block_fc": (64, 512)},
        },
        bracket="norm",
    )


def paper() -> SearchSpace:
    """Table 1: ten networks with BN and with ND under the published protocol, every one to the end.

        tuner data fetch cifar10
        tuner launch deconv --space paper
        tuner launch deconv --space paper --epochs 1 --grace 1
        tuner launch deconv --space paper --epochs 100 --grace 100
        tuner data fetch cifar100
        tuner launch deconv --space paper --set dataset=cifar100

    The table has three budgets, and each is a search of its own, for the cosine ends at the budget; published figures
    are printed beside ours for 1, 20 and 100 epochs on both datasets. `--set arch=resnet` leaves one network.

    SGD with lr 0.1 and momentum 0.9, batch 128, weight decay 1e-3 on every parameter, cosine to zero batch by batch, padded
    crops and mirroring, accuracy on the test set after the last epoch. ND with block 64, stride 3, 5 steps, eps 1e-5, and
    a classifier decorrelated in blocks of 512 as in the published commands for CIFAR; whether the table was made with it
    no source says. The sizes it prints are those of our decorrelated networks, EfficientNet's that of the published
    code, which decorrelates the input of its first layer alone. The figure of PNASNet-A on CIFAR-100 after one epoch
    repeats another network's and may be a misprint.

    Figures come from the table as transcribed by Obadage et al., "[Re] Network Deconvolution" (2024), whose own figures at
    100 epochs are no target: averages of 99.9 % are in all likelihood training accuracies. At 20 epochs on CIFAR-10 they
    have 92.4 and 94.2 for ResNet-18, and an independent report has 90.2 and 93.1 for VGG-16.

    No early stopping (grace = epochs), so BN and ND are compared at the full budget alone. Cost at 20 epochs:
    20 * 20 * 5 = 2,000 replicate-epochs of CIFAR-10.
    """
    points = tuple(
        {"arch": arch, "norm": norm} for arch in TABLE_1 for norm in ("bn", "deconv") if (arch, norm) != BASELINE
    )
    return SearchSpace(
        family="deconv",
        name="paper",
        summary="Table 1: ten networks, BN and ND, on CIFAR-10 or CIFAR-100, test-set selection, no early stopping",
        parameters={},
        points=points,
        fixed={
            **{"block": 64, "block_fc": 512, "delinear": True, "sampling_stride": 3, "n_iter": 5, "eps": 1e-5},
            **PROTOCOL,
        },
        baseline={"arch": BASELINE[0], "norm": BASELINE[1]},
        budget=Budget(epochs=20, grace=20, trials=1 + len(points), cpus_per_trial=2.0, gpus_per_trial=0.25),
        protocol=Protocol(dataset="cifar10", selection="test"),
        active_when=ACTIVE_WHEN,
        published=tuple(table_1()),
    )
