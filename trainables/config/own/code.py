"""A user's own training code as it travels: the text of its file and of what that imports from beside it."""

from __future__ import annotations

import base64
import functools
import hashlib
import json
import pickle
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

from trainables.config.own import loading

FAMILY, REPLICATE, RAY_CLASS, RAY_FUNCTION = "family", "replicate", "ray class", "ray function"


@dataclass(frozen=True, eq=False)
class OwnCode:
    """What an experiment of a user's own code trains; plain data, so that a manifest holds it and any worker makes it again.

    Attributes:
        name: of the file without its ending, or of the class where there is no file; the family's name for people.
        entry: the file among `files`; empty where the code came from a notebook.
        files: path -> text, of the file and of what it imports from beside it.
        path: where the file lay.
        trains: qualified name of the class or function in the file.
        kind: FAMILY (a subclass of `Family`), REPLICATE (the protocol), RAY_CLASS or RAY_FUNCTION (a trainable of Ray Tune).
        metric, mode: the objective.
        knobs: of code without a configuration class: knob -> default, None where it has none.
        pickled: the class or function itself in base64 where it came from no file.
    """

    name: str
    entry: str
    files: Mapping[str, str]
    path: str
    trains: str = ""
    kind: str = REPLICATE
    metric: str = ""
    mode: str = "max"
    knobs: Mapping[str, Any] = field(default_factory=dict)
    pickled: str = ""

    @functools.cached_property
    def digest(self) -> str:
        """The first 48 bits of the SHA-256 of all that is said here but where the file lay."""
        said = json.dumps([self.entry, sorted(self.files.items()), self.trains, self.kind, self.pickled])
        return hashlib.sha256(said.encode()).hexdigest()[:12]

    def __hash__(self) -> int:
        return hash((self.digest, self.metric, self.mode, json.dumps(self.knobs, sort_keys=True, default=str)))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, OwnCode) and self.content() == other.content()

    def content(self) -> dict[str, Any]:
        """As a manifest keeps it."""
        said = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return {**said, "files": dict(self.files), "knobs": dict(self.knobs), "sha256": self.digest}

    @classmethod
    def of(cls, content: Mapping[str, Any]) -> OwnCode:
        """From what `content` said."""
        return cls(**{name: content[name] for name in cls.__dataclass_fields__ if name in content})

    @property
    def in_lock_step(self) -> bool:
        """Whether this project makes its replicates by the protocol, not by a `Family`."""
        return self.kind != FAMILY

    def module(self) -> ModuleType:
        """The file, executed in this process; what it raises comes out."""
        return loading.module(self.name, self.entry, self.files, self.path, self._executed)

    @functools.cached_property
    def _executed(self) -> str:
        """What is executed: the same whatever of it is trained."""
        said = json.dumps([self.name, self.entry, self.path, sorted(self.files.items())])
        return hashlib.sha256(said.encode()).hexdigest()

    def trained(self) -> Any:
        """The class or function that is trained, in this process."""
        if self.pickled:
            return _unpickled(self.pickled)
        return functools.reduce(getattr, self.trains.split("."), self.module())


@functools.lru_cache(maxsize=8)
def _unpickled(text: str) -> Any:
    """The class or function, the same one in all of a process."""
    return pickle.loads(base64.b64decode(text))


def extends_rays(cls: Any) -> bool:
    """Whether a class extends Ray Tune's own `Trainable`; told by names, since importing that takes long."""
    bases = getattr(cls, "__mro__", ())
    return any(base.__module__.startswith("ray.tune.") and base.__name__ == "Trainable" for base in bases)
