"""Table 1 of Ye et al. (2020): ten networks on CIFAR-10 and CIFAR-100 after 1, 20 and 100 epochs."""

from __future__ import annotations

from collections.abc import Iterator

from search_spaces.space import Published

# Top-1 in percent on the test set: CIFAR-10 BN and ND after 1, 20 and 100 epochs, then CIFAR-100.
EPOCHS = (1, 20, 100)
TABLE_1 = {
    "vgg16": ((14.12, 74.18, 90.07, 93.25, 93.58, 94.56), (2.01, 37.94, 63.22, 71.97, 72.75, 75.32)),
    "resnet": ((56.25, 72.89, 92.64, 94.07, 94.87, 95.40), (16.10, 35.73, 72.67, 76.55, 77.70, 78.63)),
    "preact": ((55.15, 72.70, 91.93, 94.10, 94.37, 95.44), (15.17, 36.52, 70.79, 76.04, 76.14, 79.14)),
    "densenet121": ((59.56, 76.63, 93.25, 94.89, 94.71, 95.88), (17.90, 42.91, 74.79, 77.63, 77.99, 80.69)),
    "resnext": ((52.14, 69.22, 93.12, 94.05, 95.15, 95.80), (17.98, 30.93, 74.26, 77.35, 78.60, 80.34)),
    "mobilev2": ((54.29, 65.40, 89.86, 92.52, 90.51, 94.35), (15.88, 29.01, 66.31, 72.33, 67.52, 74.90)),
    "dpn": ((34.00, 53.02, 92.87, 93.74, 95.14, 95.82), (8.84, 21.89, 74.87, 76.12, 78.87, 80.38)),
    "pnasnetA": ((21.81, 64.19, 75.85, 81.97, 81.22, 84.45), (10.49, 36.52, 44.60, 55.65, 54.52, 59.44)),
    "senet": ((57.63, 67.21, 92.37, 94.11, 94.57, 95.38), (16.60, 32.22, 71.10, 75.79, 76.41, 78.63)),
    "efficient": ((35.40, 55.67, 84.21, 86.78, 86.07, 88.42), (19.03, 22.40, 57.23, 57.59, 59.09, 62.37)),
}
SOURCE = "Ye et al. 2020, Table 1"
# This cell repeats that of another network.
DOUBTFUL = ("pnasnetA", "cifar100", "deconv", 1)
# What each run has in common.
PROTOCOL = {"image_size": 32, "batch_size": 128, "lr": 0.1, "weight_decay": 1e-3, "lr_schedule": "cosine"}


def table_1() -> Iterator[Published]:
    """Every cell of the table."""
    for arch, rows in TABLE_1.items():
        for dataset, row in zip(("cifar10", "cifar100"), rows, strict=True):
            cells = [(norm, epochs) for epochs in EPOCHS for norm in ("bn", "deconv")]
            for (norm, epochs), percent in zip(cells, row, strict=True):
                doubt = " (repeats another row's)" if (arch, dataset, norm, epochs) == DOUBTFUL else ""
                when = {"arch": arch, "dataset": dataset, "norm": norm, "epochs": epochs, "selection": "test"}
                yield Published({**when, **PROTOCOL}, "val_accuracy", round(percent / 100, 4), SOURCE + doubt)
