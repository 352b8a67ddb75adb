"""Trains the tables. What is trained is kept configuration by configuration, so an interrupted build goes on where it was.

A table that is there already is extended: its configurations are not trained again.
"""

from __future__ import annotations

import itertools
import json
import multiprocessing
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from ray import tune

import search_spaces
from benchmarks.policies.table import FOLDER, Table, names
from search_spaces.space import SearchSpace

EPOCHS, SEEDS, CONFIGURATIONS = 27, 10, 64
CROP = 12  # pixels


@dataclass(frozen=True)
class Source:
    """What one table is trained on.

    Attributes:
        about: one sentence on it.
        overrides: what differs from the smoke space of the blur family.
        images: whether it needs the folder of CIFAR-10 images.
    """

    about: str
    overrides: dict[str, Any]
    images: bool = False


# Few images, so that a table takes minutes.
_COMMON: dict[str, Any] = {"epochs": EPOCHS, "selection": "test", "batch_size": tune.choice([64, 128])}
SOURCES = {
    "digits": Source(
        "700 of scikit-learn's digits at 8 pixels, the small CNN, modes without a switch: easy curves that rarely cross",
        {**_COMMON, "image_size": 8, "train_images": 700},
    ),
    "cifar-crops": Source(
        "CIFAR-10 (JPEG), the middle 12 pixels of 400 images, the small CNN: a first rung misleads",
        {**_COMMON, "image_size": CROP, "lr": tune.loguniform(1e-3, 3e-1)},
        images=True,
    ),
    "late-rise": Source(
        "250 digits at 8 pixels, sharp only after a switch at 0.3 to 0.7 of the epochs for most curricula: a late rise",
        {
            **_COMMON,
            "image_size": 8,
            "train_images": 250,
            "mode": tune.choice(["normal", "mix", "single-step", "fixed-single-step", "multi-steps"]),
            "multi_steps_scaled": True,
            "switch_fraction": tune.uniform(0.3, 0.7),
        },
    ),
}


def space_of(source: Source, images: Path | None) -> SearchSpace:
    """The search space whose configurations are trained."""
    dataset = {"dataset": f"folder:{images}"} if source.images else {}
    return search_spaces.load("blur", "smoke").with_overrides({**source.overrides, **dataset})


def build(name: str, images: Path | None, jobs: int, count: int = CONFIGURATIONS, folder: Path = FOLDER) -> Path:
    """Train one table, or the rest of it.

    Args:
        name: of the table.
        images: folder of CIFAR-10 images, `train/CLASS/*.jpg` and `test/CLASS/*.jpg`.
        jobs: processes, of one thread each.
        count: of configurations.
        folder: where it is kept.
    """
    source = SOURCES[name]
    parts = folder / f"{name}.parts"
    parts.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        cropped = crops(images, Path(scratch)) if source.images and images is not None else None
        configs = space_of(source, cropped).configurations(0, count)
        shown = [{key: value for key, value in config.items() if key != "dataset"} for config in configs]
        _unpack(name, shown, parts, folder)
        left = [(parts / f"{i:05d}.npy", config) for i, config in enumerate(configs)]
        left = [(path, config) for path, config in left if not path.exists()]
        with multiprocessing.get_context("spawn").Pool(jobs) as pool:
            for done, _ in enumerate(pool.imap_unordered(_train, left), start=1):
                print(f"{name}: {len(configs) - len(left) + done} of {len(configs)}", flush=True)
    values = np.stack([np.load(parts / f"{i:05d}.npy") for i in range(len(configs))])
    path = Table(name, values, shown, source.about).save(folder)
    shutil.rmtree(parts)
    return path


def _unpack(name: str, configs: list[dict[str, Any]], parts: Path, folder: Path) -> None:
    """What a table has of these configurations, as far as it begins with them."""
    if name not in names(folder):
        return
    known = Table.load(name, folder)
    for index, (mine, theirs) in enumerate(zip(configs, known.configs, strict=False)):
        if json.loads(json.dumps(mine)) != theirs:
            return
        np.save(parts / f"{index:05d}.npy", known.values[index])


def _train(work: tuple[Path, dict[str, Any]]) -> None:
    """One configuration with all its seeds, written whole or not at all."""
    import torch

    from trainables.trial.lockstep import LockStep

    torch.set_num_threads(1)
    path, config = work
    trial = LockStep("blur", config, replicates=SEEDS)
    values = np.full((SEEDS, EPOCHS), np.nan)
    while not trial.finished:
        values[:, trial.epoch - 1] = trial.step()["val_accuracy_values"]
    values[~np.isfinite(values)] = np.nan
    unfinished = path.with_suffix(".tmp.npy")
    np.save(unfinished, values)
    unfinished.rename(path)


def crops(images: Path, to: Path, train: int = 40, test: int = 30) -> Path:
    """The middle of so many images of each class, as PNG files in the same layout."""
    from PIL import Image

    for split, most in (("train", train), ("test", test)):
        for label in sorted((images / split).iterdir()):
            (to / split / label.name).mkdir(parents=True)
            for path in itertools.islice(sorted(label.iterdir()), most):
                with Image.open(path) as image:
                    edge = (image.width - CROP) // 2
                    middle = image.crop((edge, edge, edge + CROP, edge + CROP))
                    middle.save(to / split / label.name / f"{path.stem}.png")
    return to
