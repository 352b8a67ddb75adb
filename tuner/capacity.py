"""How many trials fit on the cluster at once, and whether one fits at all."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from trainables.footprint import Load
from tuner.errors import BadInput
from tuner.ray_session import Resources


def check_resources(cpus: float, gpus: float, resources: Resources) -> None:
    """BadInput if one trial asks for more than the whole cluster has: Ray would wait for ever."""
    problems = [
        f"a trial asks for {wanted:g} {kind}, but the cluster has {there:g}; lower --{kind.lower()}-per-trial"
        for kind, wanted, there in (("CPUs", cpus, resources.cpus), ("GPUs", gpus, resources.gpus))
        if wanted > there
    ]
    if problems:
        raise BadInput.listing(problems)


def concurrency(cpus: float, gpus: float, resources: Resources, limit: int | None) -> int:
    """Trials that train at the same time: as many as fit, at most `limit`, at least one.

    A share of a GPU never spans two cards: of 0.4 GPU two fit on each card, whatever is left over.
    """
    fitting = [_whole(resources.cpus / cpus)]
    if gpus >= 1:
        fitting.append(_whole(resources.gpus / gpus))
    elif gpus > 0:
        fitting.append(_whole(1 / gpus) * _whole(resources.gpus))
    most = min(fitting)
    return max(1, most if limit is None else min(most, limit))


def load_of_node(budget: Mapping[str, Any], resources: Resources) -> Load:
    """What a node has to bear of a search with this budget, its trials spread evenly over the nodes."""
    cpus, gpus = budget["cpus_per_trial"], budget["gpus_per_trial"]
    at_once = min(concurrency(cpus, gpus, resources, budget.get("max_concurrent")), budget["trials"])
    return Load(budget["replicates"], math.ceil(at_once / resources.nodes), gpus)


def _whole(ratio: float) -> int:
    """The ratio rounded down, forgiving the last bits: 0.3 / 0.1 is three."""
    return int(ratio + 1e-9)
