"""What `tuner evaluate` and `tuner predict` say of a trained network, ours or a foreign one."""

from __future__ import annotations

import csv
import io
import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trainables.storage import Place
from tuner.errors import BadInput, as_bad_input, sentence
from tuner.networks import kept
from tuner.records import output
from tuner.records.paths import expanded
from tuner.records.paths import experiment as found

if TYPE_CHECKING:
    from trainables.trial.inference import Trained

TOP = 5  # classes of an image that are shown
SPLITS = {"val": "validation", "test": "test"}


def load(
    checkpoint: str, family: str | None, settings: Sequence[str], replicate: int, epoch: str | None = None
) -> Trained:
    """The network of a checkpoint, on a GPU where there is one; BadInput in one sentence otherwise.

    Of a trial's folder `epoch` says which is meant, best or last.
    """
    return _built(lambda: (kept.file_of(checkpoint, epoch), None), family, settings, replicate)


def load_trial(
    experiment: str,
    which: str,
    storage: str | None,
    family: str | None,
    settings: Sequence[str],
    replicate: int,
    epoch: str | None = None,
) -> Trained:
    """The network of a trial of an experiment: its number, `best` or `baseline`; BadInput in one sentence otherwise."""
    from tuner.results.history import History
    from tuner.results.leaderboard import find

    paths = found(experiment, storage)
    history = History.load(paths)
    trial = find(history, which)
    return _built(lambda: kept.checkpoint_of(paths, history, trial, epoch), family, settings, replicate)


def _built(
    read: Callable[[], tuple[Place, dict[str, Any] | None]], family: str | None, settings: Sequence[str], replicate: int
) -> Trained:
    """The network of a checkpoint and, where it has been read, of what is in it."""
    from search_spaces.overrides import constants

    known: set[str] = set()

    def knobs(config: Any) -> dict[str, Any]:
        known.update(config.model_fields)
        return constants(settings, config.model_fields)

    with as_bad_input(known=known):
        constants(settings)  # a text that cannot be read is said before torch is imported
        path, state = read()
        import torch

        from trainables.trial.inference import Trained

        device = "cuda" if torch.cuda.is_available() else "cpu"
        return Trained.load(str(path), family, knobs, replicate, device, state)


def evaluate(trained: Trained, sigmas: Sequence[float] = (0.0,)) -> Iterator[str]:
    """A line for each set of images and each sigma that they are blurred with: top-1, top-5, loss."""
    for sigma in sigmas:
        with as_bad_input():
            metrics = trained.evaluate(sigma)
        blurred = f" at sigma {sigma:g}" if sigma else ""
        for split, name in SPLITS.items():
            if f"{split}_loss" in metrics:
                top1, top5, loss = (metrics[f"{split}_{metric}"] for metric in ("accuracy", "top5_accuracy", "loss"))
                yield f"{name}{blurred}: top-1 {top1:.4f}, top-5 {top5:.4f}, loss {loss:.4f}"


def numbers(text: str | None) -> list[float]:
    """The sigmas of `--sigmas 0,1,2`; the images as they are where the option is not given."""
    try:
        found = [0.0] if text is None else [float(part) for part in text.split(",")]
    except ValueError:
        found = []
    if not found or not all(math.isfinite(sigma) and sigma >= 0 for sigma in found):
        raise BadInput(f"--sigmas is {text}, but must be numbers of at least 0, such as 0,1,2,4; correct it")
    return found


def predict_test_set(trained: Trained, path: Path) -> str:
    """Write the five likeliest classes of every image of the test set as CSV; a sentence that names the file."""
    from trainables.trial.test_set import predictions

    target = output.require_writable(path)
    rows = io.StringIO()
    table = csv.writer(rows, lineterminator="\n")
    top = min(TOP, len(trained.classes))
    heads = [f"{what}_{place}" for place in range(1, top + 1) for what in ("class", "probability")]
    table.writerow(["image", "label", *heads])
    hits = count = 0
    try:
        for found in predictions(trained, top):
            likeliest = [cell for name, probability in found.likeliest for cell in (name, f"{probability:.6f}")]
            table.writerow([found.image, found.label, *likeliest])
            hits += found.likeliest[0][0] == found.label
            count += 1
    except ValueError as error:
        raise BadInput(str(error)) from None
    written = output.write(target, rows.getvalue().encode(errors="surrogateescape"))
    return f"wrote {written}: {count} images of the test set, top-1 {hits / max(count, 1):.4f}"


def predict(trained: Trained, images: Sequence[str], folder: Path) -> Iterator[str]:
    """For each image its likeliest classes, and the picture that was written of them into `folder`."""
    from tuner.networks import picture

    folder = expanded(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadInput(f"cannot write to {folder} ({sentence(error)}); choose another --out") from None
    for image, path in _pictures(images, folder).items():
        with as_bad_input():
            likeliest = trained.predict(image)
            shown = trained.image(image)
        picture.write(path, shown.numpy(), likeliest)
        yield f"{image} (picture: {path})"
        yield from _lines(likeliest)


def _pictures(images: Sequence[str], folder: Path) -> dict[str, Path]:
    """A file for the picture of each image, none of them for two and none an image that is asked about.

    cat.predicted.png where that says which it is, else cat.jpg.predicted.png, a-cat.jpg.predicted.png, 2-cat.jpg....
    """
    distinct = list(dict.fromkeys(images))
    taken = {Path(image).absolute() for image in distinct}
    ways: tuple[Callable[[Path], str], ...] = (
        lambda path: path.stem,
        lambda path: path.name,
        lambda path: f"{path.absolute().parent.name}-{path.name}",
    )
    found: dict[str, Path] = {}
    for image in distinct:
        path = Path(image)
        telling = (way(path) for way in ways if sum(way(Path(other)) == way(path) for other in distinct) == 1)
        numbered = (f"{number}-{path.name}" for number in itertools.count(1))
        names = (folder / f"{name}.predicted.png" for name in itertools.chain(telling, numbered))
        found[image] = next(name for name in names if name.absolute() not in taken)
        taken.add(found[image].absolute())
    return found


def _lines(likeliest: Sequence[tuple[str, float]]) -> Iterator[Any]:
    for name, probability in likeliest:
        yield f"  {probability:7.2%}  {name}"
