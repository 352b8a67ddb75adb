"""The names of the strategies by which the replicates of a trial train on one device; known without torch."""

from __future__ import annotations

from trainables.config.wording import among

# auto: on a GPU whichever of the others trains an epoch faster, on a CPU serial; serial: one replicate after another;
# graph: all of them as branches of one captured training step
NAMES = ("auto", "serial", "graph")


def problem(name: str) -> str | None:
    """The sentence that refuses a name that none of them has."""
    return None if name in NAMES else f"`strategy` is {name!r}, but must be {among(name, NAMES)}"


def check(name: str) -> None:
    """ValueError for such a name."""
    sentence = problem(name)
    if sentence is not None:
        raise ValueError(f"{sentence}; choose one")
