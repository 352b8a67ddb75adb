"""The holdout is the published one, and a limit on the training images draws them once and for all."""

import numpy as np
import pytest

from trainables import datasets


def test_the_split_of_50000_images_is_that_of_batchnorm_only_training() -> None:
    train, held_out = datasets.holdout_split(50_000)
    assert (len(train), len(held_out)) == (45_000, 5_000)
    assert held_out[:5].tolist() == [33553, 9427, 199, 12447, 39489]
    assert held_out.sum() == 125_486_163
    assert train.sum() == 1_124_488_837


@pytest.mark.parametrize(("images", "held_out"), [(10, 1), (19, 1), (1437, 143)])
def test_a_tenth_rounded_down_is_held_out_and_nothing_is_lost(images: int, held_out: int) -> None:
    train, holdout = datasets.holdout_split(images)
    assert len(holdout) == held_out
    assert sorted([*train.tolist(), *holdout.tolist()]) == list(range(images))


def test_fewer_than_ten_images_are_refused() -> None:
    with pytest.raises(datasets.DatasetError, match=r"^9 training images are too few .* use at least 10"):
        datasets.holdout_split(9)


def test_a_smaller_subset_is_the_start_of_a_larger_one() -> None:
    assert datasets.subset(1000, 20).tolist() == datasets.subset(1000, 500)[:20].tolist()
    assert len(np.unique(datasets.subset(1000, 500))) == 500


@pytest.mark.parametrize("limit", [None, 100])
def test_no_limit_keeps_all_images_in_their_order(limit: int | None) -> None:
    assert datasets.subset(100, limit).tolist() == list(range(100))


def test_a_limit_above_the_dataset_is_refused() -> None:
    with pytest.raises(datasets.DatasetError, match=r"^`train_images` is 101, but the dataset has 100 .* lower it$"):
        datasets.subset(100, 101)
