"""CIFAR is read from torchvision's files as they are, never downloaded by reading, and never unpickled unverified."""

import dataclasses
import hashlib
import pickle
from pathlib import Path
from urllib.error import URLError

import numpy as np
import pytest
from torchvision import datasets as vision

from trainables import datasets
from trainables.datasets import cifar


def place(name: str, root: Path, monkeypatch: pytest.MonkeyPatch, images: int = 20) -> None:
    """Files of the published layout with a few random images, taken for the published ones."""
    files = cifar.FILES[name]
    generator = np.random.default_rng(0)
    folder = root / files.folder
    folder.mkdir(parents=True)
    for file in files.train | files.test:
        pixels = generator.integers(0, 256, (images, 3 * 32 * 32), dtype=np.uint8)
        labels = generator.integers(0, files.classes, images).tolist()
        (folder / file).write_bytes(pickle.dumps({"data": pixels, files.labels_key: labels}, protocol=2))
    names = [f"class {label}" for label in range(files.classes)]
    for file in files.names:
        (folder / file).write_bytes(pickle.dumps({files.names_key: names}, protocol=2))

    def published(table: dict[str, str]) -> dict[str, str]:
        return {file: hashlib.md5((folder / file).read_bytes()).hexdigest() for file in table}

    here = dataclasses.replace(
        files, train=published(files.train), test=published(files.test), names=published(files.names)
    )
    monkeypatch.setitem(cifar.FILES, name, here)
    class_ = {"cifar10": vision.CIFAR10, "cifar100": vision.CIFAR100}[name]
    monkeypatch.setattr(class_, "train_list", list(here.train.items()))
    monkeypatch.setattr(class_, "test_list", list(here.test.items()))
    monkeypatch.setattr(class_, "meta", class_.meta | {"md5": next(iter(here.names.values()))})


@pytest.mark.parametrize(("name", "class_"), [("cifar10", vision.CIFAR10), ("cifar100", vision.CIFAR100)])
def test_the_files_are_torchvisions(name: str, class_: type[vision.CIFAR10]) -> None:
    files = cifar.FILES[name]
    assert files.folder == class_.base_folder
    assert list(files.train.items()) == [tuple(item) for item in class_.train_list]
    assert list(files.test.items()) == [tuple(item) for item in class_.test_list]
    assert files.names == {class_.meta["filename"]: class_.meta["md5"]}
    assert files.names_key == class_.meta["key"]


@pytest.mark.parametrize(("name", "class_"), [("cifar10", vision.CIFAR10), ("cifar100", vision.CIFAR100)])
def test_images_and_labels_are_what_torchvision_reads(
    name: str, class_: type[vision.CIFAR10], data_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place(name, data_root, monkeypatch)
    arrays = datasets.load(name)
    for train, images, labels in (
        (True, arrays.train_images, arrays.train_labels),
        (False, arrays.test_images, arrays.test_labels),
    ):
        reference = class_(str(data_root), train=train)
        assert (images.transpose(0, 2, 3, 1) == reference.data).all()
        assert labels.tolist() == reference.targets
        assert list(arrays.classes) == reference.classes


def test_the_native_size_asked_for_is_the_same_entry(data_root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place("cifar10", data_root, monkeypatch)
    assert datasets.load("cifar10").fingerprint == datasets.load("cifar10", 32).fingerprint
    assert len(list((data_root / "decoded").glob("*.lock"))) == 1


def test_another_size_is_resized(data_root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place("cifar10", data_root, monkeypatch)
    assert datasets.load("cifar10", 48).train_images.shape == (100, 3, 48, 48)
    assert datasets.check("cifar10", 48).side == 48


@pytest.mark.parametrize("function", [datasets.load, datasets.check])
def test_missing_files_name_the_fetch_command_and_download_nothing(function, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cifar, "fetch", lambda *_: pytest.fail("it downloaded"))
    with pytest.raises(datasets.DatasetError, match=r"^cifar100 is not in .*; run `tuner data fetch cifar100`$"):
        function("cifar100")


class Mischief:
    """Unpickling it makes the file."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self) -> tuple[object, ...]:
        return (Path.touch, (self.file,))


@pytest.mark.parametrize("function", [datasets.load, datasets.check])
def test_a_changed_file_is_named_and_never_unpickled(
    function, data_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place("cifar10", data_root, monkeypatch)
    path = data_root / "cifar-10-batches-py" / "data_batch_3"
    path.write_bytes(pickle.dumps(Mischief(data_root / "mischief")))
    with pytest.raises(datasets.DatasetError, match=r"data_batch_3 is not the published file .*; delete it and run"):
        function("cifar10")
    assert not (data_root / "mischief").exists()


def test_check_knows_the_fingerprint_after_the_first_load(data_root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place("cifar10", data_root, monkeypatch)
    assert datasets.check("cifar10").fingerprint is None
    fingerprint = datasets.load("cifar10").fingerprint
    assert datasets.check("cifar10").fingerprint == fingerprint


def test_fetch_that_cannot_reach_the_network_is_one_sentence(data_root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(self: vision.CIFAR10) -> None:
        raise URLError("no route")

    monkeypatch.setattr(vision.CIFAR10, "download", unreachable)
    with pytest.raises(datasets.DatasetError, match=r"^cifar10 could not be downloaded .*no route.*unpack cifar-10-py"):
        datasets.fetch("cifar10")


def test_fetch_of_what_is_there_downloads_nothing(data_root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place("cifar10", data_root, monkeypatch)
    assert datasets.fetch("cifar10").name == "cifar10"


@pytest.mark.parametrize("name", ["digits", "folder:/somewhere"])
def test_fetch_of_what_needs_no_download_is_refused(name: str) -> None:
    with pytest.raises(datasets.DatasetError, match="needs no download; fetch cifar10 or cifar100"):
        datasets.fetch(name)
