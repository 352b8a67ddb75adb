"""Decoding happens once, whoever asks, and whatever became of those who began before."""

import fcntl
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from trainables.datasets import DatasetError, cache
from trainables.datasets.arrays import Labels


class Counted:
    """A source of four images that counts how often it is decoded."""

    name = "folder:/somewhere/counted"
    classes = ("a", "b")

    def __init__(self, listing: list[Any] | None = None, failure: Exception | None = None) -> None:
        self.listing = listing or [["a/1.png", 10, 1]]
        self.failure = failure
        self.decoded = 0

    def decode(self, side: int | None, allocate: cache.Allocate) -> tuple[Labels, Labels]:
        self.decoded += 1
        time.sleep(0.02)  # long enough for the others to arrive
        for part in ("train", "test"):
            images = allocate(part, (2, 3, side or 5, side or 5))
            images[:] = np.arange(images.size).reshape(images.shape) % 251
        if self.failure:
            raise self.failure
        return np.array([0, 1]), np.array([1, 0])


def test_the_second_load_maps_what_the_first_decoded() -> None:
    source = Counted()
    first, second = cache.load(source, None), cache.load(source, None)
    assert source.decoded == 1
    assert isinstance(second.train_images, np.memmap)
    assert (first.train_images == second.train_images).all()
    assert second.train_images[1, 2, 4].tolist() == [145, 146, 147, 148, 149]
    assert second.train_labels.tolist() == [0, 1]
    assert second.test_labels.tolist() == [1, 0]
    assert second.classes == ("a", "b")
    assert first.fingerprint == second.fingerprint


def test_writing_to_the_images_does_not_reach_the_cache() -> None:
    source = Counted()
    cache.load(source, None).train_images[:] = 0
    assert cache.load(source, None).train_images.any()


@pytest.mark.parametrize("change", [[["a/1.png", 11, 1]], [["a/1.png", 10, 2]], [["a/2.png", 10, 1]]])
def test_another_name_size_or_time_of_a_file_decodes_again(change: list[Any]) -> None:
    cache.load(Counted(), None)
    changed = Counted(change)
    assert cache.known(changed, None) is None
    cache.load(changed, None)
    assert changed.decoded == 1


def test_every_side_has_its_own_entry() -> None:
    source = Counted()
    assert cache.load(source, 4).side == 4
    assert cache.load(source, 7).side == 7
    assert source.decoded == 2


def test_many_at_once_decode_once() -> None:
    source = Counted()
    fingerprints = []
    threads = [
        threading.Thread(target=lambda: fingerprints.append(cache.load(source, None).fingerprint)) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert source.decoded == 1
    assert len(fingerprints) == 8
    assert len(set(fingerprints)) == 1


KILLED = """
import sys
from trainables.datasets import cache
class Endless:
    name, classes, listing = "folder:/somewhere/counted", ("a", "b"), [["a/1.png", 10, 1]]
    def decode(self, side, allocate):
        allocate("train", (2, 3, 5, 5))
        print("decoding", flush=True)
        sys.stdin.read()
cache.load(Endless(), None)
"""


def test_a_process_killed_while_decoding_leaves_nothing_in_the_way(data_root: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", KILLED], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout
    assert process.stdin
    assert process.stdout.readline() == b"decoding\n"
    assert len(list((data_root / "decoded").glob("*.tmp"))) == 1
    process.kill()
    process.wait()
    process.stdin.close()
    process.stdout.close()
    source = Counted()
    assert cache.known(source, None) is None
    assert cache.load(source, None).train_images.any()
    assert not list((data_root / "decoded").glob("*.tmp"))


def test_a_failed_decode_leaves_no_entry(data_root: Path) -> None:
    source = Counted(failure=DatasetError("x.png cannot be decoded"))
    for _ in range(2):
        with pytest.raises(DatasetError, match=r"x\.png"):
            cache.load(source, None)
    assert source.decoded == 2
    assert [path.suffix for path in (data_root / "decoded").iterdir()] == [".lock"]


def test_a_root_that_cannot_be_written_is_one_sentence(data_root: Path) -> None:
    data_root.write_text("a file where the folder should be")
    with pytest.raises(DatasetError, match=r"cannot be kept in .*decoded \(.+\); set TUNER_DATA to a folder"):
        cache.load(Counted(), None)


def test_a_full_disk_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    usage = type("Usage", (), {"free": 100})
    monkeypatch.setattr(cache.shutil, "disk_usage", lambda path: usage)
    with pytest.raises(DatasetError, match="No space left on device"):
        cache.load(Counted(), None)


@pytest.mark.parametrize("file", ["meta.json", "train_images.npy", "test_labels.npy"])
def test_a_damaged_entry_says_what_to_delete(data_root: Path, file: str) -> None:
    cache.load(Counted(), None)
    (entry,) = (path for path in (data_root / "decoded").iterdir() if path.is_dir())
    (entry / file).write_bytes(b"")
    with pytest.raises(DatasetError, match=r"is damaged \(.*\); delete that folder"):
        cache.load(Counted(), None)


def test_what_a_killed_process_left_of_another_entry_goes_and_what_is_being_made_stays(data_root: Path) -> None:
    folder = data_root / "decoded"
    dead, living = folder / "dead-0011.tmp", folder / "living-0022.tmp"
    for unfinished in (dead, living):
        unfinished.mkdir(parents=True)
        (unfinished / "train_images.npy").touch()
    with open(folder / "living-0022.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        cache.load(Counted(), None)
        assert (dead.exists(), living.exists()) == (False, True)
