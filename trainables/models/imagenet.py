"""The classic ImageNet models by name: torchvision's where they are the same network, ours where they differ."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import partial
from typing import Any

from torch import nn

from trainables.config.wording import nearest
from trainables.models.classic.alexnet import alexnet
from trainables.models.classic.inception_v1 import InceptionV1
from trainables.models.classic.lenet import lenet5
from trainables.models.classic.mobilenet_v1 import mobilenet_v1
from trainables.models.classic.resnet import resnet
from trainables.models.classic.vgg import vgg

BUILDERS: dict[str, Callable[..., nn.Module]] = {
    "lenet5": lenet5,
    **{name: partial(alexnet, name) for name in ("alexnet_v1", "alexnet_v2")},
    **{name: partial(vgg, name) for name in ("vgg16", "vgg19")},
    **{
        name: partial(resnet, name) for name in ("resnet18", "resnet18_projection", "resnet34", "resnet50", "resnet152")
    },
    "inception_v1": InceptionV1,
    "mobilenet_v1": mobilenet_v1,
}


def build(name: str, num_classes: int | None = None, **options: Any) -> nn.Module:
    """A freshly initialised network, its random draws from torch's global generator.

    Args:
        name: a key of `BUILDERS`.
        num_classes: outputs; default 1000, of lenet5 10.
        options: of the model's own builder, such as `in_channels`, `image_size`, `dropout`, `width`.

    Raises:
        ValueError: no such model (the sentence names the nearest one), no such option, or a value it cannot have.
    """
    if name not in BUILDERS:
        hint = nearest(name, BUILDERS, before="; ")
        raise ValueError(f"`model` is {name!r}, but must be one of {', '.join(BUILDERS)}{hint}")
    known = options_of(name)
    for option in options:
        if option not in known:
            raise ValueError(f"`{option}` is not an option of {name}; it takes {', '.join(known)}")
    return BUILDERS[name](**({} if num_classes is None else {"num_classes": num_classes}), **options)


def options_of(name: str) -> tuple[str, ...]:
    """The options that `build` takes for a model, besides the number of classes."""
    parameters = inspect.signature(BUILDERS[name]).parameters.values()
    return tuple(parameter.name for parameter in parameters if parameter.kind is parameter.KEYWORD_ONLY)
