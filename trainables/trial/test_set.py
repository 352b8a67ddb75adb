"""What a trained network says of every image of the test set, by the name of its file where the dataset has files."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch

from trainables import datasets, engine
from trainables.images.opened import open_images
from trainables.trial.inference import WITHOUT_IMAGES, Trained


@dataclass(frozen=True)
class Prediction:
    """Of one image: its file relative to the dataset's folder, or its number; its class; the likeliest and how likely."""

    image: str
    label: str
    likeliest: list[tuple[str, float]]


def predictions(trained: Trained, top: int = 5) -> Iterator[Prediction]:
    """Of each image of the test set in its order, the `top` likeliest classes with their probabilities.

    `ValueError` without images, where images are left out or cannot be decoded, and where an output is not a number.
    """
    config = trained.config
    if config.dataset == WITHOUT_IMAGES:
        raise ValueError("there are no images to predict; set dataset=imagenet:PATH")
    if config.skip_unreadable:
        raise ValueError("`skip_unreadable` is true, so that nobody knows which images are left out; set it to false")
    # Nothing is trained or held out: the test set is what validates.
    data = open_images(config.model_copy(update={"batch_size": 1, "selection": "test"}), trained.device)
    names = iter(datasets.opened(config.dataset).test_files() or map(str, range(data.validation_size)))
    with engine.evaluating(trained.model), torch.no_grad():
        for images, labels in data.validation_batches():
            probabilities = trained.model(images).float().softmax(1)
            if not torch.isfinite(probabilities).all():
                raise ValueError(
                    "what the network says of the test set is not a number; its weights diverged, give others"
                )
            values, indices = probabilities.topk(min(top, len(trained.classes)))
            for label, row, likely in zip(labels.tolist(), indices.tolist(), values.tolist(), strict=True):
                likeliest = [(trained.classes[index], value) for index, value in zip(row, likely, strict=True)]
                yield Prediction(next(names), trained.classes[label], likeliest)
