"""Verbs about this machine: doctor, data."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from trainables.config import dataset_kinds as kinds
from tuner.commands.app import app, out, say
from tuner.commands.given import Verbs
from tuner.commands.options import Address, Data, Setting, Space, SpaceWord, Storage, one_space

data_app = Verbs(help="Datasets: which are here, download, check.", no_args_is_help=True)
app.add_typer(data_app, name="data", rich_help_panel="This machine")


@app.command(rich_help_panel="This machine", epilog="Example: tuner doctor blur search")
def doctor(
    family: Annotated[
        str | None, typer.Argument(help="Family of the search that is meant; its data are looked for.")
    ] = None,
    word: SpaceWord = None,
    space: Space = None,
    storage: Storage = None,
    address: Address = None,
    data: Data = None,
    dataset: Annotated[
        str | None, typer.Option(help="Dataset to look for where no family is given.  [default: digits]")
    ] = None,
    set_: Setting = None,
) -> None:
    """Check Python, torch, CUDA, Ray, the storage and the data; with --address those of every node of the cluster."""
    from tuner.cluster import arguments
    from tuner.commands import doctor as examination
    from tuner.commands import node_doctor
    from tuner.machines.address import is_head
    from tuner.records import paths

    space = one_space(word, space)
    meant = node_doctor.meant(family, space, set_ or [], dataset)
    root = paths.storage_root(storage)
    look = None
    if address is not None and is_head(address):
        own = [Path(space)] if space.endswith(".py") and family is not None else []
        there = arguments.storage_there(storage) or arguments.chosen_there()
        arguments.require_absolute_folders(set_ or [])
        words = arguments.words(
            "doctor",
            *([family] if family is not None else []),
            space=f"request/{own[0].name}" if own else space,
            address="auto",
            storage=there,
            data=arguments.data_there(data),
            dataset=dataset,
            set_=set_,
        )
        look = partial(examination.on_the_head, address, words, own)
    elif address is not None:
        look = partial(examination.nodes, address, meant, root)
    good = True
    for check in examination.examine(
        root, address, meant.protocol.dataset if meant.protocol is not None else None, look
    ):
        mark = {True: "ok", False: "FAILED", None: "note"}[check.ok]
        for number, line in enumerate(check.detail.splitlines() or [""]):
            head = f"{mark:<7}{check.name:<9}" if number == 0 else " " * 16
            say(f"{head}{line}")
        good &= check.ok is not False
    if not good:
        raise typer.Exit(2)


@data_app.command("list", epilog="Example: tuner data list")
def data_list(place: Data = None) -> None:
    """The datasets and whether each is on this machine."""
    from tuner.tables import datasets as data

    out.print(data.listing())


@data_app.command("fetch", epilog="Example: tuner data fetch cifar10")
def data_fetch(
    dataset: Annotated[str, typer.Argument(help=f"{' or '.join(kinds.FETCHED)}.", show_default=False)],
    place: Data = None,
) -> None:
    """Bring a dataset into the data folder (TUNER_DATA, default ~/.cache/tuner/data): from --data, else by a download."""
    from tuner.tables import datasets as data

    say(data.fetch(dataset))


@data_app.command("put", epilog="Example: tuner data put cifar10 --to s3://BUCKET/data")
def data_put(
    dataset: Annotated[str, typer.Argument(help=f"{' or '.join(kinds.FETCHED)}.", show_default=False)],
    to: Annotated[
        str, typer.Option("--to", help="A folder that every node sees, or s3://BUCKET/PREFIX.", show_default=False)
    ],
) -> None:
    """Put a dataset where every node of a cluster fetches it from, with the SHA-256 of each file."""
    from tuner.tables import datasets as data

    say(data.put(dataset, to))


@data_app.command("check", epilog="Example: tuner data check cifar10")
def data_check(
    dataset: Annotated[str, typer.Argument(help=f"{', '.join(kinds.SPELLINGS)}.", show_default=False)],
    place: Data = None,
) -> None:
    """Read a dataset's structure and say what is in it, or what is wrong with it."""
    from tuner.tables import datasets as data

    say(data.check(dataset))
