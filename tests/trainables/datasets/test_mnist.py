"""MNIST's IDX files where they lie: read as published, framed for LeNet-5, every wrong file in one sentence."""

import gzip
from pathlib import Path

import numpy as np
import pytest

from trainables import datasets
from trainables.config.imagenet import ImageNetConfig
from trainables.datasets.mnist import FILES


def idx(array: np.ndarray) -> bytes:
    return bytes((0, 0, 8, array.ndim)) + np.array(array.shape, dtype=">u4").tobytes() + array.tobytes()


def make(path: Path, zipped: bool = False, dotted: bool = False) -> dict[str, np.ndarray]:
    path.mkdir(parents=True)
    rng, made = np.random.RandomState(0), {}
    for part, count in (("train", 30), ("test", 10)):
        images = rng.randint(0, 256, (count, 28, 28), dtype=np.uint8)
        labels = (np.arange(count) % 10).astype(np.uint8)
        for name, array in zip(FILES[part], (images, labels), strict=True):
            file = name.replace("-idx", ".idx") if dotted else name
            (path / f"{file}{'.gz' if zipped else ''}").write_bytes(gzip.compress(idx(array)) if zipped else idx(array))
            made[name] = array
    return made


@pytest.mark.parametrize(
    ("place", "zipped", "dotted"), [("", True, False), ("MNIST/raw", False, False), ("", False, True)]
)
def test_the_files_are_read_as_they_are(tmp_path: Path, place: str, zipped: bool, dotted: bool) -> None:
    made = make(tmp_path / "mnist" / place, zipped, dotted)
    name = f"mnist:{tmp_path / 'mnist'}"
    info = datasets.check(name)
    assert (info.train_images, info.test_images, info.classes, info.channels, info.side) == (30, 10, 10, 1, 28)
    arrays = datasets.load(name)
    assert (np.array(arrays.train_images)[:, 0] == made["train-images-idx3-ubyte"]).all()
    assert arrays.test_labels.tolist() == list(range(10))
    framed = np.array(datasets.load(name, 32).test_images)[:, 0]
    assert (framed[:, 2:-2, 2:-2] == made["t10k-images-idx3-ubyte"]).all()
    assert framed.sum() == made["t10k-images-idx3-ubyte"].sum()
    assert datasets.load(name, 16).test_images.shape == (10, 1, 16, 16)


def test_lenet_5_sees_mnist_unmirrored_at_32_pixels(tmp_path: Path) -> None:
    config = ImageNetConfig(dataset=f"mnist:{tmp_path}")
    assert (config.model, config.augmentation, config.image_size) == ("lenet5", "none", 32)


@pytest.mark.parametrize(
    ("file", "content", "sentence"),
    [
        ("t10k-labels-idx1-ubyte", None, "has no t10k-labels-idx1-ubyte"),
        ("train-images-idx3-ubyte", b"\0\0\x08\x03\0\0", "is no IDX file of bytes in 3 dimensions, or is cut off"),
        ("train-labels-idx1-ubyte", b"\x1f\x8bxx", "train-labels-idx1-ubyte cannot be read"),
        ("train-labels-idx1-ubyte", idx(np.zeros(7, np.uint8)), "hold 30 images of 28x28 and 7 labels"),
    ],
)
def test_a_wrong_file_is_one_sentence(tmp_path: Path, file: str, content: bytes | None, sentence: str) -> None:
    make(tmp_path / "mnist")
    (tmp_path / "mnist" / file).unlink() if content is None else (tmp_path / "mnist" / file).write_bytes(content)
    with pytest.raises(datasets.DatasetError, match=sentence) as caught:
        datasets.check(f"mnist:{tmp_path / 'mnist'}")
    assert "\n" not in str(caught.value)
    with pytest.raises(datasets.DatasetError, match="there is no folder"):
        datasets.check(f"mnist:{tmp_path / 'nowhere'}")
