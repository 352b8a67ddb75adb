"""What the parts of a search space are, and how overrides and another budget change them. Data only."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from search_spaces.budget import OPTIONS, Budget
from trainables.config.own.code import OwnCode

# Knobs of every family that belong to the protocol or the budget: one value for the whole search.
SETTINGS = ("dataset", "selection", "epochs")


class SpaceExhausted(ValueError):
    """More configurations were asked for than the space holds."""


@dataclass(frozen=True)
class Objective:
    """What the search optimises: the median over replicates of one metric, reported after every epoch."""

    metric: str = "val_accuracy"
    mode: str = "max"  # "max" or "min"


@dataclass(frozen=True)
class Allocation:
    """What a trial gets instead of the budget's share where its configuration agrees with `when`.

    A wide network takes a whole GPU, a narrow one a quarter. A knob that the configuration leaves out has its default.
    """

    when: Mapping[str, tuple[Any, ...]]  # knob -> the values it may have
    cpus: float | None = None  # None: `Budget.cpus_per_trial`
    gpus: float | None = None  # None: `Budget.gpus_per_trial`


@dataclass(frozen=True)
class Protocol:
    """What is trained on and what val_ metrics are measured on, the same for every configuration."""

    dataset: str
    selection: str = "holdout"  # "holdout": 10 % of the training images; "test": the test set, as many papers did


@dataclass(frozen=True)
class Published:
    """A published figure, to print beside ours wherever a configuration agrees with `when`."""

    when: Mapping[str, Any]
    metric: str
    value: float  # accuracies are fractions in [0, 1]
    source: str  # paper and table
    at: str = "last"  # "last": at the full budget; "best": at the best epoch of the median's curve, metric by metric


@dataclass(frozen=True, kw_only=True)
class Definition:
    """What to search for one family, or for a user's own code. Configuration i is a pure function of (space, experiment seed, i).

    A configuration holds the searched knobs that exist there, the fixed ones, and dataset, selection and epochs; a knob
    it does not name has the default of the family's config class.

    Attributes:
        family: name of a family of `trainables.families`; of a file that holds its own code, what loading it has found.
        trainable: in such a file, the class or function that is trained; may be left out where there is but one.
        name: name of the space within the family; default the file's.
        summary: one line for listings.
        parameters: searched knobs: Ray Tune domains (`tune.choice`, `tune.loguniform`, ...) or `tune.grid_search`.
        fixed: knobs that have one value in every configuration, where it differs from the family's default.
        baseline: configuration 0, the paper's values, merged over `fixed`; never stopped early.
        objective: metric and mode.
        budget: epochs, rungs, trials, replicates, resources.
        protocol: dataset and selection; None where the user's own code has data of its own.
        active_when: {knob: {other: (values, ...)}}: the knob exists only where every `other` exists and has one of the
            values; elsewhere it is dropped, so that configurations which differ in it alone count as duplicates. So is
            whatever the family knows to change nothing beside the other knobs (`TrainingConfig.inert`).
        bracket: knob, or several, in whose values trials must agree to be compared at a rung: where one value is ahead
            early for reasons that say nothing of the end. By default every trial is compared with every other.
        points: partial configurations of a published grid. Each is combined with every `grid_search` it does not set
            itself; the grid is visited in an order shuffled by the experiment seed, cyclically if there are random
            domains as well. A point's values win over `parameters` and `fixed`.
        published: figures to print beside ours.
        allocations: shares of some configurations; the first one that agrees counts.
    """

    family: str | OwnCode = ""
    trainable: Any = field(default=None, compare=False)
    name: str = ""
    summary: str = ""
    parameters: Mapping[str, Any]
    baseline: Mapping[str, Any]
    budget: Budget
    protocol: Protocol | None = None
    fixed: Mapping[str, Any] = field(default_factory=dict)
    objective: Objective = field(default_factory=Objective)
    active_when: Mapping[str, Mapping[str, tuple[Any, ...]]] = field(default_factory=dict)
    bracket: str | tuple[str, ...] = ()
    points: tuple[Mapping[str, Any], ...] = ()
    published: tuple[Published, ...] = ()
    allocations: tuple[Allocation, ...] = ()

    @property
    def searched(self) -> tuple[str, ...]:
        """The knobs in which configurations may differ."""
        names = dict.fromkeys(self.parameters)
        for point in self.points:
            names.update(dict.fromkeys(point))
        return tuple(names)

    @property
    def bracket_knobs(self) -> tuple[str, ...]:
        """The knobs of `bracket`, however it was given."""
        return (self.bracket,) if isinstance(self.bracket, str) else tuple(self.bracket)

    @property
    def settings(self) -> dict[str, Any]:
        """The values of dataset, selection and epochs, part of every configuration; of the user's own data epochs alone."""
        if self.protocol is None:
            return {"epochs": self.budget.epochs}
        return {
            "dataset": self.protocol.dataset,
            "selection": self.protocol.selection,
            "epochs": self.budget.epochs,
        }

    def with_overrides(self, overrides: Mapping[str, Any]) -> Self:
        """The space with some knobs set otherwise.

        A constant is no longer searched and holds for the baseline as well; `dataset`, `selection` and `epochs` go to
        the protocol and the budget. A domain replaces the knob's values, the baseline keeps its own. Whether names and
        values make sense is for `problems` to say.
        """
        from search_spaces.domains import is_domain

        parameters, fixed, baseline = dict(self.parameters), dict(self.fixed), dict(self.baseline)
        settings = self.settings
        # The hint of the cost holds for the knobs it was measured with; what an epoch costs does not hang on their number.
        measured = {**fixed, **settings}
        holds = all(name in (*self.searched, "epochs") or measured.get(name) == overrides[name] for name in overrides)
        for name, value in overrides.items():
            if is_domain(value):
                if name in fixed:
                    baseline.setdefault(name, fixed.pop(name))
                parameters[name] = value
                continue
            parameters.pop(name, None)
            baseline.pop(name, None)
            if name in settings:
                settings[name] = value
            else:
                fixed[name] = value
        return dataclasses.replace(
            self,
            parameters=parameters,
            fixed=fixed,
            baseline=baseline,
            points=tuple({k: v for k, v in point.items() if k not in overrides} for point in self.points),
            protocol=None if self.protocol is None else Protocol(settings["dataset"], settings["selection"]),
            budget=dataclasses.replace(
                self.budget,
                epochs=settings["epochs"],
                seconds_per_replicate_epoch=self.budget.seconds_per_replicate_epoch if holds else None,
            ),
        )

    def with_budget(self, **options: Any) -> Self:
        """The space with other options of its budget, by name; `None` keeps the space's own value.

        Replicates given alone are those of every rung, and seeds by rung that end with fewer are all there are. Where no trial
        is stopped any more the seeds of the space are all replicates.
        CPUs or GPUs given here are for every trial alike: the space's own allocations no longer say otherwise. GPUs per
        replicate say how many a trial takes, unless that is given as well. `TypeError` for what is no option.
        """
        given: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in options.items()
            if value is not None
        }
        if unknown := options.keys() - OPTIONS.keys():
            raise TypeError(f"a budget has no option {', '.join(sorted(unknown))}; it has {', '.join(OPTIONS)}")
        budget = dataclasses.replace(self.budget, **given)
        if "seeds" not in given and ("replicates" in given or _without_rungs(budget)):
            budget = dataclasses.replace(budget, seeds=None)
        if "seeds" in given and "replicates" not in given and _fewer(given["seeds"], budget.replicates):
            budget = dataclasses.replace(budget, replicates=given["seeds"][-1])
        if "gpus_per_trial" not in given and budget.gpus_per_replicate is not None:
            budget = dataclasses.replace(budget, gpus_per_trial=float(budget.gpus_of_teams))
        alike = "gpus_per_trial" in given or budget.gpus_per_replicate is not None
        allocations = tuple(
            dataclasses.replace(
                allocation,
                cpus=None if "cpus_per_trial" in given else allocation.cpus,
                gpus=None if alike else allocation.gpus,
            )
            for allocation in self.allocations
        )
        return dataclasses.replace(self, budget=budget, allocations=allocations)


def _fewer(seeds: Any, replicates: int) -> bool:
    """Whether seeds by rung end with fewer than the replicates; what is wrong with them is for `problems` to say."""
    last = seeds[-1] if isinstance(seeds, tuple) and seeds else None
    return type(last) is int and 1 <= last < replicates


def _without_rungs(budget: Budget) -> bool:
    """Whether the first rung is the full budget; what is wrong with either is for `problems` to say."""
    grace, epochs = budget.grace, budget.epochs
    return isinstance(grace, int) and isinstance(epochs, int) and grace >= epochs
