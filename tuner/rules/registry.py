"""The rules by name. A further one is a file of this folder that offers `RULE`, and its name here."""

from __future__ import annotations

import importlib
from typing import cast

from trainables.config.wording import among
from tuner.errors import BadInput
from tuner.rules.rule import Algorithm

NAMES = (
    "asha",
    "promotion",
)


def get(name: str) -> Algorithm:
    """The rule of that name; BadInput when there is none, as in an experiment of a newer version."""
    if name not in NAMES:
        raise BadInput(f"there is no rule `{name}` here (there are: {', '.join(NAMES)}); use the version that has it")
    return cast(Algorithm, importlib.import_module(f"tuner.rules.{name}").RULE)


def problems(name: str) -> list[str]:
    """A sentence when there is no such rule."""
    if name in NAMES:
        return []
    return [f"`rule` is {name!r}, but must be {among(name, NAMES)}; set --rule"]


def described() -> str:
    """Every rule with what it does, for help pages."""
    return "; ".join(f"{name} {get(name).summary}" for name in NAMES)
