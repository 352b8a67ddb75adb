"""Two experiments over the configurations they share: the same question asked under another budget, scheduler or code."""

from __future__ import annotations

import csv
import io
import json
import statistics
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from tuner.errors import BadInput
from tuner.results.history import History, Trial
from tuner.results.significance import separated


@dataclass(frozen=True)
class Side:
    """One experiment's trial of a shared configuration, at the compared epoch; low and high leave failed ones out."""

    trial: int
    status: str
    median: float | None
    low: float | None
    high: float | None
    values: tuple[float | None, ...]


@dataclass(frozen=True)
class Pair:
    """A configuration that both experiments trained.

    `epoch` is the last one that both recorded. `difference` is b's median minus a's, None where one is missing;
    `separated` says whether paired seeds tell them apart, None where the seeds are not paired.
    """

    config: dict[str, Any]
    epoch: int
    a: Side
    b: Side
    difference: float | None
    separated: bool | None


@dataclass(frozen=True)
class Comparison:
    """Two experiments side by side; `only_a` and `only_b` count the trials that the other one has not trained."""

    a: str
    b: str
    metric: str
    mode: str
    paired: bool
    same_data: bool
    pairs: tuple[Pair, ...]
    only_a: int
    only_b: int

    @property
    def differences(self) -> list[float]:
        return [pair.difference for pair in self.pairs if pair.difference is not None]

    @property
    def better(self) -> int:
        """In how many pairs b is better."""
        return sum(difference > 0 if self.mode == "max" else difference < 0 for difference in self.differences)

    @property
    def median_difference(self) -> float | None:
        return statistics.median(self.differences) if self.differences else None


class NothingShared(BadInput):
    """Two experiments have no configuration in common; `comparison` is what there is to say of them all the same."""

    def __init__(self, message: str, comparison: Comparison) -> None:
        super().__init__(message)
        self.comparison = comparison


def compare(a: History, b: History) -> Comparison:
    """Compare two experiments; the pairs come in the order of a's trials.

    Two configurations are the same when every knob is, the dataset and the full budget included. Seeds are paired when
    both experiments have the same seed and as many replicates.

    Raises:
        BadInput: other objectives.
        NothingShared: no shared configuration that both have begun to train.
    """
    if (a.metric, a.mode) != (b.metric, b.mode):
        raise BadInput(
            f"`{a.name}` is judged by {a.metric} and `{b.name}` by {b.metric}, so their medians cannot be compared"
        )
    ours, theirs = _by_config(a), _by_config(b)
    shared = [key for key in ours if key in theirs]
    paired = a.manifest.seed == b.manifest.seed and a.replicates == b.replicates
    found = Comparison(
        a=a.name,
        b=b.name,
        metric=a.metric,
        mode=a.mode,
        paired=paired,
        same_data=a.manifest.data.fingerprints == b.manifest.data.fingerprints,
        pairs=tuple(_pair(ours[key], theirs[key], a.mode, paired) for key in shared),
        only_a=len(ours) - len(shared),
        only_b=len(theirs) - len(shared),
    )
    if not shared:
        why = _why(ours, theirs)
        raise NothingShared(f"`{a.name}` and `{b.name}` share no configuration that both have trained{why}", found)
    return found


def to_json(comparison: Comparison, more: Mapping[str, Any] | None = None) -> str:
    """The comparison as one JSON object: its fields, `median_difference` and `better`, and what else is told of the two."""
    content = asdict(comparison) | {
        "better": comparison.better,
        "median_difference": comparison.median_difference,
        **(more or {}),
    }
    return json.dumps(content, indent=2, allow_nan=False) + "\n"


def to_csv(comparison: Comparison) -> str:
    """A row a pair: a_trial, a_status, a_median, a_low, a_high, the same of b, epoch, difference, separated, config/KNOB."""
    knobs = dict.fromkeys(name for pair in comparison.pairs for name in pair.config)
    file = io.StringIO()
    sides = [f"{side}_{name}" for side in "ab" for name in ("trial", "status", "median", "low", "high")]
    columns = [*sides, "epoch", "difference", "separated", *(f"config/{name}" for name in knobs)]
    writer = csv.DictWriter(file, fieldnames=columns, lineterminator="\n")
    writer.writeheader()
    for pair in comparison.pairs:
        row: dict[str, Any] = {"epoch": pair.epoch, "difference": pair.difference, "separated": pair.separated}
        for letter, side in (("a", pair.a), ("b", pair.b)):
            row |= {f"{letter}_{key}": value for key, value in asdict(side).items() if key != "values"}
        for name, value in pair.config.items():
            row[f"config/{name}"] = json.dumps(value) if isinstance(value, list) else value
        writer.writerow(row)
    return file.getvalue()


def _by_config(history: History) -> dict[str, Trial]:
    """The trials that recorded an epoch, by their configuration."""
    return {json.dumps(trial.config, sort_keys=True): trial for trial in history.trials if trial.epochs}


def _pair(a: Trial, b: Trial, mode: str, paired: bool) -> Pair:
    epoch = min(a.last_epoch, b.last_epoch)
    left, right = _side(a, epoch), _side(b, epoch)
    return Pair(
        config=a.config,
        epoch=epoch,
        a=left,
        b=right,
        difference=None if left.median is None or right.median is None else right.median - left.median,
        separated=_separated(left.values, right.values, mode) if paired else None,
    )


def _separated(a: tuple[float | None, ...], b: tuple[float | None, ...], mode: str) -> bool:
    """By the seeds that both have at the epoch: another rule may have let fewer of them train up to it."""
    both = min(len(a), len(b))
    return separated(a[:both], b[:both], mode)


def _side(trial: Trial, epoch: int) -> Side:
    low, high = trial.extremes(epoch)
    return Side(trial.index, trial.status, trial.median(epoch), low, high, tuple(trial.values(epoch)))


def _why(ours: dict[str, Trial], theirs: dict[str, Trial]) -> str:
    """The knobs in which every configuration of one differs from every one of the other."""
    left, right = [trial.config for trial in ours.values()], [trial.config for trial in theirs.values()]
    if not left or not right:
        return ": one of them has trained nothing yet"
    names = dict.fromkeys(name for config in (*left, *right) for name in config)
    apart = [
        name
        for name in names
        if not {repr(config.get(name)) for config in left} & {repr(config.get(name)) for config in right}
    ]
    return f": they differ in {', '.join(apart)}" if apart else ""
