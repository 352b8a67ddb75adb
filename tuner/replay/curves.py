"""Recorded learning curves to replay schedulers on: from a CSV in the reference form, or from an experiment's records.

The reference form is a table with the columns model, epoch (1-based), split, metric, value, one row for each value.
Pandas is imported only where a CSV is read.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING

from trainables.config.wording import nearest, reason
from trainables.statistics import median, mode_of
from tuner.errors import BadInput
from tuner.records import paths
from tuner.results.history import History, Trial
from tuner.rules.ranking import bracket_of

if TYPE_CHECKING:
    import pandas

COLUMNS = ("model", "epoch", "split", "metric", "value")


@dataclass(frozen=True)
class Curves:
    """Curves of one metric.

    Attributes:
        values: by model the values at epochs 1, 2, ...; one that is not finite is the worst there is, and a curve that
            ends in one has diverged.
        mode: "max" when larger values are better, "min" when smaller are.
        baseline: the model that a scheduler ranks like the others but never stops; None if there is none.
        seeds: by model, where they are known, the values of each seed at epochs 1, 2, ...
        brackets: the bracket of each model, by which it is compared; a model that is not named is in the one without name.
    """

    values: dict[str, list[float]]
    mode: str = "max"
    baseline: str | None = None
    brackets: dict[str, str] = field(default_factory=dict)
    seeds: dict[str, list[list[float]]] = field(default_factory=dict)

    def medians(self, model: str, count: int) -> list[float]:
        """The medians over the first `count` seeds, as far as so many are known."""
        known = itertools.takewhile(lambda values: len(values) >= count, self.seeds[model])
        return [median(values[:count], self.mode) for values in known]

    def matching(self, pattern: str) -> Curves:
        """The curves whose model matches a shell pattern such as `cifar_freeze_*`; `BadInput` when none does."""
        chosen = {model: values for model, values in self.values.items() if fnmatchcase(model, pattern)}
        if not chosen:
            known = ", ".join(list(self.values)[:8])
            hint = nearest(pattern, self.values, "change --models")
            raise BadInput(f"no curve matches `{pattern}` (there are: {known}, ...); {hint}")
        return dataclasses.replace(self, values=chosen)


def load(source: str, storage: str | Path | None, metric: str | None) -> Curves:
    """The curves of a CSV (a path that is a file or ends in .csv), or of an experiment by name or folder.

    Args:
        metric: with its split in front; default an experiment's objective, and val_accuracy of a CSV.
    """
    path = paths.expanded(paths.required(source, "the source of the curves"))
    if path.is_file() or path.suffix == ".csv":
        name = metric or "val_accuracy"
        split, _, short = name.partition("_")
        return Curves(by_model(read(path), short, split), mode_of(name))
    return of_history(History.load(paths.experiment(source, storage)), metric)


def read(path: Path) -> pandas.DataFrame:
    """The table of a CSV; `BadInput` when it cannot be read."""
    import pandas

    try:
        return pandas.read_csv(path)
    except (OSError, ValueError) as error:
        raise BadInput(
            f"cannot read {path} ({reason(error)}); give a CSV with the columns {', '.join(COLUMNS)}"
        ) from None


def of_history(history: History, metric: str | None = None) -> Curves:
    """The medians of an experiment as curves, one model a trial, named `trial 7`; `BadInput` when there is none."""
    name = metric or history.metric
    values: dict[str, list[float]] = {}
    brackets = {}
    seeds: dict[str, list[list[float]]] = {}
    for trial in history.trials:
        brackets[_name(trial)] = bracket_of(trial.config, history.manifest.bracket)
        medians = [trial.median(epoch, name) for epoch in sorted(trial.epochs)]
        if any(found is not None for found in medians):
            values[_name(trial)] = [math.nan if found is None else found for found in medians]
            seeds[_name(trial)] = [
                [math.nan if value is None else value for value in trial.all_values(epoch, name)]
                for epoch in sorted(trial.epochs)
            ]
    if not values:
        there = {metric for trial in history.trials for epoch in trial.epochs.values() for metric in epoch["metrics"]}
        hint = nearest(name, there, before="; ")
        raise BadInput(f"`{history.name}` has recorded no {name}, so there is no curve to replay{hint}")
    mode = history.mode if metric is None else mode_of(name)
    return Curves(values, mode, _name(history.baseline), brackets, seeds)


def by_model(table: pandas.DataFrame, metric: str, split: str) -> dict[str, list[float]]:
    """The values of one metric by model, at epochs 1, 2, ..., in the order in which the models first appear.

    Raises:
        BadInput: a missing column, no such rows, a value that is no number, an epoch that is missing or given twice.
    """
    missing = [name for name in COLUMNS if name not in table.columns]
    if missing:
        raise BadInput(f"the curves lack the column {', '.join(missing)}; they need {', '.join(COLUMNS)}")
    chosen = table[(table["split"] == split) & (table["metric"] == metric)]
    if chosen.empty:
        there = sorted(set(table["split"].astype(str) + "_" + table["metric"].astype(str)))
        raise BadInput(
            f"the curves hold no {split}_{metric} (there are: {', '.join(there)}); "
            f"{nearest(f'{split}_{metric}', there, 'choose one of these')}"
        )
    found: dict[str, list[float]] = {}
    for model, rows in chosen.groupby("model", sort=False):
        try:
            pairs = sorted(
                zip(map(int, rows["epoch"]), map(float, rows["value"]), strict=True), key=lambda pair: pair[0]
            )
        except (TypeError, ValueError, OverflowError) as error:
            raise BadInput(f"the curve of `{model}` holds something that is no number ({error}); correct it") from None
        for expected, (epoch, _) in enumerate(pairs, start=1):
            if epoch != expected:
                what = f"has epoch {epoch} twice" if epoch == expected - 1 else f"lacks epoch {expected}"
                raise BadInput(f"the curve of `{model}` {what}; every epoch from 1 on must be there once")
        found[str(model)] = [value for _, value in pairs]
    return found


def _name(trial: Trial) -> str:
    return f"trial {trial.index}"
