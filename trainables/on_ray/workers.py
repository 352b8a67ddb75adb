"""The processes of a trial's replicates, as Ray actors on the bundles of the placement group that the trial runs in."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import ray
from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy

from trainables.trial.assignment import Share

if TYPE_CHECKING:
    from trainables.families import Ref
    from trainables.trial.how import How

logger = logging.getLogger("trainables")

PATIENCE = 300.0  # seconds for all workers to start: their resources are reserved, so only a sick node takes longer
GRACE = 60.0  # seconds a worker gets beyond its own bound before the trial gives up on it

NodeCheck = Callable[..., None]  # called with `gpus`; raises where its node is not fit
# Failure, metrics, learning rate and what the family reads off the model of a replicate.
Seen = tuple[dict[str, Any] | None, dict[str, float], float | None, dict[str, float]]


class ReplicateWorker:
    """One worker: it trains some replicates, alone or as one of a team. Runs as a Ray actor."""

    def __init__(self, number: int, cpus: float, gpus: float, look: NodeCheck | None = None) -> None:
        from trainables.on_ray import device
        from trainables.process.host_memory import keep_freed_memory

        if look is not None:
            look(gpus=gpus)
        keep_freed_memory()
        self._number = number
        self._take: Any = partial(device.take, cpus, gpus)
        self._team: Any = None

    def where(self) -> str:
        """Node, GPU and process; answers once the worker has started."""
        from trainables.on_ray import device

        return str(device.here())

    def open_meeting(self) -> tuple[str, int]:
        """Address at which the others of a team, whose first this is, find it."""
        from trainables.process import team

        host = ray.util.get_node_ip_address()
        self._meeting = team.open_meeting(host)
        return host, self._meeting.port

    def join(self, host: str, port: int, rank: int, size: int) -> None:
        """Become one of a team; returns once all its workers have."""
        from trainables.process import team

        store = self._meeting if rank == 0 else team.meeting_at(host, port)
        self._team = team.join(store, rank, size, self._take())

    def build(
        self,
        family: Ref,
        knobs: dict[str, Any],
        seed: int,
        indices: list[int],
        one_by_one: bool,
        directory: str | None,
        strategy: str = "auto",
    ) -> list[Seen]:
        """Make the replicates; with `one_by_one` a model is on the GPU during its own epochs only."""
        from trainables import families
        from trainables.config.own.code import RAY_FUNCTION, OwnCode
        from trainables.process.watchdog import file_name
        from trainables.storage import place
        from trainables.trial import assembly

        self._stacks = None if directory is None else place(directory) / file_name(self._number)
        config = families.config_class(family)(**knobs)
        if isinstance(family, OwnCode) and family.kind == RAY_FUNCTION:
            from trainables.on_ray import functions

            functions.register()
        parts = assembly.parts(family, config, knobs, self._take(needs_torch=assembly.needs_torch(family)))
        team = {} if self._team is None else {"team": self._team}
        recipe = parts.recipe(seed, indices, strategy, **team)
        self._crew: Any = parts.one_by_one(recipe) if one_by_one else parts.packed(recipe)
        return self._seen()

    def grow(self, indices: list[int]) -> list[Seen]:
        """Make further replicates."""
        self._crew.grow(indices)
        return self._seen()

    def run_epoch(self, epoch: int, last: bool, limit: float, first: int = 0) -> tuple[float, list[Seen], How]:
        """Train and evaluate one 0-based epoch of those from index `first` on: the seconds spent training, what is known
        afterwards, and how it was done."""
        from trainables.process.watchdog import bounded

        with bounded(limit, self._stacks):
            seconds = self._crew.run_epoch(epoch, last, first)
        return seconds, self._seen(), self._crew.how

    def states(self) -> list[dict[str, Any]]:
        """Each replicate's state on the CPU, since the trial's own process sees no GPU; of a team from its first worker,
        and the buffers alone from the others."""
        if self._team is None or self._team.rank == 0:
            return [_on_cpu(state) for state in self._crew.states()]
        return [_on_cpu(replicate.own_buffers()) for replicate in self._crew.replicates]

    def load(self, states: list[dict[str, Any]]) -> list[Seen]:
        self._crew.load(states)
        return self._seen()

    def forget(self) -> None:
        """Free the replicates; the process and its data wait for the next trial."""
        from trainables.process import memory_release

        self.__dict__.pop("_crew", None)
        memory_release.release()

    def _seen(self) -> list[Seen]:
        return [
            (
                replicate.failure,
                replicate.metrics,
                replicate.learning_rate,
                {} if replicate.failure else replicate.model_scalars(),
            )
            for replicate in self._crew.replicates
        ]


class Workers:
    """The processes of one trial's replicates.

    Args:
        share: of the trial: how many workers, what each of them holds, how many train each replicate together.
        look: called in each with its `gpus` before anything else.

    Attributes:
        teams: the actors of each team; its first one's answers count.

    Raises:
        RuntimeError: they did not all start within `PATIENCE`.
    """

    def __init__(self, share: Share, look: NodeCheck | None = None) -> None:
        self._share, self._look = share, look
        self._start()

    def _start(self) -> None:
        group = ray.util.get_current_placement_group()
        if group is None:
            raise RuntimeError(
                "spread replicates need a placement group with a bundle each; start the trial through Ray Tune"
            )
        share = self._share
        remote = ray.remote(ReplicateWorker)
        actors = [
            remote.options(
                num_cpus=share.cpus,
                num_gpus=share.gpus,
                scheduling_strategy=PlacementGroupSchedulingStrategy(group, placement_group_bundle_index=index),
            ).remote(index, share.cpus, share.gpus, self._look)
            for index in range(share.workers)
        ]
        self.teams = [actors[start : start + share.team] for start in range(0, share.workers, share.team)]
        answers = [actor.where.remote() for actor in actors]
        ready, _ = ray.wait(answers, num_returns=share.workers, timeout=PATIENCE)
        if len(ready) < share.workers:
            self.close()
            raise RuntimeError(
                f"only {len(ready)} of the trial's {share.workers} workers started within {PATIENCE:g} s"
            )
        for number, where in enumerate(ray.get(answers)):
            logger.info("worker %d trains on %s", number, where)
        if share.team > 1:
            self._meet()

    def _meet(self) -> None:
        joined = []
        for team in self.teams:
            host, port = ray.get(team[0].open_meeting.remote())
            joined += [actor.join.remote(host, port, rank, self._share.team) for rank, actor in enumerate(team)]
        self.answers([joined], PATIENCE)

    def answers(self, answers: Sequence[Sequence[Any]], timeout: float | None = None) -> list[Any]:
        """What the first worker of each team answers, once all have.

        The error of any worker as soon as it comes, since the others of its team may then wait for ever: teams are ended,
        to be started anew by `forget`.
        """
        pending = [answer for of_team in answers for answer in of_team]
        try:
            while pending:
                done, pending = ray.wait(pending, timeout=timeout)
                if not done:
                    raise ray.exceptions.GetTimeoutError(f"no answer from {len(pending)} workers within {timeout:g} s")
                ray.get(done)
        except Exception:
            if self._share.team > 1:
                self.close()
            raise
        return ray.get([of_team[0] for of_team in answers]) if answers else []

    def forget(self) -> None:
        """Free what they hold of a trial; start them again where they were ended."""
        if not self.teams:
            self._start()
        ray.get([actor.forget.remote() for team in self.teams for actor in team])

    def close(self) -> None:
        """End the processes."""
        for team in self.teams:
            for actor in team:
                ray.kill(actor)
        self.teams = []


def _on_cpu(value: Any) -> Any:
    """The same containers with every tensor on the CPU."""
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(value, torch.Tensor):
        return value.cpu()
    if isinstance(value, dict):
        return {key: _on_cpu(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_on_cpu(item) for item in value)
    return value
