"""Replicates in workers of their own, in lock-step: each has its share of the trial's placement group.

The trial's own process has no GPU; it only waits for the slowest. The workers outlive a trial and are given to the next one.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import ray
from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy

from trainables.crew import Recipe

logger = logging.getLogger("trainables")

PATIENCE = 300.0  # seconds for all workers to start: their resources are reserved, so only a sick node takes longer
GRACE = 60.0  # seconds a worker gets beyond its own bound before the trial gives up on it

Look = Callable[..., None]  # at the node, given `gpus`; raises where it is not fit
# Failure, metrics, learning rate and what the family reads off the model of a replicate.
Seen = tuple[dict[str, Any] | None, dict[str, float], float | None, dict[str, float]]


class ReplicateWorker:
    """One replicate in a process of its own. Runs as a Ray actor."""

    def __init__(self, index: int, cpus: float, gpus: float, look: Look | None = None) -> None:
        from trainables import device
        from trainables.host_memory import keep_freed_memory

        if look is not None:
            look(gpus=gpus)
        keep_freed_memory()
        self._index = index
        self._device = device.take(cpus, gpus)

    def where(self) -> str:
        """Node, GPU and process; answers once the worker has started."""
        from trainables import device

        return str(device.here())

    def build(self, family: str, knobs: dict[str, Any], seed: int, one_by_one: bool, directory: str | None) -> Seen:
        """Make the replicate; with `one_by_one` its model is on the GPU during its own epochs only."""
        from trainables import families
        from trainables.crew import CPU
        from trainables.data import ImageData
        from trainables.replicate import Replicate
        from trainables.storage import place
        from trainables.watchdog import file_name

        self._stacks = None if directory is None else place(directory) / file_name(self._index)
        self._one_by_one = one_by_one
        config = families.config_class(family)(**knobs)
        data = ImageData.load(config, self._device)
        self._replicate = Replicate(self._index, families.get(family), config, data, seed, self._device)
        if one_by_one:
            self._replicate.move(CPU)
        return self._seen()

    def run_epoch(self, epoch: int, last: bool, limit: float) -> tuple[float, Seen]:
        """Train and evaluate one 0-based epoch: the seconds spent training, and what is known afterwards."""
        from trainables import crew
        from trainables.watchdog import bounded

        with bounded(limit, self._stacks):
            mine = self._replicate
            seconds = crew.turn(mine, epoch, last) if self._one_by_one else crew.train([mine], epoch, last)
        return seconds, self._seen()

    def state(self) -> dict[str, Any]:
        """The replicate's state on the CPU: the trial's own process sees no GPU."""
        return _on_cpu(self._replicate.state())  # type: ignore[no-any-return]

    def load(self, state: dict[str, Any]) -> Seen:
        self._replicate.load(state)
        return self._seen()

    def forget(self) -> None:
        """Free the replicate; the process and its data wait for the next trial."""
        from trainables import memory_release

        self.__dict__.pop("_replicate", None)
        memory_release.release()

    def _seen(self) -> Seen:
        replicate = self._replicate
        scalars = {} if replicate.failure else replicate.model_scalars()
        return replicate.failure, replicate.metrics, replicate.learning_rate, scalars


class Workers:
    """The processes of one trial's replicates, on the bundles of the placement group that the trial itself runs in.

    Args:
        count: of replicates.
        cpus, gpus: of each.
        look: called in each before anything else.

    Raises:
        RuntimeError: they did not all start within `PATIENCE`.
    """

    def __init__(self, count: int, cpus: float, gpus: float, look: Look | None = None) -> None:
        group = ray.util.get_current_placement_group()
        if group is None:
            raise RuntimeError(
                "spread replicates need a placement group with a bundle each; start the trial through Ray Tune"
            )
        remote = ray.remote(ReplicateWorker)
        self.actors = [
            remote.options(
                num_cpus=cpus,
                num_gpus=gpus,
                scheduling_strategy=PlacementGroupSchedulingStrategy(group, placement_group_bundle_index=index),
            ).remote(index, cpus, gpus, look)
            for index in range(count)
        ]
        answers = [actor.where.remote() for actor in self.actors]
        ready, _ = ray.wait(answers, num_returns=count, timeout=PATIENCE)
        if len(ready) < count:
            self.close()
            raise RuntimeError(f"only {len(ready)} of the {count} replicates' workers started within {PATIENCE:g} s")
        for index, where in enumerate(ray.get(answers)):
            logger.info("replicate %d trains on %s", index, where)

    def forget(self) -> None:
        """Free what they hold of a trial."""
        ray.get([actor.forget.remote() for actor in self.actors])

    def close(self) -> None:
        """End the processes."""
        for actor in self.actors:
            ray.kill(actor)


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
    """The crew of a trial whose replicates are in `workers`.

    Args:
        limit: seconds the next epoch may take.
        one_by_one: after the shared GPU ran out of memory, one replicate is on it at a time.
        directory: of the trial, where a hung worker leaves its stacks.
    """

    def __init__(
        self, recipe: Recipe, workers: Workers, *, limit: Callable[[], float], one_by_one: bool, directory: str | None
    ) -> None:
        self._workers = workers
        self._limit = limit
        self._one_by_one = one_by_one
        self.replicates = [RemoteReplicate(index) for index in range(recipe.replicates)]
        knobs = recipe.config.model_dump()
        self._take(
            [
                actor.build.remote(recipe.family.name, knobs, recipe.seed, one_by_one, directory)
                for actor in workers.actors
            ]
        )

    def run_epoch(self, epoch: int, last: bool) -> float:
        """The seconds of the slowest: they train at the same time."""
        limit = self._limit()
        training = [0.0]
        pending = []
        for actor, replicate in zip(self._workers.actors, self.replicates, strict=True):
            if replicate.failure is not None:
                continue
            answer = actor.run_epoch.remote(epoch, last, limit)
            if self._one_by_one:
                ray.wait([answer])
            pending.append((replicate, answer))
        # A hung worker ends itself; only one that cannot even do that leaves its answer out.
        for replicate, answer in pending:
            seconds, seen = ray.get(answer, timeout=limit + GRACE)
            replicate.take(seen)
            training.append(seconds)
        return sum(training) if self._one_by_one else max(training)

    def states(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = ray.get([actor.state.remote() for actor in self._workers.actors])
        return found

    def load(self, states: Sequence[dict[str, Any]]) -> None:
        self._take([actor.load.remote(state) for actor, state in zip(self._workers.actors, states, strict=True)])

    def _take(self, answers: list[Any]) -> None:
        for replicate, seen in zip(self.replicates, ray.get(answers), strict=True):
            replicate.take(seen)


def _on_cpu(value: Any) -> Any:
    """The same containers with every tensor on the CPU."""
    import torch

    if isinstance(value, torch.Tensor):
        return value.cpu()
    if isinstance(value, dict):
        return {key: _on_cpu(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_on_cpu(item) for item in value)
    return value
