"""What the Slurm cluster has: its partitions and nodes, and whether a job could ever run there."""

from __future__ import annotations

import re
import socket
from dataclasses import dataclass

from trainables.config.wording import nearest
from tuner.cluster.slurm import commands
from tuner.cluster.slurm.job import Job, seconds

_FORMAT = "%n|%P|%G|%c|%m|%l"


@dataclass(frozen=True)
class Node:
    """One node as a partition has it.

    Attributes:
        host: the machine.
        gpus: how many of each type, `gpu` for those without one.
        memory: MiB.
    """

    host: str
    partition: str
    gpus: dict[str, int]
    cpus: int
    memory: int

    def count(self, kind: str | None) -> int:
        """GPUs of a type, or of all."""
        return sum(self.gpus.values()) if kind is None else self.gpus.get(kind, 0)


@dataclass(frozen=True)
class Cluster:
    """The nodes of every partition.

    Attributes:
        default: the partition of a job that names none.
        limits: seconds that a job of each partition may take; a partition without a limit is missing.
    """

    nodes: tuple[Node, ...]
    default: str | None
    limits: dict[str, int]

    @property
    def partitions(self) -> list[str]:
        return sorted({node.partition for node in self.nodes})

    def of(self, job: Job) -> tuple[Node, ...]:
        """The nodes that a job may get; of a job that names several partitions, those of all."""
        wanted = (job.partition or self.default or "").split(",")
        return tuple(node for node in self.nodes if node.partition in wanted)

    def is_this_machine_alone(self, job: Job) -> bool:
        """Whether every node that the job may get is this very machine."""
        here = {socket.gethostname(), socket.gethostname().partition(".")[0], socket.getfqdn()}
        return all(node.host in here for node in self.of(job) or self.nodes)

    def problems(self, job: Job) -> list[str]:
        """Why the job could never run here, a sentence each."""
        unknown = [name for name in (job.partition or "").split(",") if name and name not in self.partitions]
        if unknown:
            return [
                f"--partition is {unknown[0]}, but the cluster has {', '.join(self.partitions)}; choose one of them"
                f"{nearest(unknown[0], self.partitions, before=': ')}"
            ]
        nodes = self.of(job)
        if not nodes:
            return []
        where = f"the partition {job.partition or self.default}"
        fit = [node for node in nodes if _holds(node, job)]
        if len(fit) >= job.nodes:
            return self._about_time(job, where)
        kind = "GPUs" if job.gpu_type is None else f"GPUs of type {job.gpu_type}"
        most = [
            (f"--gpus-per-node is {job.gpus}", job.gpu_count, max(it.count(job.gpu_type) for it in nodes), kind),
            (f"--cpus-per-node is {job.cpus}", job.cpus or 0, max(it.cpus for it in nodes), "CPUs"),
            (f"--mem is {job.memory}", _mebibytes(job.memory), max(it.memory for it in nodes), "MiB"),
        ]
        found = [
            f"{said}, but no node of {where} has more than {there} {what}; lower it, or choose another --partition"
            for said, wanted, there, what in most
            if wanted > there
        ]
        return found or [
            f"--nodes is {job.nodes}, but {where} has {len(fit)} nodes with what each is to have; lower it, or choose "
            "another --partition"
        ]

    def _about_time(self, job: Job, where: str) -> list[str]:
        limit = self.limits.get(job.partition or self.default or "")
        wanted = seconds(job.time) if job.time is not None else None
        if limit is None or wanted is None or wanted <= limit:
            return []
        return [
            f"--time is {job.time}, but {where} lets a job run for {limit / 3600:g} hours; lower it: the search is requeued "
            "and continues"
        ]


def look() -> Cluster:
    """The cluster of this login node; raises like `commands.run`."""
    nodes, default, limits = [], None, {}
    for line in commands.run(["sinfo", "--noheader", "--Node", "--all", f"--format={_FORMAT}"]).splitlines():
        host, partition, gres, cpus, memory, limit = line.split("|")
        name = partition.rstrip("*")
        default = name if partition.endswith("*") else default
        if (found := seconds(limit)) is not None:
            limits[name] = found
        nodes.append(Node(host, name, gpus_of(gres), _whole(cpus), _whole(memory)))
    return Cluster(tuple(nodes), default, limits)


def gpus_of(gres: str) -> dict[str, int]:
    """GPUs by type from what Slurm calls the generic resources of a node: `gpu:2`, `gpu:a100:4(S:0-1),gpu:t4:1`."""
    found: dict[str, int] = {}
    for kind, count in re.findall(r"\bgpu(?::([A-Za-z0-9_.-]+))??:(\d+)(?=\(|,|$)", gres):
        found[kind or "gpu"] = found.get(kind or "gpu", 0) + int(count)
    return found


def _holds(node: Node, job: Job) -> bool:
    memory = _mebibytes(job.memory) if node.memory > 1 else 0  # where Slurm does not count it, a node has 1 MiB
    return node.cpus >= (job.cpus or 0) and node.memory >= memory and node.count(job.gpu_type) >= job.gpu_count


def _mebibytes(memory: str | None) -> int:
    found = re.fullmatch(r"(\d+)([KMGT]?)", (memory or "0").upper())
    if found is None:
        return 0
    factor = {"K": 1 / 1024, "": 1, "M": 1, "G": 1024, "T": 1024**2}[found[2]]
    return int(int(found[1]) * factor)


def _whole(text: str) -> int:
    return int(re.sub(r"\D.*", "", text) or 0)
