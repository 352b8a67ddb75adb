"""The families by name, and a user's own code in the place of one: the one place that knows which there are.

Nothing heavy is imported until a family is used.
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING, Any

from trainables.config.own.code import OwnCode
from trainables.config.wording import nearest

if TYPE_CHECKING:
    from collections.abc import Callable

    from trainables.config.training import TrainingConfig
    from trainables.family import Family

Ref = str | OwnCode  # a family by its name, or a user's own code

GROUP = "tuner.families"  # of entry points
OURS = "tuner"  # the distribution of this project

# family name -> name of its configuration class; the modules are trainables.config.<name> and trainables.<name>
_CONFIGS = {
    "blur": "BlurConfig",
    "online_norm": "OnlineNormConfig",
    "deconv": "DeconvConfig",
    "bn_only": "BNOnlyConfig",
    "imagenet": "ImageNetConfig",
}


@dataclass(frozen=True)
class Offer:
    """A family that can be had, and by which names: `module:attribute`.

    Attributes:
        config: its configuration class; empty where the family itself says it.
        family: the family.
        trainable: what its Ray Trainable is called.
        origin: the distribution it comes from.
    """

    config: str
    family: str
    trainable: str
    origin: str = OURS


@functools.cache
def offers() -> Mapping[str, Offer]:
    """Every family by its name: those of this project, then those that installed packages offer as entry points of the
    group `tuner.families`. `ValueError` where two have one name."""
    found: dict[str, Offer] = {}
    for name, config in _CONFIGS.items():
        trainable = f"{config.removesuffix('Config')}Trainable"
        _add(found, name, Offer(f"trainables.config.{name}:{config}", f"trainables.{name}:FAMILY", trainable))
    for point in entry_points(group=GROUP):
        name = point.name.strip().lower().replace("-", "_")
        trainable = f"{''.join(part.title() for part in name.split('_'))}Trainable"
        _add(found, name, Offer("", point.value, trainable, origin_of(point)))
    return found


def _add(found: dict[str, Offer], name: str, offer: Offer) -> None:
    if not name.isidentifier():
        raise ValueError(
            f"{offer.origin} offers a family `{name}`, but the name of a family has letters, digits and underscores; uninstall "
            "that package, or rename its entry point"
        )
    if name in found:
        raise ValueError(
            f"the family `{name}` is offered by {found[name].origin} and by {offer.origin}; uninstall one of them, or rename "
            f"the entry point in {GROUP}"
        )
    found[name] = offer


def origin_of(point: EntryPoint) -> str:
    """The distribution that an entry point belongs to, with its version."""
    return point.value if point.dist is None else f"{point.dist.name} {point.dist.version}"


def _loaded(name: str, reference: str) -> Any:
    """What `module:attribute` means; `ValueError` where the package that offers it is broken."""
    module, _, attribute = reference.partition(":")
    try:
        return getattr(importlib.import_module(module), attribute)
    except Exception as error:
        origin = offers()[name].origin
        if origin == OURS:
            raise
        raise ValueError(
            f"the family `{name}`, offered by {origin}, cannot be loaded ({type(error).__name__}: {error}); mend or uninstall it"
        ) from error


def names() -> tuple[str, ...]:
    """Every family that can be trained."""
    return tuple(offers())


def title(family: Ref) -> str:
    """What a family or a user's own code is called where a person reads it and a manifest keeps it."""
    return family.name if isinstance(family, OwnCode) else canonical(family)


def canonical(family: str) -> str:
    """The family's name with underscores; `ValueError` naming the nearest one when there is no such family."""
    name = family.strip().lower().replace("-", "_")
    if name in offers():
        return name
    hint = nearest(name, offers(), before="; ")
    raise ValueError(f"`{family}` is not a family (there are: {', '.join(offers())}){hint}")


def config_class(family: Ref) -> type[TrainingConfig]:
    """The family's configuration class, without importing torch unless a user's own code does."""
    if isinstance(family, OwnCode):
        from trainables.config.own.configuration import config_class as own_config_class

        return own_config_class(family)
    name = canonical(family)
    offer = offers()[name]
    if not offer.config:
        from trainables.config.own.configuration import of_family

        return of_family(type(get(name)))
    return _loaded(name, offer.config)  # type: ignore[no-any-return]


def get(family: Ref) -> Family[Any]:
    """The family itself: how its models are built, fed and judged. Imports torch."""
    if isinstance(family, OwnCode):
        return _own_family(family)
    name = canonical(family)
    found = _loaded(name, offers()[name].family)
    if offers()[name].origin == OURS:
        return found  # type: ignore[no-any-return]
    return _made(name, found)


@functools.lru_cache(maxsize=8)
def _own_family(code: OwnCode) -> Family[Any]:
    family = _made(code.name, code.trained())
    family.code = code
    return family


def _made(name: str, found: Any) -> Family[Any]:
    """A family that was given as a class or as an object of it, under its name."""
    family: Family[Any] = found() if isinstance(found, type) else found
    if not callable(getattr(family, "build_model", None)):
        raise ValueError(
            f"the family `{name}` is a {type(family).__name__}, but must be a Family; mend or uninstall it"
        )
    type(family).name = name
    return family


def trainable_name(family: str) -> str:
    """What the family's Ray Trainable is called: BlurTrainable beside BlurConfig."""
    return offers()[canonical(family)].trainable


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
