"""What a person asks for, made into a checked search space and its configurations; nothing is started or written."""

from __future__ import annotations

import datetime
import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import search_spaces
from search_spaces.space import SearchSpace
from tuner.errors import BadInput
from tuner.rules import registry

Overrides = Mapping[str, Any] | Sequence[str]


def resolve_space(family: str, space: str | Path | SearchSpace, overrides: Overrides) -> SearchSpace:
    """The search space a request means, with its overrides applied; BadInput in one sentence otherwise."""
    from search_spaces.overrides import parse_all
    from trainables import datasets, families

    try:
        if isinstance(space, SearchSpace):
            chosen = space
        elif str(space).endswith(".py"):
            chosen = search_spaces.load_file(Path(space))
        else:
            chosen = search_spaces.load(family, str(space))
        asked, has = families.canonical(family), families.canonical(chosen.family)
        if asked != has:
            raise BadInput(f"the space {chosen.name} is of the family `{has}`, not `{asked}`; launch `{has}` instead")
        fields = families.config_class(has).model_fields
        changes = dict(overrides) if isinstance(overrides, Mapping) else parse_all(list(overrides), fields)
        chosen = chosen.with_overrides(changes)
        # A relative folder would mean another one in a worker.
        return chosen.with_overrides({"dataset": datasets.canonical(chosen.protocol.dataset)})
    except ValueError as error:
        raise BadInput(str(error)) from None


def problems(space: SearchSpace) -> list[str]:
    """Everything that is wrong with a space and its budget, a sentence each; empty when it can be launched."""
    return [*space.problems(), *registry.problems(space.budget.rule)]


def draw(space: SearchSpace, seed: int, count: int) -> list[dict[str, Any]]:
    """The first `count` configurations; BadInput when the space has fewer, or when one is not valid."""
    try:
        return space.configurations(seed, count)
    except ValueError as error:
        raise BadInput(str(error)) from None


def default_name(space: SearchSpace) -> str:
    """Family, space and time to the second, with two letters more so that two launched at once differ."""
    now = datetime.datetime.now().strftime("%Y%m%d-%H%M%S")
    return f"{space.family}-{space.name}-{now}-{secrets.token_hex(1)}"
