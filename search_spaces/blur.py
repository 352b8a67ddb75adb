"""Blur training: which curriculum of blurred and sharp images gives the best accuracy on sharp ones?

Paper: Yoshihara, Fukiage and Nishida, "Does training with blurred images bring convolutional neural networks closer
to humans with respect to robust object recognition and internal representations?", Front. Psychol. 14:1047694 (2023).
It reports that training on blurred and sharp images together (`mix`) brings networks closer to people in robustness to
blur and only slightly less biased to texture.

Published figures: none to print beside ours. No table of the networks' accuracies was published, on ImageNet, on its 16
classes or on CIFAR-10, so `published` is empty in all spaces.

The baseline is `normal` (the paper's S-Net, sharp images only) with the values of the published CIFAR-10 code: SGD,
lr 0.01 constant, momentum 0.9, weight decay 5e-4, batch 64. It is the network that every curriculum is compared with,
and no blur knob acts in it, so it stays the same reference whatever is searched.

The objective is accuracy on sharp images, in every mode. Curricula that turn sharp late look bad until then, and a rung
before their switch would stop them for being blurred: `search` says what avoiding that costs.

Defaults follow the dataset: on imagenet:PATH and imagenet16:PATH those of the published scripts for 1000 and 16 classes. Images
are normalised as published, CIFAR-10's by 0.5 and 0.5, ImageNet's by its own mean and deviation; where nothing was published, by
0.5 and 0.5. Searches launched before on ImageNet resume with the values they began with.
"""

from __future__ import annotations

from typing import get_args

from ray import tune

from search_spaces.papers.blur.imagenet import imagenet, imagenet16
from search_spaces.papers.blur.knobs import ACTIVE_WHEN, GRID, PUBLISHED
from search_spaces.space import Budget, Protocol, SearchSpace
from trainables.config.blur import Mode

__all__ = ["imagenet", "imagenet16", "paper", "search", "smoke"]


def smoke() -> SearchSpace:
    """Does everything work? Real training on the digits that scikit-learn bundles, in about a minute on two CPU cores.

        tuner launch blur --space smoke

    Only modes without a late switch, so that a rung after one epoch is fair: `normal`, `all`, `mix`, `random-mix`. The
    digits are 8x8 pixels enlarged to 16x16: sigma 1 is visible, sigma 4 leaves a smear.

    Cost: 0.15 s for an epoch of a replicate on one core of a two-core Intel Xeon virtual machine (mean over the 16
    configurations of seed 0, 5 replicates each, one thread); about 290 of the 720 replicate-epochs are trained.
    Expected figures, from the same runs without early stopping: baseline and best configuration 0.99 on the holdout,
    `all` with sigma 2 and 4 at most 0.22 after 9 epochs, the rest between 0.91 and 0.99.
    """
    return SearchSpace(
        family="blur",
        name="smoke",
        summary="small CNN on scikit-learn's digits, four modes; a minute on two CPU cores",
        parameters={
            "mode": tune.choice(["normal", "all", "mix", "random-mix"]),
            "sigma": tune.choice([0.5, 1.0, 2.0, 4.0]),
            "max_sigma": tune.choice([1.0, 2.0, 4.0]),
            "lr": tune.loguniform(1e-3, 1e-1),
            "momentum": tune.uniform(0.8, 0.99),
            "weight_decay": tune.loguniform(1e-5, 1e-3),
            "batch_size": tune.choice([32, 64, 128]),
        },
        fixed={"arch": "small_cnn", "image_size": 16},
        baseline={"mode": "normal", **PUBLISHED},
        budget=Budget(epochs=9, grace=1, trials=16, seconds_per_replicate_epoch=0.15),
        protocol=Protocol(dataset="digits"),
        active_when=ACTIVE_WHEN,
    )


