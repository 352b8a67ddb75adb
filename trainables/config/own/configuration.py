"""The configuration class of a user's own code: their pydantic model or dataclass, or one made of the knobs of the space."""

from __future__ import annotations

import dataclasses
import functools
import inspect
import typing
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field, create_model

from trainables.config.own.code import FAMILY, OwnCode
from trainables.config.training import TrainingConfig


class OwnConfig(BaseModel):
    """What the shared rooms read of a configuration; `epochs` is the full budget, which the user's class may name as well."""

    model_config = ConfigDict(extra="forbid", protected_namespaces=(), arbitrary_types_allowed=True)

    shown_scalars: ClassVar[tuple[str, ...]] = ()

    epochs: int = Field(1, ge=1, le=100_000, description="full budget of a trial in epochs")

    @property
    def settles_at(self) -> int:
        """See `TrainingConfig`."""
        return 0

    @property
    def inert(self) -> frozenset[str]:
        """See `TrainingConfig`; nobody knows which of a user's knobs do nothing."""
        return frozenset()


@functools.lru_cache(maxsize=64)
def config_class(code: OwnCode) -> type[TrainingConfig]:
    """The class that the knobs of a configuration are validated by.

    Raises:
        TypeError: a `Family` without a configuration class.
    """
    if code.kind == FAMILY:
        return of_family(code.trained())
    given = None if code.knobs else declared(code.trained())
    if given is None:
        knobs: dict[str, Any] = {name: (Any, default) for name, default in code.knobs.items() if name != "epochs"}
        return _made("Config", OwnConfig, **knobs)
    if dataclasses.is_dataclass(given):
        hints = typing.get_type_hints(given)
        fields = {item.name: (hints[item.name], _default(item)) for item in dataclasses.fields(given) if item.init}
        return _made(str(getattr(given, "__name__", "Config")), OwnConfig, **fields)
    return _made(given.__name__, (given, OwnConfig))


def _made(name: str, bases: Any, **fields: Any) -> type[TrainingConfig]:
    """A model made of others; as far as a type checker sees, what the shared rooms know of a configuration."""
    made: type[TrainingConfig] = create_model(name, __base__=bases, **fields)
    return made


def of_family(trained: Any) -> type[TrainingConfig]:
    """The configuration class of a `Family`: its attribute `config`, or what it is parametrised with."""
    given = getattr(trained, "config", None)
    if given is None:
        for base in getattr(trained, "__orig_bases__", ()):
            given = next((one for one in typing.get_args(base) if isinstance(one, type)), given)
    if not (isinstance(given, type) and issubclass(given, TrainingConfig)):
        raise TypeError(
            f"the family {trained.__name__} has no configuration class; write `class {trained.__name__}(Family[MyConfig])`, "
            "where MyConfig extends TrainingConfig of trainables.config.training"
        )
    return given


def declared(trained: Any) -> Any:
    """The pydantic model or dataclass that the class says its `config` is, as attribute `config` or as the annotation of
    that parameter; None where it takes a dictionary."""
    given = getattr(trained, "config", None)
    if given is None and inspect.isclass(trained):
        try:
            given = typing.get_type_hints(trained.__init__).get("config")
        except (NameError, TypeError, AttributeError):  # an annotation that only type checkers can resolve
            given = None
    is_model = isinstance(given, type) and issubclass(given, BaseModel)
    return given if is_model or (isinstance(given, type) and dataclasses.is_dataclass(given)) else None


def handed_over(code: OwnCode, config: Any) -> Any:
    """A validated configuration as the user's code takes it: their own class, or a dictionary of the knobs that exist."""
    given: Any = None if code.knobs else declared(code.trained())
    values: dict[str, Any] = config.model_dump(exclude_unset=True) if given is None else dict(config)
    if given is None or not dataclasses.is_dataclass(given):
        return values if given is None else config
    names = {item.name for item in dataclasses.fields(given) if item.init}
    made: Any = given
    return made(**{name: value for name, value in values.items() if name in names})


def _default(item: dataclasses.Field[Any]) -> Any:
    if item.default_factory is not dataclasses.MISSING:
        return Field(default_factory=item.default_factory)
    return ... if item.default is dataclasses.MISSING else item.default
