"""Decoded images on disk: made once by whichever process comes first, mapped into memory by all processes of the node.

    ROOT/decoded/NAME-KEY/      NAME for the eye; KEY is a hash of where the images come from, what decodes them and the side
        train_images.npy, train_labels.npy, test_images.npy, test_labels.npy
        meta.json               written last: name, class names, fingerprint
    ROOT/decoded/NAME-KEY.lock  held while the entry is made

An entry appears whole, by one rename, and is never changed. Any of it may be deleted while nothing runs.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from trainables.config.wording import reason
from trainables.datasets import decode
from trainables.datasets.arrays import Arrays, DatasetError, Labels, fingerprint
from trainables.datasets.shared import data_root

FORMAT = 1  # part of the key: raise it when the same source would decode to other arrays or files
PARTS = ("train_images", "train_labels", "test_images", "test_labels")

Allocate = Callable[[str, tuple[int, ...]], np.memmap]


class Source(Protocol):
    """Where images come from before they are decoded."""

    @property
    def name(self) -> str:
        """The dataset's canonical name."""

    @property
    def classes(self) -> tuple[str, ...]:
        """The class names in the order of their labels."""

    @property
    def listing(self) -> list[Any]:
        """What changes when the images do (names, sizes, times), as JSON would write it."""

    def decode(self, side: int | None, allocate: Allocate) -> tuple[Labels, Labels]:
        """Fill `allocate("train", shape)` and `allocate("test", shape)`, return the labels of both."""


def load(source: Source, side: int | None) -> Arrays:
    """The decoded source, decoding it first if no process has; waits while another process does.

    `DatasetError` when an image is broken, the folder cannot be written or the disk is full.
    """
    entry = _entry(source, side)
    with _explaining(source, entry):
        if not entry.is_dir():
            with _locked(entry):
                if not entry.is_dir():
                    _make(entry, source, side)
    return _read(entry, source)


def known(source: Source, side: int | None) -> Arrays | None:
    """The decoded source if it is there already, without reading the images; None otherwise."""
    entry = _entry(source, side)
    with _explaining(source, entry):
        found = entry.is_dir()
    return _read(entry, source) if found else None


def _entry(source: Source, side: int | None) -> Path:
    content = [FORMAT, decode.CODE, source.name, side, source.listing]
    key = hashlib.sha256(json.dumps(content).encode()).hexdigest()[:16]
    readable = re.sub(r"[^A-Za-z0-9]+", "-", source.name)[-40:].strip("-")
    return data_root() / "decoded" / f"{readable}-{key}"


@contextmanager
def _explaining(source: Source, entry: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise DatasetError(
            f"the decoded images of {source.name} cannot be kept in {entry.parent} ({error.strerror or error}); "
            "set TUNER_DATA to a folder that can be written and has room"
        ) from error


@contextmanager
def _locked(entry: Path) -> Iterator[None]:
    entry.parent.mkdir(parents=True, exist_ok=True)
    with open(f"{entry}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # released by the kernel even when the process is killed
        _clear_beside(entry)
        yield


def _clear_beside(entry: Path) -> None:
    """Remove what killed processes left of other entries: nobody makes one whose lock is free."""
    for unfinished in entry.parent.glob("*.tmp"):
        made = str(unfinished).removesuffix(".tmp")
        if made == str(entry):
            continue
        with suppress(OSError), open(f"{made}.lock", "a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(unfinished, ignore_errors=True)


def _make(entry: Path, source: Source, side: int | None) -> None:
    unfinished = Path(f"{entry}.tmp")
    shutil.rmtree(unfinished, ignore_errors=True)  # left by a process that was killed
    unfinished.mkdir()
    images = {}

    def allocate(part: str, shape: tuple[int, ...]) -> np.memmap:
        # A full disk would end the process with SIGBUS when a mapped page is written: ask before.
        if shutil.disk_usage(unfinished).free < np.prod(shape):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        path = unfinished / f"{part}_images.npy"
        images[part] = np.lib.format.open_memmap(path, mode="w+", dtype=np.uint8, shape=shape)
        return images[part]

    try:
        train_labels, test_labels = source.decode(side, allocate)
        np.save(unfinished / "train_labels.npy", train_labels)
        np.save(unfinished / "test_labels.npy", test_labels)
        content = fingerprint((images["train"], train_labels, images["test"], test_labels), source.classes)
        meta = {"name": source.name, "side": side, "classes": source.classes, "fingerprint": content}
        (unfinished / "meta.json").write_text(json.dumps(meta, indent=1) + "\n")
        unfinished.rename(entry)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _read(entry: Path, source: Source) -> Arrays:
    try:
        meta = json.loads((entry / "meta.json").read_text())
        classes, content = meta["classes"], meta["fingerprint"]
        if not all(isinstance(name, str) for name in classes) or not isinstance(content, str):
            raise ValueError("meta.json names no classes and no fingerprint")
        # Copy-on-write, not read-only: torch takes the pages as they are, and nobody writes to them.
        return Arrays(
            name=source.name,
            **{part: np.load(entry / f"{part}.npy", mmap_mode="c") for part in PARTS},
            classes=tuple(classes),
            fingerprint=content,
        )
    except (OSError, EOFError, ValueError, LookupError, TypeError, RecursionError) as error:
        raise DatasetError(f"{entry} is damaged ({reason(error)}); delete that folder and it is made again") from error