def search() -> SearchSpace:
    """What is the best curriculum for CIFAR-10? All nine modes and the optimiser, four trials to a GPU.

        tuner data fetch cifar10
        tuner launch blur --space search

    The grace period is 45 of 60 epochs, because a rung compares accuracy on sharp images and must lie past every
    switch: `multi-steps` turns sharp at epoch 40 (`multi_steps_scaled` keeps that at two thirds of any other
    budget), and the single-steps switch at 42 at the latest, `switch_fraction` reaching from 0.2 to 0.7 around the
    published 0.5. At the rung `multi-steps` has had five sharp epochs to recover, the latest single-step three.
    `multi-steps-cbt` has no switch; its sigma has shrunk to init_sigma * cbt_rate^8. With rungs 45 and 60 there is
    little to stop, so seeds are what is saved: one until the rung, where it tells which quarter goes on, and five for
    those, the four others trained from the beginning. About 6,010 replicate-epochs are expected; with five seeds from
    the beginning and a third going on (`--replicates 5 --reduction 3`) they are 12,174. The price: a trial is given up
    on the word of one seed; only figures at epoch 60 are medians of five. In the tables of
    `benchmarks/results/policies.md` that loses nothing where curves rise late or are easy, but 0.17 points (regret 0.61
    instead of 0.44) on CIFAR-10 crops, where seeds lie 2 points apart: there `--replicates 5 --reduction 3` is for. Where
    `multi-steps` and late switches are given up, the rung can lie earlier:

        tuner launch blur --space search --grace 20 --set 'switch_fraction=uniform(0.1,0.3)' \\
            --set 'mode=choice(normal,all,mix,random-mix,single-step,fixed-single-step)'

    Cost: 48 configurations x 5 replicates, at most 48 * 60 * 5 = 14,400 replicate-epochs of CIFAR-10; `tuner plan
    blur --space search` has the expected number. Five replicates of this AlexNet (36 million parameters) with their
    gradients and momenta take about 2.2 GB of a GPU before activations. Expected figures: none known.
    """
    return SearchSpace(
        family="blur",
        name="search",
        summary="CIFAR AlexNet on CIFAR-10, all nine modes and the optimiser, tuned on a holdout",
        parameters={
            "mode": tune.choice(list(get_args(Mode))),
            # On 32x32 pixels sigma 8 leaves little more than the mean colour.
            "sigma": tune.loguniform(0.5, 8.0),
            "max_sigma": tune.choice([2.0, 4.0, 5.0, 8.0]),
            "blurred_fraction": tune.uniform(0.1, 0.9),
            "switch_fraction": tune.uniform(0.2, 0.7),
            "init_sigma": tune.uniform(1.0, 4.0),
            "cbt_rate": tune.uniform(0.7, 0.99),
            "lr": tune.loguniform(1e-3, 1e-1),
            "momentum": tune.uniform(0.8, 0.99),
            "weight_decay": tune.loguniform(1e-5, 1e-3),
            "batch_size": tune.choice([64, 128, 256]),
            "augmentation": tune.choice(["none", "flip", "crop-flip"]),
        },
        fixed={"arch": "alexnet_cifar", "multi_steps_scaled": True},
        baseline={"mode": "normal", "augmentation": "none", **PUBLISHED},
        budget=Budget(
            epochs=60, grace=45, trials=48, reduction=4, seeds=(1, 5), cpus_per_trial=2.0, gpus_per_trial=0.25
        ),
        protocol=Protocol(dataset="cifar10"),
        active_when=ACTIVE_WHEN,
    )


def paper() -> SearchSpace:
    """The published grid under the published CIFAR-10 protocol, every configuration to the end.

        tuner data fetch cifar10
        tuner launch blur --space paper

    The grid is what the paper's authors studied, on ImageNet for the most part: `all` and the single-steps with
    sigma 1 to 4, `mix` with 1 to 5 and 10, `random-mix` up to 2, 4, 5, 8, 10 and 16, `multi-steps` as it is (sigma
    4, 3, 2, 1 for ten epochs each, then sharp), `multi-steps-cbt` from 1 to 4 with rates 0.9 and 0.8, and `normal`:
    38 configurations. Sigma is in pixels of the network's input, and the same number is a far stronger blur on 32x32
    than on 224x224.

    Protocol of the published CIFAR-10 code: its AlexNet variant, 60 epochs, lr 0.01 constant, momentum 0.9, weight
    decay 5e-4, batch 64, no augmentation, accuracy on the test set. That code knows five of these modes (normal,
    all, mix, single-step, multi-steps); the others follow the ImageNet code. Two things are done otherwise:
    validation is always on sharp images, and `reversed-single-step` blurs with `sigma`, where some published
    versions blurred with 1 or not at all.

    No early stopping (grace = epochs). Cost: 38 * 60 * 5 = 11,400 replicate-epochs of CIFAR-10. Expected figures: none
    were published.
    """
    return SearchSpace(
        family="blur",
        name="paper",
        summary="the published grid of modes and sigmas on CIFAR-10, test-set selection, no early stopping",
        parameters={},
        points=GRID,
        fixed={"arch": "alexnet_cifar", **PUBLISHED},
        baseline={"mode": "normal"},
        budget=Budget(epochs=60, grace=60, trials=1 + len(GRID), cpus_per_trial=2.0, gpus_per_trial=0.25),
        protocol=Protocol(dataset="cifar10", selection="test"),
        active_when=ACTIVE_WHEN,
    )
