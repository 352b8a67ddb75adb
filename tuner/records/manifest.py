"""The manifest of an experiment: what was launched, on which versions, by which command. Plain JSON, written whole."""

from __future__ import annotations

import datetime
import importlib.metadata
import json
import os
import platform
import shlex
import subprocess
import sys
from collections.abc import Callable, Mapping
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PrivateAttr,
    SerializerFunctionWrapHandler,
    Strict,
    ValidationError,
    create_model,
    model_serializer,
    model_validator,
)

from search_spaces.budget import OPTIONS, Ascending, Number, Word
from search_spaces.budget import Budget as SpaceBudget
from trainables.config import earlier
from trainables.config.own.code import OwnCode
from trainables.storage import Place, whole
from trainables.storage.redaction import redact
from trainables.trial.seeds import Seeds
from tuner.errors import BadInput, sentence
from tuner.records.forms import Number as Amount
from tuner.records.forms import Text, between, complaint, missing, refused, shown, unfit

_PACKAGES = ("tuner", "torch", "torchvision", "ray", "numpy", "scikit-learn")
_Amount = Annotated[Amount, between(0, 1e6)]
# Options that every experiment says, and what one without the option meant where that is not the default of today.
_ALWAYS_SAID = ("epochs", "reduction", "trials", "replicates")
_BEFORE = {"grace": 1}


