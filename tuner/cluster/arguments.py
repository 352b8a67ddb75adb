"""A request as the words of the command line that makes the same request on another machine."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from search_spaces.budget import written
from trainables.storage.redaction import holds_secret
from tuner.errors import BadInput
from tuner.records import chosen_storage

if TYPE_CHECKING:
    from tuner.experiment.request import Request
    from tuner.experiment.running import Running


def words(verb: str, *positional: str, **options: Any) -> list[str]:
    """`verb`, the positional arguments, and each option that is given: True a flag, a list one option for each item.

    A trailing underscore of a name is dropped: `set_=["lr=0.1"]` gives `--set lr=0.1`.
    """
    flags: list[str] = []
    for name, value in options.items():
        flag = "--" + name.rstrip("_").replace("_", "-")
        if value is True:
            flags.append(flag)
        elif isinstance(value, list | tuple):
            flags += [word for item in value for word in (flag, str(item))]
        elif value is not None and value is not False:
            flags += [flag, str(value)]
    return [verb, *positional, *flags]


def of_launch(
    asked: Request, running: Running, space: str, name: str, storage: str | None, data: str | None = None
) -> list[str]:
    """The words that make the request elsewhere, where its space, or the file with the user's own code, is called `space`."""
    code = asked.code
    if code is not None and not code.entry:
        raise BadInput(
            f"{code.name} was defined in a notebook, and a cluster takes files; write it into a file, with its space, and "
            "launch that"
        )
    return words(
        "launch",
        str(asked.family) if code is None else space,
        space=space if code is None else None,
        name=name,
        storage=storage,
        address="auto",
        data=data_there(data),
        set_=asked.settings,
        seed=asked.seed,
        or_resume=True,
        **{name: written(value) for name, value in asked.budget.items()},
        **running.options(),
    )


def storage_there(storage: str | Path | None) -> str | None:
    """The storage as the cluster's nodes will read it.

    BadInput for a relative path, which means another folder there, and for a credential in it, which the dashboard would
    show to everybody.
    """
    if storage is None:
        return None
    text = str(storage)
    if holds_secret(text):
        raise BadInput(
            "--storage holds a credential, which would be kept in the records of the cluster; leave it out: the nodes "
            "read AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or use the role of their instance"
        )
    if "://" not in text and not text.startswith(("/", "~")):
        raise BadInput(
            f"--storage is {text}, a folder from here, which is another one on the cluster; give an absolute path"
        )
    return text


def chosen_there() -> str | None:
    """The place on S3 that the environment or the project's file names here, which is the same everywhere; None else."""
    chosen = chosen_storage.chosen()
    return storage_there(chosen.text) if chosen is not None and chosen.text.startswith("s3:") else None


def data_there(data: str | None) -> str | None:
    """The place of the data as the cluster's nodes will read it: what --data gives, else a place on S3 that TUNER_DATA names
    here, which is the same everywhere. BadInput for a relative folder."""
    from trainables.datasets import shared

    if data is None:
        here = shared.travelling()
        return here if here is not None and here.startswith("s3:") else None
    if "://" not in data and not data.startswith(("/", "~")):
        raise BadInput(
            f"--data is {data}, a folder from here, which is another one on the cluster; give an absolute path"
        )
    return data


def require_absolute_folders(settings: Sequence[str]) -> None:
    """BadInput for a dataset folder that is named from where this command runs: the cluster reads it."""
    for setting in settings:
        name, _, value = setting.partition("=")
        _, kind, folder = value.partition(":")
        if name.strip() == "dataset" and kind and not folder.startswith(("/", "~")):
            raise BadInput(
                f"--set {setting} names a folder from here, which is another one on the cluster; give an absolute path"
            )
