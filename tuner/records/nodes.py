"""nodes.json: what the driver last heard of the machines that train, for those who watch; nothing else depends on it."""

from __future__ import annotations

import json
from typing import Annotated, Any

from pydantic import BaseModel, Field, ValidationError

from trainables.storage import whole
from tuner.records.paths import ExperimentPaths

_Share = Annotated[float, Field(ge=0, le=1)]
_Amount = Annotated[float, Field(ge=0, le=1e18, allow_inf_nan=False)]


class Gpu(BaseModel):
    """A GPU: its name, how busy it is (a share of the time), its memory in bytes."""

    name: str
    busy: _Share | None = None
    used: _Amount | None = None
    memory: _Amount | None = None


class Load(BaseModel):
    """How a machine was loaded, by whatever runs there: the share of its CPUs that was busy, its memory in bytes, its GPUs."""

    time: _Amount
    busy: _Share | None = None
    used: _Amount | None = None
    memory: _Amount | None = None
    gpus: list[Gpu] = Field(default_factory=list)


class Node(BaseModel):
    """A node of the cluster: what Ray counts there, how it was loaded when a trial there last reported (None: none has yet),
    and the trials that report from it."""

    id: str
    host: str
    alive: bool
    cpus: _Amount
    gpus: _Amount
    load: Load | None = None
    trials: list[int] = Field(default_factory=list)


class Nodes(BaseModel):
    """All nodes at a time (unix seconds)."""

    time: _Amount
    nodes: list[Node]


def read(paths: ExperimentPaths) -> dict[str, Any] | None:
    """The nodes as plain data; None where nobody wrote them, or nobody can read what was."""
    try:
        return Nodes.model_validate_json(paths.nodes.read_bytes()).model_dump()
    except (OSError, ValidationError):
        return None


def write(paths: ExperimentPaths, found: Nodes) -> None:
    """Keep the nodes, whole or not at all."""
    with whole(paths.nodes) as file:
        file.write(json.dumps(found.model_dump()).encode())
