"""Verbs about this machine: doctor, data."""

from __future__ import annotations

from typing import Annotated

import typer

from tuner.commands.app import app, out
from tuner.commands.given import Verbs
from tuner.commands.options import (
    Address,
    Storage,
)

data_app = Verbs(help="Datasets: which are here, download, check.", no_args_is_help=True)
app.add_typer(data_app, name="data", rich_help_panel="This machine")


@app.command(rich_help_panel="This machine")
def doctor(
    storage: Storage = None,
    address: Address = None,
    dataset: Annotated[str, typer.Option(help="Dataset to look for.")] = "digits",
) -> None:
    """Check Python, torch, CUDA, Ray, the storage and the data."""
    from tuner.commands import doctor as examination
    from tuner.records import paths

    good = True
    for check in examination.examine(paths.storage_root(storage), address, dataset):
        mark = {True: "ok", False: "FAILED", None: "note"}[check.ok]
        out.print(f"{mark:<7}{check.name:<9}{check.detail}", markup=False, highlight=False, soft_wrap=True)
        good &= check.ok is not False
    if not good:
        raise typer.Exit(2)


@data_app.command("list")
def data_list() -> None:
    """The datasets and whether each is on this machine."""
    from tuner.tables import datasets as data

    out.print(data.listing())


@data_app.command("fetch")
def data_fetch(dataset: Annotated[str, typer.Argument(help="cifar10 or cifar100.", show_default=False)]) -> None:
    """Download a dataset into the data folder (TUNER_DATA, default ~/.cache/tuner/data)."""
    from tuner.tables import datasets as data

    out.print(data.fetch(dataset), markup=False)


@data_app.command("check")
def data_check(
    dataset: Annotated[str, typer.Argument(help="digits, cifar10, cifar100 or folder:PATH.", show_default=False)],
) -> None:
    """Read a dataset's structure and say what is in it, or what is wrong with it."""
    from tuner.tables import datasets as data

    out.print(data.check(dataset), markup=False)
