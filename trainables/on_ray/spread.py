"""Replicates in workers of their own, in lock-step, on the trial's placement group: a worker each, or a team of workers.

The trial's own process has no GPU; it only waits for the slowest. The workers outlive a trial and are given to the next one.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import ray

from trainables.on_ray.workers import GRACE, Seen, Workers

if TYPE_CHECKING:
    from trainables.trial.crew import Recipe
    from trainables.trial.own import OwnRecipe

logger = logging.getLogger("trainables")


@dataclass
class RemoteReplicate:
    """What the trial knows of a replicate elsewhere."""

    index: int
    failure: dict[str, Any] | None = None
    metrics: dict[str, float] = field(default_factory=dict)

    learning_rate: float | None = None
    scalars: dict[str, float] = field(default_factory=dict)

    def model_scalars(self) -> dict[str, float]:
        return self.scalars

    def take(self, seen: Seen) -> None:
        self.failure, self.metrics, self.learning_rate, self.scalars = seen


class Spread:
    """The crew of a trial whose replicates are in `workers`, as many with each team of them.

    Args:
        limit: seconds the next epoch may take.
        one_by_one: after the shared GPU ran out of memory, one replicate is on it at a time.
        directory: of the trial, where a hung worker leaves its stacks.
    """

    def __init__(
        self,
        recipe: Recipe | OwnRecipe,
        workers: Workers,
        *,
        limit: Callable[[], float],
        one_by_one: bool,
        directory: str | None,
    ) -> None:
        self._workers = workers
        self._limit = limit
        self._one_by_one = one_by_one
        self.how = recipe.how
        self.replicates: list[RemoteReplicate] = []
        most = len(recipe.indices) if recipe.most is None else recipe.most
        self._each = most // len(workers.teams)
        self._shares: list[list[RemoteReplicate]] = [[] for _ in workers.teams]
        fresh = self._add(recipe.indices)
        knobs = recipe.knobs
        self._take(
            [
                [
                    actor.build.remote(
                        recipe.ref,
                        knobs,
                        recipe.seed,
                        of_team,
                        one_by_one,
                        directory,
                        recipe.strategy,
                    )
                    for actor in team
                ]
                for team, of_team in zip(workers.teams, fresh, strict=True)
            ]
        )

    def _add(self, indices: Sequence[int]) -> list[list[int]]:
        """Further replicates, each with its team; the indices of those of each."""
        added: list[list[int]] = [[] for _ in self._shares]
        for index in indices:
            replicate = RemoteReplicate(index)
            self.replicates.append(replicate)
            self._shares[index // self._each].append(replicate)
            added[index // self._each].append(index)
        return added

    def grow(self, indices: Sequence[int]) -> None:
        fresh = self._add(indices)
        self._take(
            [
                [actor.grow.remote(of_team) for actor in team]
                for team, of_team in zip(self._workers.teams, fresh, strict=True)
            ]
        )

    def _teams(self) -> list[tuple[list[Any], list[RemoteReplicate]]]:
        """The actors of each team and the replicates they train."""
        return list(zip(self._workers.teams, self._shares, strict=True))

    def run_epoch(self, epoch: int, last: bool, first: int = 0) -> float:
        """The seconds of the slowest: they train at the same time."""
        limit = self._limit()
        training = [0.0]
        pending = []
        for team, share in self._teams():
            if all(replicate.failure is not None or replicate.index < first for replicate in share):
                continue
            answers = [actor.run_epoch.remote(epoch, last, limit, first) for actor in team]
            if self._one_by_one:
                ray.wait(answers, num_returns=len(answers))
            pending.append((share, answers))
        # A hung worker ends itself; only one that cannot even do that leaves its answer out.
        found = self._workers.answers([answers for _, answers in pending], limit + GRACE)
        for (share, _), (seconds, seen, how) in zip(pending, found, strict=True):
            for replicate, of_replicate in zip(share, seen, strict=True):
                replicate.take(of_replicate)
            training.append(seconds)
            # The workers have a card each, or the same share of one; what the first says speaks for all.
            self.how = how if len(training) == 2 else self.how
        return sum(training) if self._one_by_one else max(training)

    def states(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        for team in self._workers.teams:
            states, *others = ray.get([actor.states.remote() for actor in team])
            if others:
                for state, *buffers in zip(states, *others, strict=True):
                    state["others"] = buffers
            found += states
        return found

    def load(self, states: Sequence[dict[str, Any]]) -> None:
        given = iter(states)
        self._take(
            [
                [actor.load.remote(of_share) for actor in team]
                for team, of_share in ((team, [next(given) for _ in share]) for team, share in self._teams())
            ]
        )

    def _take(self, answers: list[list[Any]]) -> None:
        for share, seen in zip(self._shares, self._workers.answers(answers), strict=True):
            for replicate, of_replicate in zip(share, seen, strict=True):
                replicate.take(of_replicate)
