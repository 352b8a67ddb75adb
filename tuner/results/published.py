"""Published figures beside ours: only beside like runs, by the rule they were published by, at the full budget."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from trainables import families
from trainables.config.normalisation import kind
from tuner.results.leaderboard import Leaderboard

# Runs that say otherwise are like none that was published, unless a figure names the knob.
USUAL: Mapping[str, Any] = {"train_images": None, "init_from": None}
# What a search has in common: a figure of others than all of its runs is not even listed.
PROTOCOL = ("dataset", "selection", "epochs", "image_size", *USUAL)


class Conditioned(Protocol):
    """What says which runs it is of."""

    @property
    def when(self) -> Mapping[str, Any]: ...


class Known(Conditioned, Protocol):
    """A published figure, of a space or of a manifest (see `search_spaces.space.Published`)."""

    @property
    def metric(self) -> str: ...
    @property
    def value(self) -> float: ...
    @property
    def source(self) -> str: ...
    @property
    def at(self) -> str: ...


K = TypeVar("K", bound=Conditioned)


@dataclass(frozen=True)
class Figure:
    """One published figure and our trial of that configuration.

    `published` is a value of `metric`, `rule` where it is read: "last" (at the full budget) or "best" (at the best epoch
    of the median's curve). Ours is read by the same rule: median, low, high and epoch, all None as long as the trial has
    not trained its full budget; `trial` is None if the search holds no such configuration.
    """

    metric: str
    published: float
    source: str
    when: Mapping[str, Any]
    rule: str
    trial: int | None = None
    median: float | None = None
    low: float | None = None
    high: float | None = None
    epoch: int | None = None


def figures(board: Leaderboard) -> list[Figure]:
    """Every published figure of runs like those of the search, once for each trial it belongs to, or once without one."""
    found: list[Figure] = []
    manifest = board.history.manifest
    if not manifest.published:  # what is trained need not be loaded for it
        return found
    settings = {**dict(manifest.protocol or {}), "epochs": board.history.budget}
    trained = manifest.trained
    rows = [(row, whole(trained, {**settings, **manifest.knobs(row.config)})) for row in board.rows]
    for known in manifest.published:
        of_protocol = {name: known.when[name] for name in PROTOCOL if name in known.when}
        if not any(is_like(config, of_protocol) for _, config in rows):
            continue
        name, rule = known.metric, known.at
        given = (name, known.value, known.source, known.when, rule)
        matching = [row for row, config in rows if is_like(config, known.when)]
        for row in matching:
            trial = board.history.trial(row.trial)
            epoch = None
            if trial is not None and row.epoch >= board.history.budget:
                epoch = trial.best_epoch(name) if rule == "best" else trial.last_epoch
            if trial is None or epoch is None:
                found.append(Figure(*given, trial=row.trial))
            else:
                low, high = trial.extremes(epoch, name)
                found.append(Figure(*given, row.trial, trial.median(epoch, name), low, high, epoch))
        if not matching:
            found.append(Figure(*given))
    return found


def whole(family: families.Ref, config: Mapping[str, Any]) -> dict[str, Any]:
    """A configuration with every knob that it leaves to a default; as it is where it is not the family's any more."""
    try:
        return families.config_class(family)(**config).model_dump(mode="json")
    except ValueError:
        return dict(config)


def is_like(config: Mapping[str, Any], when: Mapping[str, Any]) -> bool:
    """Whether a run of this whole configuration is like the one that a figure was published of.

    It must agree in all that the figure names. A dataset that is named without a path stands for any path.
    """
    ours = {**USUAL, **config}
    return all(name in ours and _agree(name, ours[name], wanted) for name, wanted in {**USUAL, **when}.items())


def _agree(name: str, ours: Any, theirs: Any) -> bool:
    if name == "dataset" and ":" not in str(theirs):
        return bool(kind(str(ours)) == theirs)
    return bool(ours == (list(theirs) if isinstance(theirs, tuple) else theirs))


def told_apart(published: Sequence[Conditioned]) -> tuple[str, ...]:
    """The knobs in which figures differ: what a table must say of each."""
    names = dict.fromkeys(name for known in published for name in known.when)
    absent = object()
    return tuple(name for name in names if len({repr(known.when.get(name, absent)) for known in published}) > 1)


def shared(published: Sequence[Conditioned]) -> dict[str, Any]:
    """What all figures have in common: the protocol that they were published under."""
    apart = told_apart(published)
    return {name: value for known in published[:1] for name, value in known.when.items() if name not in apart}


def beside(
    family: families.Ref, configs: Sequence[Mapping[str, Any]], published: Sequence[K]
) -> list[tuple[K, list[int]]]:
    """Each figure with the numbers of the configurations that it would stand beside."""
    if not published:
        return []
    ours = [whole(family, config) for config in configs]
    return [(known, [index for index, config in enumerate(ours) if is_like(config, known.when)]) for known in published]
