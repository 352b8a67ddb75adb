"""The classic ImageNet models: which learning rate, schedule, regularisation and start does each of them want?

Source: PyTorch training runs of LeNet-5, AlexNet V2, VGG-16 and 19, ResNets, Inception v1 and MobileNet v1, published with
their training configurations and accuracies. A configuration that leaves a knob out has its model's published value, so
one space can hold all models; `lr_multiple` varies the learning rate around the published one of each.

Published figures, and what is to be said of each (top-1 / top-5 of single runs, mean over unequal batches, inputs never
divided by 255, best epoch on the validation images):

    AlexNet V2    57.69 / 79.10  plateau on the validation loss, stopped early; an earlier script reached 50.98, measured
                                 on randomly cropped and mirrored validation images, without normalisation
    VGG-16        69.21 / 88.67
    VGG-19        70.04 / 89.30  the batch was changed from 128 to 64 within the run
    ResNet-18     69.02 / 88.63  published as ResNet-34, 68.96 at epoch 93: the network has 18 layers, and the log's best
                                 epoch is 113
    ResNet-50     73.93 / 91.54
    Inception v1  69.58 / 89.21  stopped after 90 epochs, best at 83
    MobileNet v1  63.37 / 84.81
    LeNet-5       99.07          on MNIST, at the last of 50 epochs: dataset=mnist:PATH

`readme` has the two runs of an earlier README, 50.98 by another script, and 68.96 / 88.61 of the run above at its epoch 93;
`mnist` has LeNet-5's.

Images are normalised as published, ImageNet's by its own mean and deviation, MNIST's by 0.1307 and 0.3081; others, on which
nothing was published, by 0.5 and 0.5. Searches on MNIST launched before this was so resume with the 0.5 they began with.

On a handful of tiny images ResNet-152 turns NaN in its first epoch, in validation: running statistics have hardly left 0 and 1
after one batch, and what is off by a little in each of many layers overflows. The original does so too: torchvision's ResNet-152
with its stride and its lr of 0.1, on 18 digits of 32x32 pixels in one batch, has a training loss of 2.5 and 2.4 and a
validation loss of NaN after the first epoch for two seeds.

The objective is top-1 accuracy; top-5 accuracy is reported beside it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ray import tune

from search_spaces.space import Budget, Protocol, Published, SearchSpace

ALEXNETS = ("alexnet_v1", "alexnet_v2")
VGGS = ("vgg16", "vgg19")
RESNETS = ("resnet18", "resnet34", "resnet50", "resnet152")
# All but LeNet-5, whose ten outputs and 32 pixels are not ImageNet's.
MODELS = (*ALEXNETS, *VGGS, *RESNETS, "inception_v1", "mobilenet_v1")
WITH_SGD = (*ALEXNETS, *VGGS, *RESNETS, "inception_v1")
# Which knob exists beside which.
ACTIVE_WHEN: dict[str, dict[str, tuple[Any, ...]]] = {
    "momentum": {"model": WITH_SGD},
    "weight_decay": {"model": WITH_SGD},
    "rmsprop_alpha": {"model": ("mobilenet_v1",)},
    "rmsprop_eps": {"model": ("mobilenet_v1",)},
    "width": {"model": ("mobilenet_v1",)},
    "dropout": {"model": (*ALEXNETS, *VGGS, "inception_v1")},
    "init": {"model": (*ALEXNETS, *VGGS, "inception_v1")},
    "lrn": {"model": (*ALEXNETS, "inception_v1")},
    "lrn_k": {"lrn": ("5", "channels")},
    "aux_weight": {"model": ("inception_v1",)},
    "lr_factor": {"lr_schedule": ("plateau", "step")},
    "plateau_patience": {"lr_schedule": ("plateau",)},
    "lr_step": {"lr_schedule": ("step",)},
    "poly_power": {"lr_schedule": ("poly",)},
}
RAW = {"input_scale": "raw255"}
AS_PUBLISHED = {**RAW, "image_size": 224}
# model -> top-1 and top-5 in percent, how they were obtained
FIGURES = {
    "alexnet_v2": (57.69, 79.10, "one run, stopped early, plateau on the loss"),
    "vgg16": (69.21, 88.67, "one run"),
    "vgg19": (70.04, 89.30, "one run, batch 128 then 64"),
    "resnet18": (69.017, 88.625, "log of one run named ResNet-34, epoch 113"),
    "resnet50": (73.93, 91.54, "one run"),
    "inception_v1": (69.58, 89.21, "one run of 90 epochs, epoch 83"),
    "mobilenet_v1": (63.37, 84.81, "one run"),
}


def smoke() -> SearchSpace:
    """Does everything work? LeNet-5 on scikit-learn's digits, three optimizers; about a minute on two CPU cores.

        tuner launch imagenet --space smoke

    The digits are enlarged to the 32x32 pixels that LeNet-5 needs. The same space on a folder of one's own (train/ and
    test/ or val/, a folder a class), here with AlexNet V2, whose smallest images are 63x63:

        tuner launch imagenet --space smoke --set dataset=folder:cifar10 --set model=alexnet_v2 --set image_size=64 \\
            --set optimizer=adam --set 'lr=loguniform(5e-5,2e-3)' --set 'dropout=uniform(0,0.7)' \\
            --set 'lrn=choice(off,5,channels)' --set 'init=choice(default,kaiming,xavier)'

    (`benchmarks/results/imagenet-smoke.md` has such a search, and one with SGD that learnt nothing in as many epochs.)

    Cost: 0.4 s for an epoch of a replicate of LeNet-5 on one core of a two-core Intel Xeon virtual machine. Expected
    figures: the published setting (Adam, 1e-3) 0.965 on the holdout and 0.969 on the test set after 9 epochs.
    """
    return SearchSpace(
        family="imagenet",
        name="smoke",
        summary="LeNet-5 on scikit-learn's digits, three optimizers; a minute on two CPU cores",
        parameters={
            "optimizer": tune.choice(["adam", "sgd", "rmsprop"]),
            "lr": tune.loguniform(3e-4, 3e-2),
            "momentum": tune.uniform(0.8, 0.99),
            "rmsprop_eps": tune.choice([1e-8, 1e-3]),
            "weight_decay": tune.loguniform(1e-5, 1e-3),
            "lr_schedule": tune.choice(["plateau", "cosine", "constant"]),
            "batch_size": tune.choice([32, 64, 128]),
        },
        fixed={"model": "lenet5"},
        baseline={"optimizer": "adam", "lr": 1e-3, "weight_decay": 0.0, "lr_schedule": "plateau", "batch_size": 64},
        budget=Budget(epochs=9, grace=1, trials=16, seconds_per_replicate_epoch=0.4),
        protocol=Protocol(dataset="digits"),
        active_when={
            "momentum": {"optimizer": ("sgd",)},
            "rmsprop_eps": {"optimizer": ("rmsprop",)},
        },
    )


def search() -> SearchSpace:
    """Which model and training configuration is best on ImageNet in 90 epochs? Ten models, knobs conditional on each.

        tuner launch imagenet --space search --set dataset=imagenet:/data/imagenet

    The folder holds train/ and val/ with a folder for each synset. One model alone is `--set model=resnet50`; the depth of
    a ResNet is its name. The baseline is ResNet-18 as published. Learning rates run from a tenth to five times the
    published one of each model, which covers 1e-3 to 5e-2 for AlexNet, VGG and Inception and 0.01 to 0.5 for ResNets.

    The grace period is 30 epochs: before its first drops, at a third of the budget, a high learning rate looks worse than
    it is. Cost: 48 configurations x 5 replicates, at most 48 * 90 * 5 = 21,600 replicate-epochs of ImageNet: for a cluster.
    One seed trains up to the rung and five from there on: 9,134 replicate-epochs are expected instead of 12,696 with five
    from the beginning (`--replicates 5`), at no loss on any table of `benchmarks/results/policies.md`. Expected figures:
    those above within 90 epochs, or better, since inputs are scaled as they should be.
    """
    return SearchSpace(
        family="imagenet",
        name="search",
        summary="ten classic models on ImageNet: schedule, regularisation, start, each model's own knobs, on a holdout",
        parameters={
            "model": tune.choice(list(MODELS)),
            "lr_multiple": tune.loguniform(0.1, 5.0),
            "weight_decay": tune.loguniform(1e-5, 1e-3),
            "momentum": tune.uniform(0.8, 0.99),
            "batch_size": tune.choice([32, 64, 128, 256]),
            "lr_schedule": tune.choice(["plateau", "step", "multistep", "poly"]),
            "lr_factor": tune.choice([0.1, 0.2, 0.5]),
            "plateau_patience": tune.randint(3, 11),
            "lr_step": tune.choice([10, 20, 30]),
            "poly_power": tune.choice([0.5, 1.0]),
            "dropout": tune.uniform(0.0, 0.7),
            "init": tune.choice(["default", "kaiming", "xavier"]),
            "lrn": tune.choice(["off", "5", "channels"]),
            "lrn_k": tune.choice([1.0, 2.0]),
            "aux_weight": tune.uniform(0.0, 0.5),
            "jitter": tune.uniform(0.0, 0.4),
            "rmsprop_alpha": tune.uniform(0.9, 0.99),
            "rmsprop_eps": tune.choice([1e-8, 1e-3, 1.0]),
            "width": tune.choice([0.25, 0.5, 0.75, 1.0]),
        },
        fixed={"poly_epochs": 90},
        baseline={
            **{"model": "resnet18", "lr_multiple": 1.0, "weight_decay": 1e-4, "momentum": 0.9, "batch_size": 256},
            **{"lr_schedule": "plateau", "lr_factor": 0.1, "plateau_patience": 10, "jitter": 0.0},
        },
        budget=Budget(epochs=90, grace=30, trials=48, seeds=(1, 5), cpus_per_trial=16.0, gpus_per_trial=1.0),
        protocol=Protocol(dataset="imagenet:imagenet"),
        active_when=ACTIVE_WHEN,
    )


def paper() -> SearchSpace:
    """The seven published ImageNet runs under their own protocol, every one to the end, published figures beside ours.

        tuner launch imagenet --space paper --set dataset=imagenet:/data/imagenet

    `input_scale=raw255` repeats what all of them did: pixels of 0 to 255, normalised as if they were of 0 to 1. Accuracy is
    taken on the validation images, at the best epoch of the median's curve, as the published figures are, so it lies above
    the value at the last epoch. AlexNet and ResNet-18 follow the plateau of the validation loss and ResNet-18 has batches
    of 512, as in the script that produced their figures.

    Three things differ. Images are reduced with antialiasing, where the published runs had none. Validation is on centre
    crops, each image weighing the same. VGG-19 trains with a batch of 64 throughout.

    No early stopping (grace = epochs). Cost: 7 * 200 * 5 = 7,000 replicate-epochs of ImageNet.
    """
    points: tuple[dict[str, Any], ...] = tuple(
        {"model": model} for model in FIGURES if model not in ("alexnet_v2", "resnet18")
    )
    points += ({"model": "resnet18", "plateau_metric": "loss", "batch_size": 512},)
    return SearchSpace(
        family="imagenet",
        name="paper",
        summary="the seven published ImageNet runs, validation images select, no early stopping",
        parameters={},
        points=points,
        fixed=AS_PUBLISHED,
        baseline={"model": "alexnet_v2", "plateau_metric": "loss"},
        budget=Budget(epochs=200, grace=200, trials=1 + len(points), cpus_per_trial=16.0, gpus_per_trial=1.0),
        protocol=Protocol(dataset="imagenet:imagenet", selection="test"),
        active_when=ACTIVE_WHEN,
        published=tuple(_published()),
    )


def readme() -> SearchSpace:
    """The two runs of an earlier README under the scripts that made them, both to the end.

        tuner launch imagenet --space readme --set dataset=imagenet:/data/imagenet

    AlexNet V2 with lr 0.01 and a tenth of it from each of the epochs 30, 45, 80 and 95, Kaiming's start and pixels of 0 to 255
    without normalisation: 50.98, measured on randomly cropped and mirrored validation images, where ours are centre crops.
    ResNet-18, published as ResNet-34, with batches of 512, following the plateau of the validation loss: 68.96 / 88.61 at
    epoch 93; by its log the best was 69.02 / 88.63 at epoch 113 (`paper`).

    No early stopping (grace = epochs). Cost: 2 * 200 * 5 = 2,000 replicate-epochs of ImageNet.
    """
    return SearchSpace(
        family="imagenet",
        name="readme",
        summary="AlexNet V2 and ResNet-18 as in an earlier README, validation images select, no early stopping",
        parameters={},
        points=({"model": "resnet18", "plateau_metric": "loss", "batch_size": 512},),
        fixed=AS_PUBLISHED,
        baseline={
            **{"model": "alexnet_v2", "lr_schedule": "multistep", "lr_milestones": (30, 45, 80, 95)},
            **{"init": "kaiming", "normalisation": "none"},
        },
        budget=Budget(epochs=200, grace=200, trials=2, cpus_per_trial=16.0, gpus_per_trial=1.0),
        protocol=Protocol(dataset="imagenet:imagenet", selection="test"),
        active_when=ACTIVE_WHEN,
        published=(
            _figure(
                "alexnet_v2", "val_accuracy", 50.98, "README: one run, validation images randomly cropped and mirrored"
            ),
            _figure("resnet18", "val_accuracy", 68.96, "README: one run named ResNet-34, epoch 93"),
            _figure("resnet18", "val_top5_accuracy", 88.61, "README: one run named ResNet-34, epoch 93"),
        ),
    )


def mnist() -> SearchSpace:
    """LeNet-5 on MNIST as published, to the end.

        tuner launch imagenet --space mnist --set dataset=mnist:/data/mnist

    50 epochs of Adam with lr 1e-3 that follows the plateau of the accuracy, batch 64, 28x28 pixels framed to 32x32. The published
    99.07 is of the last epoch, which was its best.

    Cost: 50 * 5 = 250 replicate-epochs of MNIST.
    """
    when = {"model": "lenet5", "dataset": "mnist", "epochs": 50, "selection": "test", **RAW, "image_size": 32}
    return SearchSpace(
        family="imagenet",
        name="mnist",
        summary="LeNet-5 on MNIST, test-set selection, no early stopping",
        parameters={},
        fixed={**RAW, "image_size": 32},
        baseline={"model": "lenet5"},
        budget=Budget(epochs=50, grace=50, trials=1, gpus_per_trial=0.25),
        protocol=Protocol(dataset="mnist:mnist", selection="test"),
        published=(
            Published(when, "val_accuracy", 0.9907, "log of one run, epoch 50", at="best"),
            Published(when, "val_top5_accuracy", 1.0, "log of one run, epoch 50", at="best"),
        ),
    )


def _published() -> Iterator[Published]:
    for model, (top1, top5, how) in FIGURES.items():
        yield _figure(model, "val_accuracy", top1, how)
        yield _figure(model, "val_top5_accuracy", top5, how)


def _figure(model: str, metric: str, percent: float, how: str) -> Published:
    when = {"model": model, "dataset": "imagenet", "epochs": 200, "selection": "test", **AS_PUBLISHED}
    return Published(when, metric, round(percent / 100, 5), how, at="best")
