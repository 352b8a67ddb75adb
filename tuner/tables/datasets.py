"""What `tuner data` says: which datasets are here, what is in one, how to get one."""

from __future__ import annotations

from rich.table import Table
from rich.text import Text

from trainables import datasets
from tuner.errors import BadInput


def listing() -> Table:
    """Every dataset that has a name, and whether it can be used."""
    table = Table(box=None, pad_edge=False, title=f"data folder: {datasets.data_root()}", title_justify="left")
    for column in ("dataset", "here", "train", "test", "classes", "side", ""):
        table.add_column(column, justify="right" if column in ("train", "test", "classes", "side") else "left")
    for info in datasets.available():
        counts = (info.train_images, info.test_images, info.classes, info.side)
        table.add_row(
            info.name, "yes" if info.present else "no", *(f"{count:,}" for count in counts), Text(info.problem or "")
        )
    table.add_row("folder:PATH", "", "", "", "", "", "train/ and val/ or test/, a class folder each")
    table.add_row("imagenet:PATH", "", "", "", "", "", "train/ and val/, a synset folder each; streamed")
    return table


def check(dataset: str) -> str:
    """One line on a dataset; BadInput when it is missing or broken."""
    try:
        info = datasets.check(dataset)
    except ValueError as error:
        raise BadInput(str(error)) from None
    return describe(info)


def fetch(dataset: str) -> str:
    """Download a dataset unless it is there; one line on what is there now."""
    try:
        return describe(datasets.fetch(dataset))
    except ValueError as error:
        raise BadInput(str(error)) from None
    except OSError as error:
        raise BadInput(
            f"cannot download {dataset} ({error}); check the network and the free space, then retry"
        ) from None


def describe(info: datasets.Info) -> str:
    """One line: images, classes, size, fingerprint once it is known."""
    fingerprint = info.fingerprint or "known after the first use"
    return (
        f"{info.name}: {info.train_images:,} training and {info.test_images:,} test images of {info.classes} classes, "
        f"{info.side}x{info.side}, {info.channels} channel{'s' if info.channels > 1 else ''}, fingerprint {fingerprint}"
    )
