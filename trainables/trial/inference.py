"""A trained network read from a checkpoint, ours or a foreign one: what it scores, and what it says of single images.

from trainables.trial.inference import Trained

trained = Trained.load("trials/00000/checkpoint_000009.pt")
trained.evaluate()                      # {"val_accuracy": ..., "test_accuracy": ...}
trained.predict("picture.jpg", top=5)   # [("tench", 0.87), ...]
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor, nn

from trainables import checkpoints, datasets, engine, families, seeding
from trainables.config import dataset_kinds as kinds
from trainables.config import earlier
from trainables.config.normalisation import constants
from trainables.config.training import TrainingConfig
from trainables.datasets import decode
from trainables.datasets.imagenet import DEFAULT_SIDE, SYNSETS
from trainables.family import Family, Shape
from trainables.images.batches import normalised, statistics
from trainables.images.opened import open_images
from trainables.layers.blur import gaussian_blur
from trainables.models import layout
from trainables.models.foreign import files as foreign_files
from trainables.trial import init_from, seeded_state, state_form

logger = logging.getLogger("trainables")

# ImageNet's classes and transform without its images: enough to predict with.
WITHOUT_IMAGES = "imagenet"


@dataclass(frozen=True)
class Trained:
    """A network in evaluation mode on its device, with the configuration that it was built from.

    `classes` holds a name for each output; the synsets of the full ImageNet are given in words.
    """

    model: nn.Module
    family: Family[Any]
    config: TrainingConfig
    shape: Shape
    classes: tuple[str, ...]
    device: torch.device

    @classmethod
    def load(
        cls,
        checkpoint: str | Path,
        family: str | None = None,
        knobs: Mapping[str, Any] | Callable[[type[TrainingConfig]], Mapping[str, Any]] | None = None,
        replicate: int = 0,
        device: torch.device | str = "cpu",
        state: dict[str, Any] | None = None,
    ) -> Trained:
        """Build the network and take over the weights.

        Args:
            checkpoint: a trial's checkpoint, exported weights, or any file with a state dictionary in it.
            family: which the network belongs to; the first two know.
            knobs: of the configuration, or what gives them once its class is known; over those of a trial's
                checkpoint. For a foreign checkpoint the dataset is `imagenet` by default: its 1000 classes, without
                images to evaluate on.
            replicate: which one, of a trial's checkpoint.
            device: where to compute.
            state: what is in the checkpoint, where that has been read.

        Raises:
            ValueError: no such file, no family, knobs that do not fit (pydantic's ValidationError), weights of another
                network, or data that is missing.
        """
        state = foreign_files.read(Path(checkpoint)) if state is None else state
        ours = isinstance(state.get("family"), str) and isinstance(state.get("config"), dict)
        if not ours and family is None:
            raise ValueError(
                f"{checkpoint} is not a trial's checkpoint, so its family is unknown; give --family and --set"
            )
        if ours:
            state_form.require_network(str(checkpoint), state)
        name = families.canonical(family or state["family"])
        if ours and name != state["family"]:
            raise ValueError(f"{checkpoint} is of the family {state['family']}, not {name}; leave --family out")
        model_of_config = families.config_class(name)
        changed = knobs(model_of_config) if callable(knobs) else knobs or {}
        given = {**(earlier.completed(name, state["config"]) if ours else {"dataset": WITHOUT_IMAGES}), **changed}
        config, chosen = model_of_config(**given), families.get(name)
        shape, classes = _seen(config)
        if ours and "seed" in state:  # a checkpoint may leave out what its seed gives again
            seeding.seed_globals(state["seed"], replicate, "init")
        model = chosen.build_model(config, shape)
        if ours and chosen.derived_state(config, model):
            init_from.apply(model, config)
        weights = _with_what_the_seed_gives(state, replicate, model, chosen.derived_state(config, model))
        told = checkpoints.load_weights(model, weights, replicate, name=str(checkpoint))
        if told is not None:
            logger.warning("%s", told)
        place = torch.device(device)
        return cls(layout.place(model.eval(), name, config, place), chosen, config, shape, classes, place)

    def evaluate(self, sigma: float = 0.0) -> dict[str, float]:
        """Loss, top-1 and top-5 accuracy in [0, 1], each sample weighing the same: `val_...` and, unless the test set is
        what validates, `test_...`.

        Args:
            sigma: of the Gaussian that the images are blurred with, in pixels of what the network sees; 0 leaves them.

        Raises:
            ValueError: no images to evaluate on, or a sigma that is negative or not finite.
        """
        if self.config.dataset == WITHOUT_IMAGES:
            raise ValueError("there are no images to evaluate on; set dataset=imagenet:PATH")
        data = open_images(self.config.model_copy(update={"batch_size": 1}), self.device)  # nothing is trained
        view = partial(gaussian_blur, sigma=sigma) if sigma else None
        splits = {"val": data.validation_batches}
        if data.test_size:
            splits["test"] = data.test_batches
        return {
            f"{split}_{name}": value
            for split, batches in splits.items()
            for name, value in engine.evaluate(
                self.model, batches(), view, top5=True, precision=self.config.precision
            ).items()
        }

    def image(self, path: str | Path) -> Tensor:
        """uint8 [C, H, W] of an image file, as the images that the network was validated on; `ValueError` names a file
        that cannot be decoded."""
        if kinds.of(self.config.dataset).streamed:
            from trainables.images.decoder import Decoder  # torchvision's transforms take a second to import

            return Decoder([], self.shape.size).versions(decode.rgb_image(path), "none", (0,))[0]
        image = decode.fit(decode.rgb_image(path), self.shape.size)
        pixels = torch.from_numpy(decode.to_array(image).copy())
        return _gray(image) if self.shape.channels == 1 else pixels

    @torch.no_grad()
    def predict(self, path: str | Path, top: int = 5) -> list[tuple[str, float]]:
        """The likeliest classes of an image file by name, with their probabilities, at most `top`.

        `ValueError` where the image cannot be decoded, or the network says nothing finite of it.
        """
        of_channels = constants(self.config.constants, self.shape.channels)
        mean, std = statistics(self.config.dataset, self.shape.channels, self.device, of_channels)
        images = normalised(self.image(path)[None].to(self.device), mean, std)
        probabilities = self.model(images).float().softmax(1)[0]
        if not torch.isfinite(probabilities).all():
            raise ValueError(f"what the network says of {path} is not a number; its weights diverged, give others")
        values, indices = probabilities.topk(min(top, len(self.classes)))
        return [(self.classes[index], value) for index, value in zip(indices.tolist(), values.tolist(), strict=True)]


def _with_what_the_seed_gives(
    state: dict[str, Any], replicate: int, untrained: nn.Module, frozen: list[str]
) -> dict[str, Any]:
    """The state, with the tensors that a replicate's checkpoint leaves out taken from the untrained network."""
    replicates = state.get("replicates", [])
    mine = replicates[replicate] if isinstance(replicates, list) and 0 <= replicate < len(replicates) else {}
    if "frozen" not in mine:
        return state
    given = untrained.state_dict()
    here = seeded_state.describe(mine["frozen"]["seed"], seeded_state.frozen_hash(given, frozen))
    seeded_state.require_same(mine["frozen"], here)
    return {"state_dict": given | seeded_state.unpack(mine["moved"])["model"]}


def _seen(config: TrainingConfig) -> tuple[Shape, tuple[str, ...]]:
    """What the network sees, and its classes."""
    if config.dataset == WITHOUT_IMAGES:
        return Shape(3, config.image_size or DEFAULT_SIDE, SYNSETS), imagenet_names()
    info, classes = datasets.check(config.dataset, config.image_size), datasets.class_names(config.dataset)
    in_words = kinds.of(config.dataset).streamed and len(classes) == SYNSETS
    return Shape(info.channels, info.side, info.classes), imagenet_names() if in_words else classes


def imagenet_names() -> tuple[str, ...]:
    """The 1000 classes in words, in the order of their synsets, as torchvision has them."""
    from torchvision.models import ResNet18_Weights

    return tuple(ResNet18_Weights.IMAGENET1K_V1.meta["categories"])


def _gray(image: Image.Image) -> Tensor:
    return torch.from_numpy(decode.to_array(image.convert("L").convert("RGB")).copy())[:1]
