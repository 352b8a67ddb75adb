"""The families by name: the one place that knows which there are. Nothing heavy is imported until a family is used."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from trainables.config.wording import nearest

if TYPE_CHECKING:
    from collections.abc import Callable

    from trainables.config.training import TrainingConfig
    from trainables.family import Family

# family name -> name of its configuration class; the modules are trainables.config.<name> and trainables.<name>
_CONFIGS = {
    "blur": "BlurConfig",
    "online_norm": "OnlineNormConfig",
    "deconv": "DeconvConfig",
    "bn_only": "BNOnlyConfig",
    "imagenet": "ImageNetConfig",
}


def names() -> tuple[str, ...]:
    """Every family that can be trained."""
    return tuple(_CONFIGS)


def canonical(family: str) -> str:
    """The family's name with underscores; `ValueError` naming the nearest one when there is no such family."""
    name = family.strip().lower().replace("-", "_")
    if name in _CONFIGS:
        return name
    hint = nearest(name, _CONFIGS, before="; ")
    raise ValueError(f"`{family}` is not a family (there are: {', '.join(_CONFIGS)}){hint}")


def config_class(family: str) -> type[TrainingConfig]:
    """The family's configuration class, without importing torch."""
    name = canonical(family)
    module = importlib.import_module(f"trainables.config.{name}")
    return getattr(module, _CONFIGS[name])  # type: ignore[no-any-return]


def get(family: str) -> Family[Any]:
    """The family itself: how its models are built, fed and judged. Imports torch."""
    module = importlib.import_module(f"trainables.{canonical(family)}")
    return module.FAMILY  # type: ignore[no-any-return]


def trainable_name(family: str) -> str:
    """What the family's Ray Trainable is called: BlurTrainable beside BlurConfig."""
    return f"{_CONFIGS[canonical(family)].removesuffix('Config')}Trainable"


def trainable(family: str) -> type[Any]:
    """The family's Ray Trainable, a class of `trainables.on_ray.trainable`. Imports Ray."""
    module = importlib.import_module("trainables.on_ray.trainable")
    return module.TRAINABLES[canonical(family)]  # type: ignore[no-any-return]


def offering_trainable(family: str) -> Callable[[str], Any]:
    """A `__getattr__` for the family's module: its Trainable by name, so that Ray is imported for those who ask for that
    and by nobody else."""

    def of_module(name: str) -> Any:
        if name == trainable_name(family):
            return trainable(family)
        raise AttributeError(f"module {f'trainables.{family}'!r} has no attribute {name!r}")

    return of_module