class _Part(BaseModel):
    """An object of the manifest. Fields that are not known here are kept, and all are written in the order they came."""

    model_config = ConfigDict(extra="allow", strict=True)
    _order: tuple[str, ...] = PrivateAttr(default=())

    @model_validator(mode="wrap")
    @classmethod
    def _keep_order(cls, data: Any, validate: Callable[[Any], Self]) -> Self:
        part = validate(data)
        if isinstance(data, dict):
            part._order = tuple(data)
        return part

    @model_serializer(mode="wrap")
    def _in_order(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        content = dump(self)
        return {**{name: content[name] for name in self._order if name in content}, **content}

    def content(self) -> dict[str, Any]:
        """As it stands on the storage: without the defaults of what an older experiment does not say."""
        return self.model_dump(exclude_unset=True)


class Objective(_Part):
    """What trials are judged by: the median over the replicates of one metric."""

    metric: Text
    mode: Literal["max", "min"]


class _Budget(_Part):
    """How much is trained, and with what: the options of `search_spaces.Budget`, each by its own rule."""

    max_concurrent: Annotated[int, Field(ge=1)] | None = None  # of the session that ran last

    def extend(self, trials: int) -> None:
        """From now on the search has so many trials."""
        self.__setattr__("trials", trials)

    def searched(self) -> dict[str, Any]:
        """What the search space said of it, to be said again of an extension."""
        return {name: getattr(self, name) for name in OPTIONS if name in self.model_fields_set}


def _field(name: str) -> tuple[Any, Any]:
    """The type and the default of an option, for pydantic."""
    kind: Any = _kind(OPTIONS[name].rule)
    if name in _ALWAYS_SAID:
        return kind, ...
    default = _BEFORE.get(name, OPTIONS[name].default)
    return (kind if default is not None else kind | None), default


def _kind(rule: Number | Word | Ascending) -> Any:
    match rule:
        case Number(least, most, whole=True):
            return Annotated[int, Field(ge=least, le=most)]
        case Number(least, most):
            return Annotated[Amount, between(least, most)]
        case Ascending(most):
            numbers = tuple[Annotated[int, Field(ge=1, le=most)], ...]
            return Annotated[numbers, Field(min_length=1), AfterValidator(_ascending), Strict(False)]
        case Word(()):
            return Text
        case Word(among):
            return Literal[among]


def _ascending(numbers: tuple[int, ...]) -> tuple[int, ...]:
    if list(numbers) != sorted(numbers):
        raise refused(f"is {shown(list(numbers))}, but none may be smaller than the one before it")
    return numbers


if TYPE_CHECKING:

    class Budget(_Budget, SpaceBudget):  # type: ignore[misc]  # frozen is but one of them
        """As far as a type checker sees: the fields of both."""

else:
    Budget = create_model("Budget", __base__=_Budget, **{name: _field(name) for name in OPTIONS})


class Protocol(_Part):
    """What is trained on, and what `val_` metrics are measured on."""

    dataset: Text
    selection: Literal["holdout", "test"]


class Data(_Part):
    """The images, as preflight found them."""

    fingerprints: dict[str, Text] = Field(default_factory=dict)  # image size -> fingerprint
    place: Text | None = None  # where every node took them from; None where each had its own


class Allocation(_Part):
    """What a trial gets where its configuration agrees (see `search_spaces.space.Allocation`)."""

    when: dict[str, list[Any]]
    cpus: _Amount | None
    gpus: _Amount | None


class Published(_Part):
    """A published figure (see `search_spaces.space.Published`)."""

    when: dict[str, Any]
    metric: Text
    value: Annotated[Amount, between(-1e100, 1e100)]
    source: Text
    at: Literal["last", "best"] = "last"


class Manifest(_Part):
    """What was launched. A field with a default was not there in the experiments of some earlier version."""

    objective: Objective
    budget: Budget
    protocol: Protocol | None  # None: the user's own code has data of its own
    rungs: list[Annotated[int, Field(ge=1)]]
    baseline: dict[str, Any]
    family: Text
    space: Text  # its name; space.py where it is the user's own, kept beside the manifest
    seed: int = Field(ge=0, lt=2**63)
    own: dict[str, Any] | None = None  # the user's own code (see `trainables.config.own.code.OwnCode.content`)
    name: Text = ""
    rebuildable: bool = True  # whether the space can be had again, to extend the search
    summary: Text = ""
    overrides: dict[str, Text] = Field(default_factory=dict)
    allocations: list[Allocation] = Field(default_factory=list)
    ranges: dict[str, list[Any]] = Field(default_factory=dict)  # knob -> function of ray.tune and its arguments
    bracket: list[Text] = Field(default_factory=list)
    data: Data = Field(default_factory=Data)
    shown_scalars: list[Text] = Field(default_factory=list)
    defaults: dict[str, Any] = Field(default_factory=dict)  # knobs with one value wherever a configuration says none
    published: list[Published] = Field(default_factory=list)
    sources: dict[str, Text] = Field(default_factory=dict)  # file -> fingerprint; empty: nobody kept them
    space_fingerprint: Text | None = None
    created: Text | None = None
    versions: dict[str, Text] = Field(default_factory=dict)
    code: dict[str, Any] | None = None
    platform: Text | None = None
    processor: Text | None = None
    cores: int | None = None
    command: Text | None = None
    accepted_changes: list[dict[str, Any]] = Field(default_factory=list)

    @property
    def trained(self) -> str | OwnCode:
        """What is trained: a family by its name, or the user's own code."""
        return self.family if self.own is None else OwnCode.of(self.own)

    @property
    def words(self) -> list[str]:
        """Those of the command that launched it; none where none did, or what stands there is no command line."""
        try:
            return shlex.split(self.command or "")
        except ValueError:
            return []

    @property
    def keeps_best(self) -> str | None:
        """The metric of whose best epoch trials keep the weights: where published figures are those of the best epoch."""
        return self.objective.metric if any(figure.at == "best" for figure in self.published) else None

    @property
    def seeds(self) -> Seeds:
        """The seeds of every trial."""
        return Seeds.by_rung(self.budget.seeds, self.rungs, self.budget.replicates)

    def knobs(self, config: Mapping[str, Any]) -> dict[str, Any]:
        """A configuration of this experiment with all that it leaves unsaid and later versions might read otherwise."""
        if self.own is not None:
            return {**self.defaults, **config}
        return earlier.completed(self.family, {**self.defaults, **config})

    @model_validator(mode="before")
    @classmethod
    def _finite(cls, data: Any) -> Any:
        found = next(unfit(data), None)
        if found is not None:
            raise refused(found)
        return data

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        for knob, said in self.ranges.items():
            if len(said) < 2 or not isinstance(said[0], str):
                raise refused(f"`ranges.{knob}` is {shown(said)}, but must be a function's name and its arguments")
        epochs = self.budget.epochs
        if self.budget.grace > epochs:
            raise refused(f"`budget.grace` is {self.budget.grace}, but must be at most {epochs}, the `budget.epochs`")
        ascending = all(low < high for low, high in pairwise(self.rungs))
        if not self.rungs or not ascending or self.rungs[-1] != epochs:
            raise refused(f"`rungs` must be epochs in ascending order, the last of them {epochs}, the `budget.epochs`")
        return self


def surroundings() -> dict[str, Any]:
    """When, where and with which versions: the part of a manifest that no option decides."""
    versions = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return {
        "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "versions": versions,
        "code": code(),
        "platform": platform.platform(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "command": redact(shlex.join([Path(sys.argv[0]).name.replace("__main__.py", "tuner"), *_told(sys.argv[1:])])),
    }


def _told(words: list[str]) -> list[str]:
    """The words of a command line without the URL of --notify, which may hold a secret."""
    kept = [word for word in words if not word.startswith("--notify=")]
    while "--notify" in kept:
        at = kept.index("--notify")
        del kept[at : at + 2]
    return kept


def code() -> dict[str, Any]:
    """The git commit of the running code and whether every file is as committed; both None outside a checkout."""
    root = Path(__file__).parents[2]
    if not (root / ".git").exists():  # installed: a repository further up would be somebody else's
        return {"commit": None, "clean": None}
    try:
        commit = _git(root, "rev-parse", "HEAD").strip()
        return {"commit": commit, "clean": not _git(root, "status", "--porcelain").strip()}
    except (OSError, subprocess.CalledProcessError):
        return {"commit": None, "clean": None}


def _git(root: Path, *arguments: str) -> str:
    return subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, text=True, check=True).stdout


def _processor() -> str:
    """The processor's name as Linux gives it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.machine())


def write(path: Place, manifest: Manifest) -> None:
    """Write the manifest whole or not at all."""
    with whole(path) as file:
        file.write(f"{json.dumps(manifest.content(), indent=2, default=list)}\n".encode())


def read(path: Place) -> Manifest:
    """The manifest, or `BadInput` in one sentence when it cannot be read or is not of the form."""
    try:
        content = json.loads(path.read_bytes().decode())
    except (OSError, ValueError, RecursionError) as error:
        raise BadInput(
            f"cannot read {path} ({_why(error)}); it is the experiment's manifest and must be valid JSON"
        ) from None
    if not isinstance(content, dict):
        raise BadInput(f"{path} holds a {type(content).__name__}, but a manifest is a JSON object; restore the file")
    try:
        return Manifest.model_validate(content)
    except ValidationError as error:
        lacking = missing(error)
        what = f"lacks {', '.join(lacking)}" if lacking else f"is not a manifest: {complaint(error)}"
        raise BadInput(f"{path} {what}; restore it from a copy of the experiment") from None


def of(content: dict[str, Any]) -> Manifest:
    """The manifest of an experiment that is about to be made; `BadInput` where something in it cannot be."""
    try:
        return Manifest.model_validate(content)
    except ValidationError as error:
        raise BadInput(f"the experiment's manifest cannot be made: {complaint(error)}; change it") from None


def as_json(value: Any) -> Any:
    """The value as it comes back from a JSON file: tuples become lists."""
    return json.loads(json.dumps(value))


def _why(error: Exception) -> str:
    if isinstance(error, UnicodeDecodeError):
        return f"byte {error.start} is not UTF-8"
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    return sentence(error) if isinstance(error, OSError) else str(error)
