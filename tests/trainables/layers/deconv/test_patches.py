"""Samples: the patches and pixels that are taken, and the way back of their gradient."""

import pytest
import torch
from torch.nn import functional as F

from trainables.layers.deconv.patches import FEW_COLUMNS, Patches
from trainables.layers.deconv.pixels import ChannelRuns, Columns, Pixels

# Kernel, padding, dilation, step, and the images: few columns of many images, of few images, and many columns.
PATCHES = [
    *((3, 1, 1, 3, (FEW_COLUMNS, 4, size, size)) for size in (4, 8, 10)),
    *((3, 1, 1, step, (FEW_COLUMNS + 3, 4, 8, 6)) for step in (1, 2, 6)),
    (3, 1, 1, 3, (FEW_COLUMNS - 1, 4, 4, 4)),
    (3, 0, 1, 3, (9, 4, 7, 5)),
    (3, 2, 2, 3, (9, 4, 9, 9)),
    (5, 2, 1, 2, (8, 2, 6, 6)),
    (3, 1, 1, 3, (2, 4, 32, 32)),
    (3, 1, 1, 1, (2, 4, 9, 9)),
]
OTHERS = [
    *((Pixels(step, 2, together), (3, 4, 5, 6)) for step in (1, 4) for together in (False, True)),
    *((ChannelRuns(2, step), (3, 4, 5, 6)) for step in (1, 4)),
    (Columns(3), (5, 6)),
    (Pixels(1), (1, 3, 4, 4)),
    (ChannelRuns(2, 1), (1, 2, 4, 4)),
    (Columns(6), (1, 6)),
    (Patches(1, 0, 1, 1), (FEW_COLUMNS, 1, 1, 1)),
]


def patches_as_sets(rows):
    """Every sample of a [features, samples] matrix, in an order that does not hang on theirs."""
    return sorted(map(tuple, rows.t().tolist()))


@pytest.mark.parametrize(("kernel", "padding", "dilation", "step", "shape"), PATCHES)
def test_patches_are_those_of_unfold_in_any_order(kernel, padding, dilation, step, shape) -> None:
    x = torch.randn(shape)
    ours = Patches(kernel, padding, dilation, step).extract(x)
    theirs = F.unfold(x, kernel, dilation, padding, step).movedim(0, 1).flatten(1)
    assert patches_as_sets(ours) == patches_as_sets(theirs)


@pytest.mark.parametrize("together", [False, True])
@pytest.mark.parametrize(("kernel", "padding", "dilation", "step", "shape"), PATCHES)
def test_the_gradient_of_patches_is_the_adjoint_of_taking_them(
    kernel, padding, dilation, step, shape, together
) -> None:
    check_adjoint(Patches(kernel, padding, dilation, step, 2, together), shape)


@pytest.mark.parametrize(("samples", "shape"), OTHERS)
def test_the_gradient_of_pixels_runs_and_columns_is_the_adjoint_of_taking_them(samples, shape) -> None:
    check_adjoint(samples, shape)


def check_adjoint(samples, shape) -> None:
    x = torch.randn(shape, dtype=torch.float64)
    rows = samples.extract(x)
    grad = torch.randn_like(rows)
    back = samples.scatter(grad, x.shape)
    assert back.shape == x.shape
    torch.testing.assert_close((x * back).sum(), (rows * grad).sum())
