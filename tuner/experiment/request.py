"""What a person asks for, made into a checked search space and its configurations; nothing is started or written."""

from __future__ import annotations

import datetime
import re
import secrets
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import search_spaces
from search_spaces.space import SearchSpace
from trainables import families
from trainables.config.own.code import OwnCode
from tuner.errors import BadInput, as_bad_input
from tuner.rules import registry, seeds

DEFAULT_SPACE = "smoke"
Overrides = Mapping[str, Any] | Sequence[str]


@dataclass(frozen=True)
class Request:
    """What is to be searched. It is resolved, validated and drawn once, whoever asks it.

    Attributes:
        family: `blur`, ...; hyphen or underscore. Or a Python file that holds a space and what it trains, or the code that
            was found in one before.
        space: name of one of the family's spaces, path of a Python file that defines `space()`, or a SearchSpace.
        overrides: knob -> value or Ray Tune domain, or texts such as "lr=0.05" and "sigma=choice(1,2,4)".
        seed: of the experiment; the same seed gives the same configurations and the same replicates.
        budget: options of `search_spaces.Budget` that replace the space's own; None keeps it.
    """

    family: str | OwnCode
    space: str | Path | SearchSpace = DEFAULT_SPACE
    overrides: Overrides = ()
    seed: int = 0
    budget: Mapping[str, Any] = field(default_factory=dict)

    @property
    def own_file(self) -> bool:
        """Whether the space is a user's file."""
        return is_file(self.space)

    @property
    def code(self) -> OwnCode | None:
        """The user's own code, where that is trained."""
        return self.resolved.family if isinstance(self.resolved.family, OwnCode) else None

    @property
    def settings(self) -> list[str]:
        """The overrides as `--set` takes them."""
        from search_spaces.overrides import describe

        if isinstance(self.overrides, Mapping):
            return [f"{name}={describe(value)}" for name, value in self.overrides.items()]
        return list(self.overrides)

    @property
    def texts(self) -> dict[str, str]:
        """The overrides as the manifest keeps them."""
        if isinstance(self.overrides, Mapping):
            return {name: str(value) for name, value in self.overrides.items()}
        return dict(text.split("=", 1) for text in self.overrides)

    @property
    def overridden(self) -> Collection[str]:
        """The knobs that were set."""
        return {name.strip().replace("-", "_") for name in self.texts}

    @cached_property
    def resolved(self) -> SearchSpace:
        """The search space that is meant, overrides and budget applied; BadInput in one sentence where there is none."""
        return resolve_space(self.family, self.space, self.overrides).with_budget(**self.budget)

    def checked(self, also: Sequence[str] = ()) -> Checked:
        """The request without a problem; BadInput with every problem at once, those of the session `also`."""
        if found := [*self._problems, *also]:
            raise BadInput.listing(found)
        return self._drawn

    @cached_property
    def _problems(self) -> list[str]:
        return problems(self.resolved)

    @cached_property
    def _drawn(self) -> Checked:
        return Checked(self, self.resolved, draw(self.resolved, self.seed, self.resolved.budget.trials))


@dataclass(frozen=True)
class Checked:
    """A request that can be launched: its space and the configurations of its trials, the baseline first."""

    request: Request
    space: SearchSpace
    configs: list[dict[str, Any]]


def resolve_space(family: str | OwnCode, space: str | Path | SearchSpace, overrides: Overrides) -> SearchSpace:
    """The search space a request means, with its overrides applied; BadInput in one sentence otherwise."""
    from search_spaces.overrides import parse_all
    from trainables import datasets

    with as_bad_input():
        chosen = _chosen(family, space)
        fields = families.config_class(chosen.family).model_fields
        changes = dict(overrides) if isinstance(overrides, Mapping) else parse_all(list(overrides), fields)
        chosen = chosen.with_overrides(changes)
        if chosen.protocol is None:
            return chosen
        # A relative folder would mean another one in a worker.
        return chosen.with_overrides({"dataset": datasets.canonical(chosen.protocol.dataset)})


def _chosen(family: str | OwnCode, space: str | Path | SearchSpace) -> SearchSpace:
    """The space that family and space mean together, as it stands there; `ValueError` where there is none."""
    from search_spaces import own_code

    if isinstance(space, SearchSpace) and isinstance(space.family, OwnCode):
        return space
    if isinstance(family, OwnCode):
        return own_code.of_code(family)
    if is_file(family):
        if space != DEFAULT_SPACE:
            raise BadInput(f"{family} holds its own search space, but --space {space} names another; leave --space out")
        return own_code.load_experiment(family)
    if isinstance(space, SearchSpace):
        chosen = space
    elif is_file(space):
        chosen = search_spaces.load_file(Path(space))
        if chosen.trainable is not None or not chosen.family:
            raise BadInput(f"{space} holds its own training code; launch it by itself: `tuner launch {space}`")
    else:
        chosen = search_spaces.load(family, str(space))
    asked, has = families.canonical(family), families.title(chosen.family)
    if asked != has:
        raise BadInput(f"the space {chosen.name} is of the family `{has}`, not `{asked}`; launch `{has}` instead")
    return chosen


def is_file(word: object) -> bool:
    """Whether a word of the command line means a Python file: by the end of its name, there or not."""
    return str(word).endswith(".py")


def problems(space: SearchSpace) -> list[str]:
    """Everything that is wrong with a space and its budget, a sentence each; empty when it can be launched."""
    return [*space.problems(), *registry.problems(space.budget.rule), *seeds.problems(space.budget)]


def draw(space: SearchSpace, seed: int, count: int) -> list[dict[str, Any]]:
    """The first `count` configurations; BadInput when the space has fewer, or when one is not valid."""
    with as_bad_input():
        return space.configurations(seed, count)


def default_name(space: SearchSpace) -> str:
    """Family, space and time to the second, with two letters more so that two launched at once differ."""
    now = datetime.datetime.now().strftime("%Y%m%d-%H%M%S")
    family = families.title(space.family)
    named = family if isinstance(space.family, OwnCode) else f"{family}-{space.name}"
    return f"{re.sub('[^A-Za-z0-9._-]', '_', named).lstrip('.-') or 'own'}-{now}-{secrets.token_hex(1)}"
