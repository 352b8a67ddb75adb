"""Training steps of a configuration on a card that is not there, and what was seen during each part of a trial."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from tests.trainables.cuda.fake_cuda import fake_cuda
from tests.trainables.cuda.recorder import Seen
from trainables import engine, families
from trainables.datasets.arrays import Arrays
from trainables.images.loaded import ImageData
from trainables.images.opened import forget
from trainables.layers import transfer
from trainables.layers.blur import gaussian
from trainables.layers.online_norm import planes
from trainables.models.classic import response_norm
from trainables.trial.replicate import Replicate

CUDA = torch.device("cuda")
FEW = {"epochs": 2, "batch_size": 8, "augmentation": "crop-flip"}
IMAGES = 20  # of which the holdout takes a tenth: two batches and a short one


@dataclass(frozen=True)
class Trained:
    """A replicate trained for one epoch, and what was seen in its steps and in its evaluation, of `steps` steps."""

    replicate: Replicate
    seen: Seen
    steps: int
    in_steps: list[str]
    kernels: int  # of its steps
    in_evaluation: list[str]


def build(family: str, knobs: dict[str, Any], images: int = IMAGES) -> Replicate:
    """A replicate on the device `cuda`, of random images; its failure is raised."""
    forget()
    gaussian._operator.cache_clear()
    planes._filled.cache_clear()
    transfer.constant.cache_clear()
    response_norm._window.cache_clear()
    config = families.config_class(family)(**{"dataset": "digits", **FEW, **knobs})
    data = ImageData(_images(config.image_size or 32, images), None, "holdout", CUDA)
    replicate = Replicate(0, families.get(family), config, data, 0, CUDA)
    if replicate.failure is not None:
        raise RuntimeError(replicate.failure["traceback"])
    return replicate


def train(family: str, knobs: dict[str, Any], images: int = IMAGES) -> Trained:
    """One epoch, its evaluation at the full budget, its state, and that state taken over by another replicate."""
    with fake_cuda() as seen:
        replicate = build(family, knobs, images)
        batches = replicate.train_batches(0)
        training = engine.TrainingPass(replicate, 0)
        seen.clear()
        steps = 0
        for inputs, labels in batches:
            training.step(inputs, labels)
            steps += 1
        launched = sum(seen.kernels.values())
        in_steps = seen.problems()
        training.finish()
        seen.clear()
        replicate.evaluate(0, last=True)
        in_evaluation = [problem for problem in seen.problems() if problem.startswith("two devices")]
        other = Replicate(0, replicate.family, replicate.config, replicate.data, 0, CUDA)
        other.load(replicate.state())
        return Trained(replicate, seen, steps, in_steps, launched, in_evaluation)


def kernels(family: str, knobs: dict[str, Any]) -> int:
    """How many the second step starts, with drawing its batch: a whole one, as the first."""
    with fake_cuda() as seen:
        replicate = build(family, knobs)
        batches = iter(replicate.train_batches(0))
        training = engine.TrainingPass(replicate, 0)
        for _ in range(2):
            seen.clear()
            inputs, labels = next(batches)
            assert len(labels) == replicate.config.batch_size
            training.step(inputs, labels)
        return sum(seen.kernels.values())


def resident(replicate: Replicate) -> set[str]:
    """The kinds of devices that the model and the optimizer's tensors are on, the counters of steps left out."""
    tensors = [*replicate.model.parameters(), *replicate.model.buffers()]
    states = replicate.optimizer.state.values()
    tensors += [
        value for state in states for value in state.values() if isinstance(value, torch.Tensor) and value.dim()
    ]
    return {tensor.device.type for tensor in tensors}


def _images(side: int, count: int) -> Arrays:
    generator = np.random.default_rng(0)

    def some(number: int) -> tuple[Any, Any]:
        pixels = generator.integers(0, 256, (number, 3, side, side), dtype=np.uint8)
        return pixels, generator.integers(0, 10, number)

    (train_images, train_labels), (test_images, test_labels) = some(count), some(20)
    return Arrays(
        name="cifar10",
        train_images=train_images,
        train_labels=train_labels,
        test_images=test_images,
        test_labels=test_labels,
        classes=tuple(map(str, range(10))),
        fingerprint="random",
    )
