"""What tests of training share: one thread, so that results are bit-equal from run to run, and a small ImageNet."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

CLASSES = 3  # of the photographs

# Triton reads this once, when it is first imported: without a card its kernels run in Python, on the CPU.
if not torch.cuda.is_available():
    os.environ.setdefault("TRITON_INTERPRET", "1")


@pytest.fixture(autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def photographs(tmp_path_factory) -> Path:
    """Nine training and six validation images a class, noise around a colour of the class."""
    root, generator = tmp_path_factory.mktemp("photographs"), np.random.default_rng(0)
    for split, count in (("train", 9), ("val", 6)):
        for label in range(CLASSES):
            folder = root / split / f"n0{label}"
            folder.mkdir(parents=True)
            for index in range(count):
                pixels = generator.integers(0, 100, (40, 50, 3), dtype=np.uint8)
                pixels[..., label] += 150
                Image.fromarray(pixels).save(folder / f"n0{label}_{index}.png")
    return root
