"""A class or function that Python holds, made into code that travels: by its file where it has one, else by itself."""

from __future__ import annotations

import base64
import dataclasses
import inspect
import sys
from pathlib import Path
from typing import Any

from search_spaces import own_code
from search_spaces.space import SearchSpace
from trainables.config.own.code import OwnCode
from trainables.config.own.collecting import collect
from tuner.errors import BadInput, as_bad_input

_INSTALLED = ("site-packages", "dist-packages")


def bound(space: SearchSpace, trainable: Any) -> SearchSpace:
    """The space with what it trains; BadInput in one sentence where that cannot be trained."""
    name = getattr(trainable, "__qualname__", type(trainable).__name__)
    code, module = _code(trainable, name), sys.modules.get(getattr(trainable, "__module__", ""))
    with as_bad_input():
        return own_code.bound(dataclasses.replace(space, trainable=trainable), code, module, name)


def _code(trainable: Any, name: str) -> OwnCode:
    """A module's file travels; what a notebook or a script's own file defines, and what lies in a function, by itself."""
    short = name.rpartition(".")[2] or "own"
    try:
        file = inspect.getsourcefile(trainable)
    except (TypeError, OSError):  # of a notebook
        file = None
    own = getattr(trainable, "__module__", "__main__") == "__main__" or "<locals>" in name
    if not own and file is not None and Path(file).is_file() and not set(_INSTALLED) & set(Path(file).parts):
        return dataclasses.replace(collect(Path(file)), trains=name)
    from ray import cloudpickle

    try:
        content = cloudpickle.dumps(trainable)
    except Exception as error:
        raise BadInput(
            f"{name} cannot be sent to a worker ({error}); define it in a file of its own, and import it"
        ) from None
    return OwnCode(short, "", {}, "", trains=name, pickled=base64.b64encode(content).decode())
