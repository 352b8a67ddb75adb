"""The embedded digits are the real ones, enlarged exactly, with a split that never moves."""

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from trainables import datasets
from trainables.datasets import digits


def test_both_parts_together_are_the_1797_digits() -> None:
    arrays = datasets.load("digits", 8)
    assert arrays.train_images.shape == (1442, 1, 8, 8)
    assert arrays.test_images.shape == (355, 1, 8, 8)
    ours = np.concatenate([arrays.train_images, arrays.test_images]).reshape(1797, 64)
    real = np.rint(load_digits().data * 255 / 16).astype(np.uint8)
    assert sorted(map(bytes, ours)) == sorted(map(bytes, real))


def test_the_default_side_is_16() -> None:
    arrays = datasets.load("digits")
    assert arrays.train_images.shape[1:] == (1, 16, 16)
    assert arrays.train_images.dtype == np.uint8
    assert arrays.train_labels.dtype == np.int64


def test_a_fifth_of_every_class_is_tested_on() -> None:
    arrays = datasets.load("digits")
    total = np.bincount(np.concatenate([arrays.train_labels, arrays.test_labels]))
    assert np.bincount(arrays.test_labels).tolist() == (total // 5).tolist()


def test_the_split_is_the_same_for_every_side() -> None:
    assert (datasets.load("digits", 16).test_labels == datasets.load("digits", 32).test_labels).all()


def test_the_fingerprint_never_changes_and_tells_sides_apart() -> None:
    assert datasets.load("digits", 8).fingerprint == "57652c3dd0bfcab6"
    assert datasets.load("digits", 16).fingerprint != datasets.load("digits", 8).fingerprint


@pytest.mark.parametrize("side", [8, 16, 29, 32])
def test_upsampling_is_bilinear_with_centres_at_half_coordinates(side: int) -> None:
    images = load_digits().images[:50]
    reference = torch.nn.functional.interpolate(
        torch.from_numpy(images)[:, None], size=(side, side), mode="bilinear", align_corners=False
    )
    difference = digits.upsample(images, side) - reference[:, 0].numpy() * 255 / 16
    assert np.abs(difference).max() <= 0.5 + 1e-9


def test_the_file_is_read_as_scikit_learn_reads_it():
    pixels, labels = digits._bundled()
    bunch = load_digits()
    assert np.array_equal(pixels, bunch.images)
    assert np.array_equal(labels, bunch.target)
