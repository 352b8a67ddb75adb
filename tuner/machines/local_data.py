"""What can be known of a search's data before anything starts: whether it is on this machine, where that is where it trains."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from trainables import datasets
from tuner.errors import BadInput

_ANY_SIDE = 8


def require(configurations: Iterable[Mapping[str, Any]]) -> None:
    """BadInput with what is missing or laid out wrongly of the data of these configurations; images are not decoded."""
    problems: dict[str, None] = {}
    knobs = ("dataset", "image_size", "train_images", "skip_unreadable")
    for dataset, image_size, train_images, skipping in dict.fromkeys(
        tuple(config.get(knob) for knob in knobs) for config in configurations
    ):
        # Without a size the first image is opened, which may be one of those that are to be skipped.
        side = _ANY_SIDE if image_size is None and skipping else image_size
        try:
            datasets.check(str(dataset), side, train_images)
        except ValueError as error:
            problems[str(error)] = None
    if problems:
        raise BadInput.listing(list(problems))


def asked_there(dataset: str) -> str:
    """What a search on a cluster finds out about its data, and when."""
    return (
        f"whether {dataset} is there, and the same on every node, is asked of the nodes before the first trial; nothing "
        "is known of it here"
    )
