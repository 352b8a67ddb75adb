"""The batches of a trial: every image once, the same from the same generator, normalised, and never a copy too many."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from trainables import datasets
from trainables.config.training import TrainingConfig
from trainables.images import batches as bounds
from trainables.images.loaded import ImageData
from trainables.images.opened import open_images

CPU = torch.device("cpu")


def numbered(train: int = 100, test: int = 30, side: int = 8, channels: int = 3) -> datasets.Arrays:
    """Random images whose labels number them, the test images from 1000."""
    generator = np.random.default_rng(0)
    images = generator.integers(0, 256, (train + test, channels, side, side), dtype=np.uint8)
    classes = tuple(str(label) for label in range(1000 + test))
    return datasets.Arrays(
        "numbered", images[:train], np.arange(train), images[train:], 1000 + np.arange(test), classes, fingerprint="f"
    )


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def labels_of(batches) -> list[int]:
    return [label for _, labels in batches for label in labels.tolist()]


def joined(batches) -> tuple[Tensor, Tensor]:
    images, labels = zip(*batches, strict=True)
    return torch.cat(images), torch.cat(labels)


def test_an_epoch_has_every_training_image_once_and_a_short_last_batch() -> None:
    data = ImageData(numbered(), None, "test", CPU)
    batches = list(data.train_batches(32, generator()))
    assert [len(labels) for _, labels in batches] == [32, 32, 32, 4]
    assert sorted(labels_of(batches)) == list(range(100))
    assert labels_of(batches) != list(range(100))
    assert all(images.dtype == torch.float32 and labels.dtype == torch.int64 for images, labels in batches)


def test_pixels_are_normalised_as_torchvision_does() -> None:
    arrays = numbered()
    images, labels = joined(ImageData(arrays, None, "test", CPU).train_batches(32, generator()))
    reference = (torch.from_numpy(arrays.train_images).float() / 255 - 0.5) / 0.5
    assert torch.allclose(images, reference[labels], atol=1e-6)


@pytest.mark.parametrize("augmentation", ["none", "flip", "crop-flip"])
def test_batches_are_a_function_of_the_generators_state(augmentation: str) -> None:
    data = ImageData(numbered(), None, "holdout", CPU)
    first, second, other = (joined(data.train_batches(32, generator(seed), augmentation)) for seed in (3, 3, 4))
    assert torch.equal(first[0], second[0])
    assert torch.equal(first[1], second[1])
    assert not torch.equal(first[1], other[1])


def test_the_generator_advances_alike_whether_or_not_the_batches_are_taken() -> None:
    data = ImageData(numbered(), None, "holdout", CPU)
    taken, left = generator(), generator()
    for _ in data.train_batches(7, taken, "crop-flip"):
        torch.rand(3)  # what training draws meanwhile is another stream
    data.train_batches(7, left, "crop-flip")
    assert torch.equal(taken.get_state(), left.get_state())
    assert not torch.equal(taken.get_state(), generator().get_state())


def test_two_epochs_differ() -> None:
    data = ImageData(numbered(), None, "holdout", CPU)
    stream = generator()
    assert labels_of(data.train_batches(32, stream)) != labels_of(data.train_batches(32, stream))


def test_crops_reach_every_offset_and_about_half_the_images_are_mirrored() -> None:
    images = np.zeros((3000, 1, 16, 16), dtype=np.uint8)
    images[:, :, 8, 6] = 255  # mirrored it is column 9
    labels = np.arange(3000) % 2
    arrays = datasets.Arrays("dot", images, labels, images[:10], labels[:10], ("a", "b"), fingerprint="f")
    data = ImageData(arrays, None, "test", CPU)
    batch, _ = joined(data.train_batches(500, generator(), "crop-flip", 3))
    assert (batch.amax(dim=(1, 2, 3)) == 1).all()
    positions = batch.flatten(1).argmax(dim=1)
    assert (positions // 16).unique().tolist() == list(range(5, 12))
    assert (positions % 16).unique().tolist() == list(range(3, 13))
    flipped, _ = joined(data.train_batches(500, generator(), "flip"))
    columns = flipped.flatten(1).argmax(dim=1) % 16
    assert columns.unique().tolist() == [6, 9]
    assert 0.45 < (columns == 9).float().mean() < 0.55


def test_padding_is_black() -> None:
    images = np.full((50, 3, 8, 8), 255, dtype=np.uint8)
    labels = np.arange(50) % 2
    arrays = datasets.Arrays("white", images, labels, images, labels, ("a", "b"), fingerprint="f")
    batch, _ = joined(ImageData(arrays, None, "test", CPU).train_batches(50, generator(), "crop-flip", 4))
    assert batch.unique().tolist() == [-1.0, 1.0]


@pytest.mark.parametrize("batch_size", [1, 7, 32, 89, 90, 500])  # 89 of 90 leaves one image, which joins the others
def test_steps_per_epoch_are_the_batches_that_come(batch_size) -> None:
    data = ImageData(numbered(), None, "holdout", CPU)
    assert data.steps_per_epoch(batch_size) == len(list(data.train_batches(batch_size, generator())))


def test_the_holdout_is_a_tenth_of_the_training_images() -> None:
    data = ImageData(numbered(), None, "holdout", CPU)
    kept, held_out = datasets.holdout_split(100)
    assert (data.train_size, data.validation_size, data.test_size) == (90, 10, 30)
    assert labels_of(data.validation_batches()) == held_out.tolist()
    assert sorted(labels_of(data.train_batches(32, generator()))) == sorted(kept.tolist())
    assert labels_of(data.test_batches(batch_size=7)) == list(range(1000, 1030))


def test_selecting_on_the_test_set_trains_on_all_images() -> None:
    data = ImageData(numbered(), None, "test", CPU)
    assert (data.train_size, data.validation_size, data.test_size) == (100, 30, 0)
    assert labels_of(data.validation_batches()) == list(range(1000, 1030))
    assert list(data.test_batches()) == []


def test_a_limit_draws_the_subset_first_and_its_holdout_then() -> None:
    data = ImageData(numbered(), 40, "holdout", CPU)
    drawn = np.random.RandomState(42).permutation(100)[:40]
    within = np.random.RandomState(42).permutation(40)
    assert labels_of(data.validation_batches()) == drawn[within[:4]].tolist()
    assert sorted(labels_of(data.train_batches(8, generator()))) == sorted(drawn[within[4:]].tolist())


def test_validation_comes_in_the_same_order_every_time() -> None:
    data = ImageData(numbered(), None, "holdout", CPU)
    first, second = joined(data.validation_batches()), joined(data.validation_batches(batch_size=3))
    assert torch.equal(first[0], second[0])
    assert torch.equal(first[1], second[1])


def test_images_of_a_folder_are_not_copied_on_the_cpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TUNER_DATA", str(tmp_path / "data"))
    for split in ("train", "test"):
        for name in ("a", "b"):
            (tmp_path / split / name).mkdir(parents=True)
            for index in range(10):
                Image.new("RGB", (8, 8), (index, 0, 0)).save(tmp_path / split / name / f"{index}.png")
    arrays = datasets.load(f"folder:{tmp_path}")
    data = ImageData(arrays, None, "holdout", CPU)
    for part, images in ((data._train, arrays.train_images), (data._test, arrays.test_images)):
        assert np.shares_memory(part.images.numpy(), images)


def test_a_limit_above_the_dataset_is_refused() -> None:
    with pytest.raises(datasets.DatasetError, match="`train_images` is 5000, but the dataset has 1442"):
        open_images(TrainingConfig(train_images=5000), CPU)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_batches_on_the_gpu_are_those_of_the_cpu() -> None:
    here, there = (ImageData(numbered(), None, "holdout", torch.device(device)) for device in ("cpu", "cuda"))
    for batches in (
        lambda data: data.train_batches(32, generator(), "crop-flip"),
        lambda data: data.validation_batches(),
        lambda data: data.test_batches(),
    ):
        ours, theirs = joined(batches(here)), joined(batches(there))
        assert theirs[0].is_cuda
        assert torch.allclose(ours[0], theirs[0].cpu())
        assert torch.equal(ours[1], theirs[1].cpu())


@pytest.mark.parametrize(
    ("batch_size", "sizes"), [(36, [36, 36, 36]), (107, [108]), (53, [53, 53, 2]), (1, [1] * 108), (200, [108])]
)
def test_a_lone_last_image_joins_the_batch_before_it(batch_size, sizes):
    images = open_images(TrainingConfig(image_size=8, train_images=120), "cpu")
    batches = images.train_batches(batch_size, torch.Generator())
    assert [len(labels) for _, labels in batches] == sizes


@pytest.mark.parametrize("batch_size", [1, 2, 7, 8, 50])
def test_batches_are_counted_as_they_come(batch_size: int) -> None:
    for images in range(1, 30):
        assert bounds.count(images, batch_size) == len(list(bounds.slices(images, batch_size)))
