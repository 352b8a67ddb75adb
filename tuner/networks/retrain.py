"""Retraining an exported trial in this process, and saying whether it reaches the median that was recorded."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from search_spaces.space import MOST_EPOCHS, MOST_REPLICATES
from trainables.config import earlier
from trainables.config.own.code import OwnCode
from trainables.config.wording import reason
from trainables.statistics import median, mode_of
from tuner.errors import BadInput
from tuner.networks.export import SUFFIXES
from tuner.networks.train import Request, run
from tuner.records import manifest as manifests
from tuner.records.forms import complaint, refused
from tuner.records.record_forms import Measured


class Recorded(BaseModel):
    """The objective where the trial was compared."""

    model_config = ConfigDict(strict=True)

    metric: str
    epoch: int = Field(ge=1, le=MOST_EPOCHS)
    median: Measured | None
    values: list[Measured | None]


class _Code(BaseModel):
    commit: str | None
    clean: bool | None


class _Data(BaseModel):
    fingerprints: dict[str, str] = Field(default_factory=dict)


class _Origin(BaseModel):
    """What retraining reads of where the trial comes from; the rest is for people."""

    model_config = ConfigDict(strict=True, extra="allow")

    code: _Code | None = None
    versions: dict[str, str] | None = None
    data: _Data | None = None


def _of_the_form(origin: dict[str, Any]) -> dict[str, Any]:
    try:
        _Origin.model_validate(origin)
    except ValidationError as error:
        raise refused(f"is not of its form: {complaint(error)}") from None
    return origin


class Exported(BaseModel):
    """An exported trial (see `tuner.networks.export.describe`)."""

    model_config = ConfigDict(extra="forbid", strict=True)

    format: Literal[1]
    family: str
    own: dict[str, Any] | None = None
    config: dict[str, Any]
    seed: int = Field(ge=0, lt=2**63)
    replicates: int = Field(ge=1, le=MOST_REPLICATES)
    device: Literal["cpu", "cuda"]
    threads: int = Field(ge=1, le=1024)
    recorded: Recorded
    manifest: Annotated[dict[str, Any], AfterValidator(_of_the_form)]


@dataclass
class Retraining:
    """One retraining: iterate over `results`, then ask for the `verdict`."""

    exported: Exported
    reached: list[float | None] | None = None  # the k values at the recorded epoch
    median: float | None = None

    def results(self) -> Iterator[dict[str, Any]]:
        """Train to the full budget and yield the result of each epoch; `BadInput` when this machine cannot."""
        exported = self.exported
        trained: str | OwnCode = exported.family
        config = earlier.completed(exported.family, exported.config)
        if exported.own is not None:
            trained, config = OwnCode.of(exported.own), exported.config
        request = Request(trained, config, exported.replicates, exported.seed)
        launched = (exported.manifest.get("data") or {}).get("fingerprints", {})
        for result in run(request, device=exported.device, threads=exported.threads, fingerprints=launched):
            if result["epoch"] == exported.recorded.epoch:
                if exported.recorded.metric not in result["metrics"]:
                    raise BadInput(
                        f"`recorded.metric` is {exported.recorded.metric}, but the trial reports "
                        f"{', '.join(result['metrics'])}; give a file that `tuner export` wrote"
                    )
                # At a rung the search may have had fewer seeds than a whole trial has.
                values = result[f"{exported.recorded.metric}_values"][: len(exported.recorded.values)]
                self.median = median(values, mode_of(exported.recorded.metric))
                self.reached = [float(value) if math.isfinite(value) else None for value in values]
            yield result

    def notes(self) -> Iterator[str]:
        """What differs from where the trial was trained, a sentence each."""
        then, now = self.exported.manifest, manifests.surroundings()
        if then.get("code") != now["code"]:
            yield f"note: the code was {_code(then.get('code'))} and is {_code(now['code'])}"
        for package, version in (then.get("versions") or {}).items():
            if now["versions"].get(package) != version:
                yield f"note: {package} was {version} and is {now['versions'].get(package, 'not installed')}"

    def verdict(self) -> str:
        """One sentence: the recorded median was reached bit for bit, or by how much it was missed."""
        recorded = self.exported.recorded
        where = f"{recorded.metric} at epoch {recorded.epoch}"
        if self.median is None or recorded.median is None:
            return f"{where}: recorded {recorded.median}, retrained {self.median}"
        if self.reached == recorded.values and self.median == recorded.median:
            return f"{where}: {self.median!r}, the recorded median bit for bit, and so is every replicate"
        return f"{where}: {self.median!r}, but {recorded.median!r} was recorded ({self.median - recorded.median:+.3g})"


def is_exported(name: str) -> bool:
    """Whether a command line means an exported trial: by the end of its name, there or not."""
    return Path(name).suffix in SUFFIXES


def read(path: Path) -> Exported:
    """An exported trial; `BadInput` in one sentence when the file is not one."""
    try:
        content = yaml.safe_load(path.read_bytes())
    except (OSError, ValueError, OverflowError, RecursionError, yaml.YAMLError) as error:
        raise BadInput(f"cannot read {path} ({reason(error)}); give a file that `tuner export` wrote") from None
    try:
        return Exported.model_validate(content)
    except ValidationError as error:
        raise BadInput(
            f"{path} is not an exported trial ({complaint(error)}); give a file that `tuner export` wrote"
        ) from None


def _code(code: dict[str, Any] | None) -> str:
    if not code or code["commit"] is None:
        return "of an unknown commit"
    return f"commit {code['commit'][:12]}{'' if code['clean'] else ' with changes'}"
