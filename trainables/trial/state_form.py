"""The form of what a trial's checkpoint says beside its tensors, checked before anything is built from it."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError


class ForeignWeights(ValueError):
    """A checkpoint whose frozen tensors are not those that this seed gives here."""


class _Replicate(BaseModel):
    model_config = ConfigDict(strict=True, extra="allow")

    failure: Any


class _Network(BaseModel):
    """What exported weights say."""

    model_config = ConfigDict(strict=True, extra="allow")

    family: str
    config: dict[str, Any]


class _Trial(_Network):
    """What a checkpoint of a whole trial says."""

    seed: int = Field(ge=0)
    epoch: int = Field(ge=0)
    history: list[dict[str, Any]]
    replicates: list[_Replicate]


def require_network(name: str, state: dict[str, Any]) -> None:
    """`ValueError` where family or configuration are not of their form."""
    _require(_Network, name, state)


def require_trial(name: str, state: dict[str, Any]) -> None:
    """`ValueError` where the checkpoint of a trial lacks a part, or one is not of its form."""
    _require(_Trial, name, state)


def _require(form: type[BaseModel], name: str, state: dict[str, Any]) -> None:
    try:
        form.model_validate(state)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"]))
        message = first["msg"]
        raise ValueError(
            f"{name} is not a whole checkpoint of a trial (`{where}`: {message[:1].lower()}{message[1:]}); give another one"
        ) from None
