"""Is every node of a cluster fit for the search that is meant: each is asked, and answers in a line. Starts no node."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from search_spaces.space import SearchSpace
from trainables import families
from trainables.storage import Place
from tuner.errors import BadInput
from tuner.experiment import request
from tuner.machines import preflight


@dataclass(frozen=True)
class Check:
    """One thing looked at. `ok` None: worth knowing, neither good nor bad."""

    name: str
    ok: bool | None
    detail: str


def examine(space: SearchSpace, storage: Place) -> Iterator[Check]:
    """A check for each node of the Ray that this process has joined: storage, versions, GPUs, and the data of the space.

    The head of a cluster that takes no trials is asked for the data only while no other node is there: then it shows whether
    the place that nodes will fetch from has them.
    """
    configs = request.draw(space, 0, space.budget.trials)
    cards = preflight.gpus_are_real()
    with preflight.asked(space.family, configs, storage, cards=cards, idle_too=True) as question:
        question.wait()
        for name, report in question.reports.items():
            who = question.names[name]
            problems = [f"{who}: {problem}" for problem in [*report["problems"], *question.unseen.get(name, [])]]
            problems += question.unlike.get(name, [])
            if problems:
                yield Check("node", False, "\n".join(problems))
            else:
                yield Check("node", True, f"{who}: {_fine(report, space, storage)}")
        if not question.training:
            yield Check(
                "nodes", None, "none that trains is up yet; each is looked at by the first worker there, when it joins"
            )


def _fine(report: dict[str, Any], space: SearchSpace, storage: Place) -> str:
    dataset = space.protocol.dataset if space.protocol is not None else space.name
    said = [f"{dataset} at {size} pixels is {found}" for size, found in report["fingerprints"].items()]
    free = report["free"]
    room = "" if math.isinf(free) else f", {free / 1e9:.0f} GB free"
    return "; ".join([*said, f"writes to {storage}{room}"])


def meant(family: str | None, space: str, settings: list[str], dataset: str | None) -> SearchSpace:
    """The search that somebody means: of a family, or else the smallest on a dataset; BadInput where there is none."""
    if family is None and settings:
        raise BadInput(
            "--set belongs to a search, but no family is given; give one, as in `tuner doctor blur --set ...`"
        )
    if family is not None and dataset is not None:
        raise BadInput(f"--dataset is for a look without a family; with one, write --set dataset={dataset}")
    wanted = settings if family is not None else [f"dataset={dataset or 'digits'}"]
    return request.resolve_space(family or families.names()[0], space, wanted)
