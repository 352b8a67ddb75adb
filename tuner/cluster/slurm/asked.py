"""From a request and what is asked of Slurm to a batch script, every problem found before anything is queued."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from typing import TYPE_CHECKING

from trainables.storage import Place
from tuner.cluster import arguments
from tuner.cluster.slurm import cluster, commands, storage
from tuner.cluster.slurm.job import Job
from tuner.cluster.slurm.script import Batch
from tuner.errors import BadInput, ClusterUnreachable
from tuner.records import chosen_storage
from tuner.records.paths import check_name, expanded, storage_root, whole

if TYPE_CHECKING:
    from tuner.experiment.request import Request
    from tuner.experiment.running import Running

_WITHOUT_GPUS = 8  # trials at once on a node, where no GPU says how many


def batch(
    asked: Request,
    running: Running,
    job: Job,
    *,
    name: str | None,
    place: str | None,
    data: str | None = None,
    shared: bool = False,
    known: cluster.Cluster | None = None,
) -> Batch:
    """The batch script of a search.

    Args:
        place: the storage.
        data: place of the named datasets.
        shared: the storage is said to be seen by all nodes.
        known: the Slurm cluster, where there is one here.

    Raises:
        BadInput: with every problem of the request and of the job.
    """
    if name is None:
        raise BadInput("--name is missing, but a requeued job finds its search by it; give --name")
    check_name(name)
    there = _storage(place, job, shared, known)
    asked = _absolute(asked)
    arguments.require_absolute_folders(asked.settings)
    asked = _with_gpus(asked, job)
    checked = asked.checked([*running.problems(), *job.problems()])
    job = _with_cpus(asked, job, checked.configs, known, running.max_concurrent)
    if known is not None and (problems := known.problems(job)):
        raise BadInput.listing(problems)
    space = str(asked.space) if asked.code is None else str(expanded(asked.code.path).absolute())
    words = arguments.of_launch(asked, running, space, name, str(there), data)
    return Batch(name, there, words, job)


def look() -> cluster.Cluster | None:
    """The Slurm cluster of this machine; None where there is none, or where it does not answer: `sbatch` will say why."""
    try:
        return cluster.look() if commands.installed() else None
    except (commands.Refused, ClusterUnreachable):
        return None


def _storage(place: str | None, job: Job, shared: bool, known: cluster.Cluster | None) -> Place:
    if place is None and chosen_storage.chosen() is not None:
        place = str(storage_root(None))
    if place is None:
        raise BadInput(
            "--storage is missing, but the nodes and the login node must both see the results; give a folder that all of "
            "them mount, or s3://BUCKET/PREFIX"
        )
    arguments.storage_there(place)
    there = whole(place)
    if isinstance(there, Path):
        alone = known is not None and known.is_this_machine_alone(job)
        if problem := storage.problem(there, shared or alone, known is not None):
            raise BadInput(problem)
    return there


def _absolute(asked: Request) -> Request:
    """The request with a user's own file named so that a node finds it."""
    if not asked.own_file:
        return asked
    return dataclasses.replace(asked, space=str(expanded(str(asked.space)).absolute()))


def _with_gpus(asked: Request, job: Job) -> Request:
    """Whoever asks for GPUs trains on them: a trial has one, unless the request or the space says what it has."""
    budget = asked.resolved.budget
    if not job.gpu_count or budget.gpus_per_trial or budget.gpus_per_replicate or asked.resolved.allocations:
        return asked
    if asked.budget.get("gpus_per_trial") is not None:
        raise BadInput(
            f"--gpus-per-node is {job.gpus}, but --gpus-per-trial is 0, so no trial would use them; leave one of them out"
        )
    return dataclasses.replace(asked, budget={**asked.budget, "gpus_per_trial": 1.0})


def _with_cpus(
    asked: Request, job: Job, configs: list[dict[str, object]], known: cluster.Cluster | None, most: int | None
) -> Job:
    """The job with the CPUs that the trials on a node ask for; BadInput where no trial fits on its nodes."""
    from tuner.machines import capacity
    from tuner.machines.allocation import Allocator
    from tuner.machines.ray_session import Node, Resources

    allocator = Allocator.of_space(asked.resolved)
    shares = list(dict.fromkeys(allocator.share(config) for config in configs))
    if not job.gpu_count and any(share.gpus for share in shares):
        most_asked = max(share.gpus * share.workers for share in shares)
        raise BadInput(
            f"a trial asks for {most_asked:g} GPUs, but the job has none; give --gpus-per-node, or --gpus-per-trial 0"
        )
    kinds = {share.accelerator_type for share in shares} - {None}
    kind = next(iter(kinds), None)  # what Slurm calls a card of that type, it alone knows

    def nodes(cpus: float) -> tuple[Node, ...]:
        return (Node(cpus, job.gpu_count, kind),) * job.nodes

    if job.cpus is None:
        plenty = Resources(nodes(1e6))
        capacity.check_resources(shares, plenty)
        at_once = min(capacity.concurrency(shares, plenty, most), len(configs))
        on_a_node = math.ceil(at_once / job.nodes)
        if not job.gpu_count:
            on_a_node = min(on_a_node, _WITHOUT_GPUS)
        wanted = max(1, math.ceil(on_a_node * max(share.cpus * share.workers for share in shares) - 1e-6))
        have = max((node.cpus for node in known.of(job)), default=wanted) if known is not None else wanted
        job = dataclasses.replace(job, cpus=min(wanted, have))
    capacity.check_resources(shares, Resources(nodes(float(job.cpus or 1))))
    return job
