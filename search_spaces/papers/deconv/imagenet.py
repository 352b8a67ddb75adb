"""Table 2: three networks on ImageNet, plain, with BN and with ND."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from search_spaces.space import Budget, Protocol, Published, SearchSpace

# arch, norm -> top-1 and top-5 in percent; the batch-normalised VGG-11 is a network of its own.
TABLE_2 = {
    ("vgg11d", "bn"): (69.02, 88.63),
    ("vgg11_bn", "bn"): (70.38, 89.81),
    ("vgg11d", "deconv"): (71.95, 90.49),
    ("resnet18d", "bn"): (69.76, 89.08),
    ("resnet18d", "deconv"): (71.24, 90.14),
    ("densenet121d", "bn"): (74.65, 92.17),
    ("densenet121d", "deconv"): (75.73, 92.75),
}
BASELINE = ("resnet18d", "deconv")
SOURCE = "Ye et al. 2020, Table 2"
PROTOCOL = {"image_size": 224, "batch_size": 256, "weight_decay": 1e-4, "lr_schedule": "cosine"}


def imagenet() -> SearchSpace:
    """Table 2: VGG-11, ResNet-18 and DenseNet-121 on ImageNet, every one to the end.

        tuner launch deconv --space imagenet --set dataset=imagenet:/data/imagenet

    vgg11d with `norm=bn` is the original network, which has no normalisation at all; vgg11_bn is the batch-normalised one.
    The ResNets keep BN in their projections, as published. 90 epochs, batch 256, lr 0.1 and 0.01 for VGG-11, along a cosine
    to zero, weight decay 1e-4, crops of random size and mirroring; ND with block 64 in convolutions and classifier.
    Obadage et al. (2024) got 69.61, 71.35 and 71.95 for VGG-11, 70.72 and 71.58 for ResNet-18, and 75.88 and 75.67 for
    DenseNet-121, where ND was not ahead.

    No early stopping (grace = epochs). Cost: 7 * 90 * 5 = 3,150 replicate-epochs of ImageNet.
    """
    return SearchSpace(
        family="deconv",
        name="imagenet",
        summary="Table 2: VGG-11, ResNet-18 and DenseNet-121 on ImageNet, validation images select, no early stopping",
        parameters={},
        points=tuple(_run(arch, norm) for arch, norm in TABLE_2 if (arch, norm) != BASELINE),
        fixed={"revision": 2020, **PROTOCOL},
        baseline=_run(*BASELINE),
        budget=Budget(epochs=90, grace=90, trials=len(TABLE_2), cpus_per_trial=16.0, gpus_per_trial=1.0),
        protocol=Protocol(dataset="imagenet:imagenet", selection="test"),
        published=tuple(_table_2()),
    )


def _run(arch: str, norm: str) -> dict[str, Any]:
    return {"arch": arch, "norm": norm, "lr": 0.01 if arch.startswith("vgg") else 0.1}


def _table_2() -> Iterator[Published]:
    for (arch, norm), (top1, top5) in TABLE_2.items():
        when = {"dataset": "imagenet", "epochs": 90, "selection": "test", **_run(arch, norm), **PROTOCOL}
        yield Published(when, "val_accuracy", round(top1 / 100, 4), SOURCE)
        yield Published(when, "val_top5_accuracy", round(top5 / 100, 4), SOURCE)
