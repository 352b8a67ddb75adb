"""What was published of ResNets with random convolutions on CIFAR-10: the paper's figure, and the runs of a reproduction."""

from __future__ import annotations

# Test accuracy in percent by the paper's first figure, read off to about 0.3 points: everything trained; BatchNorm alone;
# BatchNorm alone from other initial values; with shortcuts and output; shortcuts and output alone; nothing.
FIGURES = {
    "14": (90.5, 48.4, 50.7, 63.2, 48.9, 10.6),
    "32": (92.3, 57.5, 59.5, 66.7, 45.7, 10.2),
    "56": (93.2, 62.9, 64.9, 71.1, 42.6, 10.8),
    "110": (93.4, 69.7, 71.8, 74.6, 19.1, 10.3),
    "218": (93.4, 75.7, 77.5, 78.3, 17.2, 9.9),
    "434": (92.9, 80.1, 81.4, 80.5, 12.8, 10.3),
    "866": (92.8, 82.0, 83.9, 82.0, 13.0, 10.1),
    "14_2": (93.0, 53.3, 56.6, 72.5, 57.5, 10.3),
    "14_4": (94.1, 59.5, 61.5, 79.5, 66.0, 9.3),
    "14_8": (94.9, 64.4, 66.4, 83.4, 73.0, 10.1),
    "14_16": (95.1, 68.2, 70.7, 85.6, 77.4, 10.1),
    "14_32": (95.1, 73.5, 74.5, 87.0, 79.8, 9.6),
}
FIGURE = "Frankle et al. 2020, arXiv 2003.00152v1, figure of CIFAR-10 accuracy, read off to 0.3 points; mean of 5 runs"
STATED = "Frankle et al. 2020, arXiv 2003.00152, stated in the text"

# Test accuracy in percent of single runs, of the weights with the lowest validation loss: BatchNorm alone, everything.
RUNS = {
    "14": (46.86, 89.85),
    "14_1": (47.53, 89.90),
    "32": (56.89, 91.93),
    "56": (62.61, 91.89),
    "110": (69.96, 92.17),
    "218": (76.03, 91.21),
    "14_2": (53.08, 91.76),
    "14_4": (58.02, 93.27),
    "14_8": (64.86, 94.29),
}
RUN = "BatchNorm_params_training, 2020: run {}, the epoch with the lowest validation loss"
