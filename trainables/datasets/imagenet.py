"""imagenet:PATH, photographs too many to keep decoded: listed here, decoded as they are needed (`trainables.images.streamed`).

    PATH/train/SYNSET/*.JPEG    or, flattened, PATH/train/SYNSET_*.JPEG
    PATH/val/...                the same

`imagenet16:PATH` groups synsets of the full ImageNet into the 16 classes of Geirhos et al. (2018) as the `robustness`
package does for training: two synsets a class, the lowest of each. `imagenet16-all:PATH` takes all 228. The synsets of a
class are given by their positions among all 1000, in `imagenet16.json`.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Self

import numpy as np

from trainables.config.wording import printable, some
from trainables.datasets import layout
from trainables.datasets.arrays import Arrays, DatasetError, Info, Labels
from trainables.datasets.dataset import Dataset

GROUPINGS = {"imagenet": None, "imagenet16": "balanced", "imagenet16-all": "unbalanced"}
SYNSETS = 1000
DEFAULT_SIDE = 224
LAYOUT = "it must hold train/ and val/, each with a folder of images for each synset, or files named SYNSET_*.JPEG"


@dataclass(frozen=True)
class Split:
    """The files of train/ or val/, relative to the dataset's folder, in the order of their names, and their labels."""

    files: list[str]
    labels: Labels


class ImageNetFolder(Dataset):
    """What lies in the folder."""

    train: Split
    val: Split

    def __init__(self, dataset: str) -> None:
        """List the folder of a canonical dataset name; `DatasetError` when it has another layout than above."""
        kind, _, path = dataset.partition(":")
        self.name = dataset
        self.path = Path(path)
        try:
            listed = {split: _listed(self.path, split) for split in ("train", "val")}
        except OSError as error:  # an unreadable folder, a link to nowhere
            name = printable(str(error.filename))
            raise DatasetError(f"{name} cannot be read ({error.strerror}); repair or remove it") from error
        synsets = _synsets(self.path, listed)
        grouping = GROUPINGS[kind]
        self.classes, label_of = _grouped(self.path, synsets, grouping) if grouping else (synsets, _numbered(synsets))
        self.train, self.val = (_split(listed[split], label_of) for split in ("train", "val"))

    @classmethod
    def open(cls, name: str, skip_unreadable: bool) -> Self:
        return cls(name)

    @cached_property
    def fingerprint(self) -> str:
        """Sixteen hexadecimal digits of SHA-256 over the names of files and classes; the pixels are not looked at."""
        content = [self.classes, *((split.files, split.labels.tolist()) for split in (self.train, self.val))]
        return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:16]

    def info(self, side: int | None) -> Info:
        """What is known without decoding: the test set is val/."""
        return Info(
            name=self.name,
            train_images=len(self.train.files),
            test_images=len(self.val.files),
            classes=len(self.classes),
            channels=3,
            side=side or DEFAULT_SIDE,
            fingerprint=self.fingerprint,
        )

    def load(self, side: int | None) -> Arrays:
        raise DatasetError(f"{self.name} is too large for memory and is streamed instead; folder:PATH is loaded whole")

    def test_files(self) -> list[str]:
        return self.val.files


def _listed(path: Path, wanted: str) -> list[tuple[str, str]]:
    """(synset, file relative to the folder), sorted by file."""
    if not path.is_dir():
        raise DatasetError(f"there is no folder {path}; give imagenet:PATH a folder: {LAYOUT}")
    split = layout.split(path, wanted)
    if split is None:
        raise DatasetError(f"{path} has no {wanted}/; {LAYOUT}{layout.hint(path) if wanted == 'train' else ''}")
    layout.require_no_lost_links(path, split)
    found: list[tuple[str, str]] = []
    strangers: list[layout.Stranger] = []
    empty, nameless = [], []
    entries = layout.entries(path / split)
    layout.require_names(path, split, [entry.name for entry in entries if entry.is_dir()])
    for entry in entries:
        if entry.is_dir():
            inside = layout.entries(entry.path)
            strangers += layout.strangers(inside)
            found += [(entry.name, f"{split}/{entry.name}/{image.name}") for image in inside]
            if not inside:
                empty.append(entry.path)
            continue
        synset, underscore, _ = entry.name.partition("_")
        found.append((synset, f"{split}/{entry.name}"))
        if not layout.is_image(entry.name):
            strangers.append(layout.Stranger(entry.path, folder=False))
        elif not underscore:
            nameless.append(entry.path)
    layout.require_no(strangers)
    if nameless:
        names = some([printable(name) for name in nameless])
        raise DatasetError(f"{names} has no synset before an underscore in its name; {LAYOUT}")
    if empty:
        raise DatasetError(f"{some(empty)} holds no images; fill it, or remove the class")
    if not found:
        raise DatasetError(f"{path / split} holds no images; {LAYOUT}")
    return sorted(found, key=lambda item: item[1])


def _synsets(path: Path, listed: dict[str, list[tuple[str, str]]]) -> tuple[str, ...]:
    """The synsets, sorted: those of train/, which must be those of val/."""
    train, val = ({synset for synset, _ in listed[split]} for split in ("train", "val"))
    layout.require_same_classes(path, ("train", train), ("val", val))
    if len(train) < 2:
        raise DatasetError(f"{path}/train has images of {len(train)} synset, but needs at least two; {LAYOUT}")
    return tuple(sorted(train))


def _numbered(synsets: tuple[str, ...]) -> dict[str, int]:
    return {synset: label for label, synset in enumerate(synsets)}


def _grouped(path: Path, synsets: tuple[str, ...], grouping: str) -> tuple[tuple[str, ...], dict[str, int]]:
    """The 16 classes, and the label of each synset that belongs to one."""
    if len(synsets) != SYNSETS:
        raise DatasetError(
            f"{path} has {len(synsets)} synsets, but the 16 classes are made of positions among all {SYNSETS}; use "
            "imagenet:PATH, or the full ImageNet"
        )
    mapping = json.loads(Path(__file__).with_name("imagenet16.json").read_text())
    label_of = {synsets[index]: label for label, group in enumerate(mapping[grouping]) for index in group}
    return tuple(mapping["classes"]), label_of


def _split(listed: list[tuple[str, str]], label_of: dict[str, int]) -> Split:
    used = [(file, label_of[synset]) for synset, file in listed if synset in label_of]
    return Split([file for file, _ in used], np.array([label for _, label in used], dtype=np.int64))
