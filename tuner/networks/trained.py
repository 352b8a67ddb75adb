"""What `tuner evaluate` and `tuner predict` say of a trained network, ours or a foreign one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tuner.errors import BadInput

if TYPE_CHECKING:
    from trainables.trial.inference import Trained

SPLITS = {"val": "validation", "test": "test"}


def load(checkpoint: str, family: str | None, settings: Sequence[str], replicate: int) -> Trained:
    """The network of a checkpoint, on a GPU where there is one; BadInput in one sentence otherwise."""
    from pydantic import ValidationError

    from search_spaces.overrides import constants
    from trainables.config.training import problems

    try:
        knobs = constants(settings)
        import torch

        from trainables.trial.inference import Trained

        device = "cuda" if torch.cuda.is_available() else "cpu"
        return Trained.load(checkpoint, family, knobs, replicate, device)
    except ValidationError as error:
        raise BadInput.listing(problems(error)) from None
    except ValueError as error:
        raise BadInput(str(error)) from None


def evaluate(trained: Trained) -> Iterator[str]:
    """A line for each set of images: top-1, top-5, loss."""
    try:
        metrics = trained.evaluate()
    except ValueError as error:
        raise BadInput(str(error)) from None
    for split, name in SPLITS.items():
        if f"{split}_loss" in metrics:
            top1, top5, loss = (metrics[f"{split}_{metric}"] for metric in ("accuracy", "top5_accuracy", "loss"))
            yield f"{name}: top-1 {top1:.4f}, top-5 {top5:.4f}, loss {loss:.4f}"


def predict(trained: Trained, images: Sequence[str], folder: Path) -> Iterator[str]:
    """For each image its likeliest classes, and the picture that was written of them into `folder`."""
    from tuner.networks import picture

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadInput(f"cannot write to {folder} ({error}); choose another --out") from None
    for image in images:
        try:
            likeliest = trained.predict(image)
            shown = trained.image(image)
        except ValueError as error:
            raise BadInput(str(error)) from None
        path = folder / f"{Path(image).stem}.predicted.png"
        picture.write(path, shown.numpy(), likeliest)
        yield f"{image} (picture: {path})"
        yield from _lines(likeliest)


def _lines(likeliest: Sequence[tuple[str, float]]) -> Iterator[Any]:
    for name, probability in likeliest:
        yield f"  {probability:7.2%}  {name}"
