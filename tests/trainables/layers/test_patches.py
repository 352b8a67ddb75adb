"""Samples: the patches and pixels that are taken, the gradient's way back, and memory that is used again."""

import pytest
import torch
from torch.nn import functional as F

from trainables.layers.patches import FEW_COLUMNS, Patches
from trainables.layers.pixels import ChannelRuns, Columns, Pixels
from trainables.layers.scratch import scratch

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
    # nothing to move: the gradient must be a copy all the same
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
    grad = scratch(rows.shape, rows, "a test").copy_(torch.randn_like(rows))
    back = samples.scatter(grad, x.shape)
    inner = (rows * grad).sum()
    scratch(rows.shape, rows, "a test").fill_(torch.nan)
    assert back.shape == x.shape
    torch.testing.assert_close((x * back).sum(), inner)


def test_what_was_taken_stays_when_the_memory_on_the_way_is_used_again() -> None:
    samples = Patches(3, 1, 1, 3)
    first = samples.extract(torch.ones(8, 2, 8, 8))
    before = first.clone()
    samples.extract(torch.full((8, 2, 8, 8), 7.0))
    assert torch.equal(first, before)


def test_memory_is_used_again_for_the_same_use_only_and_grows() -> None:
    like = torch.zeros(())
    small, other = scratch((3, 4), like, "one"), scratch((3, 4), like, "another")
    assert scratch((2, 6), like, "one").data_ptr() == small.data_ptr() != other.data_ptr()
    assert scratch((5, 50), like, "one").shape == (5, 50)
    assert scratch((3, 4), like.double(), "one").dtype == torch.float64


def test_memory_first_asked_for_in_inference_serves_training() -> None:
    like = torch.zeros((), dtype=torch.float64)
    with torch.inference_mode():
        scratch((3,), like, "inference")
    weight = torch.ones(3, dtype=torch.float64, requires_grad=True)
    (scratch((3,), like, "inference").fill_(2) * weight).sum().backward()
    assert weight.grad.tolist() == [2, 2, 2]
