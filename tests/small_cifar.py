"""CIFAR-10 as it is published, of a few random images, taken for the published files by every process of a user or a node."""

import hashlib
import pickle
from pathlib import Path

import numpy as np

IMAGES = 60  # a file
FOLDER = "cifar-10-batches-py"

# Read by Python itself in every process that has its folder on PYTHONPATH, whoever starts it. When the two modules that know
# the sums of the published files have been loaded, they are given the sums of these.
_HOOK = """
import importlib.abc, importlib.util, json, pathlib, sys

SUMS = json.loads(pathlib.Path(__file__).with_name("sums.json").read_text())


def ours(module):
    import dataclasses
    files = module.FILES["cifar10"]
    known = {part: {name: SUMS[name] for name in getattr(files, part)} for part in ("train", "test", "names")}
    module.FILES["cifar10"] = dataclasses.replace(files, **known)


def torchvisions(module):
    module.CIFAR10.train_list = [[name, SUMS[name]] for name, _ in module.CIFAR10.train_list]
    module.CIFAR10.test_list = [[name, SUMS[name]] for name, _ in module.CIFAR10.test_list]
    module.CIFAR10.meta = {**module.CIFAR10.meta, "md5": SUMS["batches.meta"]}


CHANGED = {"trainables.datasets.cifar": ours, "torchvision.datasets.cifar": torchvisions}


class Finder(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name not in CHANGED:
            return None
        change = CHANGED.pop(name)
        spec = importlib.util.find_spec(name)
        load = spec.loader.exec_module

        def exec_module(module):
            load(module)
            change(module)

        spec.loader.exec_module = exec_module
        return spec


sys.meta_path.insert(0, Finder())
"""


def make(root: Path, hook: Path) -> None:
    """Write the files under `root`, and into `hook` what makes processes with that folder on PYTHONPATH take them."""
    import json

    generator = np.random.default_rng(0)
    (root / FOLDER).mkdir(parents=True)
    hook.mkdir()
    content = {"batches.meta": {"label_names": [f"class {label}" for label in range(10)]}}
    for name in [*(f"data_batch_{number}" for number in range(1, 6)), "test_batch"]:
        pixels = generator.integers(0, 256, (IMAGES, 3 * 32 * 32), dtype=np.uint8)
        content[name] = {"data": pixels, "labels": generator.integers(0, 10, IMAGES).tolist()}
    sums = {}
    for name, value in content.items():
        data = pickle.dumps(value, protocol=2)
        (root / FOLDER / name).write_bytes(data)
        sums[name] = hashlib.md5(data, usedforsecurity=False).hexdigest()
    (hook / "sums.json").write_text(json.dumps(sums))
    (hook / "sitecustomize.py").write_text(_HOOK)
