"""What `tuner data` says: which datasets are here, what is in one, how to get one."""

from __future__ import annotations

from rich.console import RenderableType

from trainables import datasets
from trainables.config import dataset_kinds as kinds
from trainables.datasets.shared import source
from tuner.errors import BadInput, as_bad_input, sentence
from tuner.tables.grid import grid


def listing() -> RenderableType:
    """Every dataset that has a name, and whether it can be used."""
    rows = []
    with as_bad_input():
        root, place, found = datasets.data_root(), source(), datasets.available()
    for info in found:
        counts = (info.train_images, info.test_images, info.classes, info.side)
        here = "yes" if info.present else "no"
        rows.append([info.name, here, *(f"{count:,}" if count else "" for count in counts), info.problem or ""])
    rows += [[f"{name}:PATH", *[""] * 5, kind.layout] for name, kind in kinds.KINDS.items() if kind.layout]
    columns = ["dataset", "here", "train", "test", "classes", "side", ""]
    title = f"data folder: {root}" + ("" if place is None else f", filled from {place}")
    return grid(columns, rows, left=["dataset", "here", ""], title=title)


def check(dataset: str) -> str:
    """One line on a dataset; BadInput when it is missing or broken."""
    with as_bad_input():
        info = datasets.check(dataset)
    return describe(info)


def fetch(dataset: str) -> str:
    """Download a dataset unless it is there; one line on what is there now."""
    with as_bad_input():
        try:
            return describe(datasets.fetch(dataset))
        except OSError as error:
            raise BadInput(
                f"cannot download {dataset} ({sentence(error)}); check the network and the free space, then retry"
            ) from None


def put(dataset: str, to: str) -> str:
    """Copy a dataset to a place for all machines; a sentence on what is there now."""
    with as_bad_input():
        return f"{datasets.put(dataset, to)}; search with --data {to}, or start every node with TUNER_DATA={to}"


def describe(info: datasets.Info) -> str:
    """One line: images, classes, size, fingerprint once it is known."""
    fingerprint = info.fingerprint or "known after the first use"
    return (
        f"{info.name}: {info.train_images:,} training and {info.test_images:,} test images of {info.classes} classes, "
        f"{info.side}x{info.side}, {info.channels} channel{'s' if info.channels > 1 else ''}, fingerprint {fingerprint}"
    )
