"""What each trial is given: its CPUs and GPUs, which may depend on its configuration, and the workers they are split over."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from search_spaces.space import Budget as SpaceBudget
from search_spaces.space import SearchSpace
from trainables import families
from trainables.trial.assignment import Share
from tuner.errors import BadInput
from tuner.records.manifest import Budget, Manifest

__all__ = ["Allocator", "Share", "rules_of"]

_GRAIN = 10_000  # Ray counts resources in ten-thousandths


@dataclass(frozen=True)
class Allocator:
    """The shares of a search, by configuration."""

    family: families.Ref
    cpus: float
    gpus: float
    replicates: int
    workers: int
    team: int
    accelerator_type: str | None
    rules: tuple[dict[str, Any], ...]  # each `when`, `cpus`, `gpus` (see search_spaces.space.Allocation)

    @classmethod
    def of_space(cls, space: SearchSpace) -> Allocator:
        """As the space would be launched."""
        return cls._of(space.family, space.budget, rules_of(space))

    @classmethod
    def of_manifest(cls, manifest: Manifest) -> Allocator:
        """As an experiment was launched; `BadInput` where its family is none of this version."""
        if manifest.own is None and manifest.family not in families.names():
            raise BadInput(
                f"`{manifest.name}` is of the family `{manifest.family}`, but what is trained here must be of one of "
                f"{', '.join(families.names())}; continue it with the version that launched it"
            )
        return cls.recorded(manifest)

    @classmethod
    def recorded(cls, manifest: Manifest) -> Allocator:
        """As an experiment was launched, to be read and not continued: also of a family that is not of this version."""
        return cls._of(manifest.trained, manifest.budget, [rule.content() for rule in manifest.allocations])

    @classmethod
    def _of(cls, family: families.Ref, budget: Budget | SpaceBudget, rules: list[dict[str, Any]]) -> Allocator:
        teams = budget.replicates if budget.placement == "spread" else 1
        team = budget.gpus_per_replicate or 1
        # A confirmation may have another number of replicates, and each team its cards all the same.
        gpus = budget.gpus_per_trial if budget.gpus_per_replicate is None else float(teams * team)
        return cls(
            family,
            budget.cpus_per_trial,
            gpus,
            budget.replicates,
            teams * team,
            team,
            budget.accelerator_type,
            tuple(rules),
        )

    def share(self, config: Mapping[str, Any]) -> Share:
        """What a trial of this configuration gets, as each of its workers holds it."""
        cpus, gpus = self.whole(config)
        accelerator = self.accelerator_type if gpus > 0 else None
        return Share(_part(cpus, self.workers), _part(gpus, self.workers), self.workers, self.team, accelerator)

    def whole(self, config: Mapping[str, Any]) -> tuple[float, float]:
        """The CPUs and GPUs of a trial of this configuration, those of all its workers together."""
        rule = self._rule(config) or {"cpus": None, "gpus": None}
        return (
            self.cpus if rule["cpus"] is None else rule["cpus"],
            self.gpus if rule["gpus"] is None else rule["gpus"],
        )

    def _rule(self, config: Mapping[str, Any]) -> dict[str, Any] | None:
        if not self.rules:
            return None
        knobs = self._knobs(config)
        return next(
            (
                rule
                for rule in self.rules
                if all(name in knobs and knobs[name] in may for name, may in rule["when"].items())
            ),
            None,
        )

    def _knobs(self, config: Mapping[str, Any]) -> Mapping[str, Any]:
        """With the defaults of what it leaves out; of a configuration that this version does not know, as it is."""
        try:
            return dict(families.config_class(self.family)(**config))
        except ValueError:
            return config


def rules_of(space: SearchSpace) -> list[dict[str, Any]]:
    """The allocations of a space as they stand in a manifest."""
    return [
        {"when": {name: list(values) for name, values in rule.when.items()}, "cpus": rule.cpus, "gpus": rule.gpus}
        for rule in space.allocations
    ]


def _part(amount: float, workers: int) -> float:
    """One worker's part, never rounded up: all parts together must fit where the whole does."""
    if workers == 1 or amount == 0:
        return amount
    return max(1, math.floor(amount / workers * _GRAIN + 1e-6)) / _GRAIN
