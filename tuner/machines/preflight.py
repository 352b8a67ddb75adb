"""Everything that can be found wrong with a cluster before the first trial, node by node, in one list."""

from __future__ import annotations

import contextlib
import math
import os
import secrets
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from trainables.config.own.code import RAY_FUNCTION, OwnCode
from trainables.process.footprint import Load
from trainables.storage import Place, probe, temporary
from tuner.errors import BadInput, unwritable
from tuner.machines import node as nodes
from tuner.machines.allocation import Allocator
from tuner.machines.capacity import check_resources, concurrency, load_of_node
from tuner.machines.ray_session import Resources

PATIENCE = 1800.0  # seconds for the slowest node: it may have a large dataset to decode
SIGHT = 5.0  # seconds until a file written elsewhere must be seen: a network file system may take a moment


def check(
    allocator: Allocator,
    configs: Sequence[dict[str, Any]],
    storage: Place,
    resources: Resources,
    max_concurrent: int | None,
    *,
    known: bool = False,
) -> dict[str, Any]:
    """Refuse what can never fit, then look at every node of the cluster this process is connected to.

    A node that joins later is looked at by the first worker there (see `tuner.machines.newcomers`). TUNER_FAKE_GPUS in
    the environment says that the GPUs Ray counts are none.

    Args:
        allocator: what each trial asks for.
        configs: that will be trained.
        storage: of experiments; a folder need not exist yet.
        resources: of the cluster.
        max_concurrent: trials at the same time, if that is limited.
        known: a user's own code has been trained by these configurations; else the first one is, for an epoch.

    Returns:
        What is known of the data (see `trainables.trial.preflight.check`).

    Raises:
        BadInput: with every problem of every node.
    """
    import ray

    family = allocator.family
    shares = [allocator.share(config) for config in configs]
    check_resources(shares, resources)
    look = any(share.gpus for share in shares) and gpus_are_real()
    load = load_of_node(allocator, configs, resources, max_concurrent)
    with asked(family, configs, storage, cards=look) as question:
        # Where trials have a GPU it needs one too; without a node that trains it is what the autoscaler starts one for.
        options: dict[str, Any] = {"num_cpus": 1, "num_gpus": min(1.0, load.gpus)}
        if question.training and load.gpus == 0:
            question.wait()  # the worker that has looked at the node has torch loaded, and builds the networks as well
            options = {"num_cpus": 0, "scheduling_strategy": _on(question.training[0], soft=True)}
        if isinstance(family, OwnCode):
            options["max_calls"] = 1  # what such code leaves behind ends with it
        networks = ray.remote(**options)(_networks).remote(
            family, [] if known and isinstance(family, OwnCode) and family.in_lock_step else list(configs), load
        )
        question.wait(networks)
    problems = question.problems()
    found = _answer(networks)
    problems += [problem for problem in found["problems"] if not any(problem in told for told in problems)]
    problems += [told for unlike in question.unlike.values() for told in unlike]
    at_once = min(concurrency(shares, resources, max_concurrent), len(configs))
    problems += cramped(question.reports, storage, found.get("replicate_bytes", 0) * allocator.replicates, at_once)
    if problems:
        raise BadInput.listing(problems + _bring(problems, len(question.reports)))
    data_found: dict[str, Any] = found["data"]
    return data_found


def _networks(family: str | OwnCode, configs: list[dict[str, Any]], load: Load) -> dict[str, Any]:
    """What the worker that is asked says of the data and the networks."""
    from trainables.trial import preflight

    if isinstance(family, OwnCode) and family.kind == RAY_FUNCTION:
        from trainables.on_ray import functions

        functions.register()
    return preflight.check(family, configs, load)


@contextlib.contextmanager
def asked(
    family: str | OwnCode, configs: Sequence[dict[str, Any]], storage: Place, *, cards: bool, idle_too: bool = False
) -> Iterator[Question]:
    """Ask every node of the cluster this process is connected to; the answers are there after `Question.wait`.

    Args:
        family, configs: of the search whose data each node that trains must have.
        storage: of experiments; a folder need not exist yet.
        cards: whether the GPUs that Ray counts must be there.
        idle_too: ask for the data where no trial can run as well, while no node is there on which one can.
    """
    import ray

    alive = [node for node in ray.nodes() if node["Alive"]]
    training = [node for node in alive if node["Resources"].get("CPU", 0) > 0]
    with _probe(storage) as folder:
        tasks = {}
        for node in alive:
            has_data = node in training or (idle_too and not training)
            counted = int(node["Resources"].get("GPU", 0)) if cards else 0
            task = ray.remote(num_cpus=0, max_retries=0, scheduling_strategy=_on(node))(nodes.examine)
            tasks[node["NodeID"]] = task.remote(
                storage,
                folder / "driver",
                folder / node["NodeID"],
                nodes.versions(),
                family,
                list(configs) if has_data else [],
                counted,
            )
        names = {node["NodeID"]: f"node {node['NodeManagerHostname']} ({node['NodeID'][:8]})" for node in alive}
        yield Question(names, training, storage, folder, tasks)


@dataclass
class Question:
    """What every node was asked, and once it has been waited for, what each said.

    Attributes:
        names: of the nodes by their ids, as sentences give them.
        training: the nodes on which trials can run, as Ray describes them.
        reports: what each node said (see `tuner.machines.node.examine`).
        unseen, unlike: sentences by node, on what it writes and on its data.
    """

    names: dict[str, str]
    training: list[dict[str, Any]]
    storage: Place
    folder: Place
    tasks: dict[str, Any]
    reports: dict[str, dict[str, Any]] = field(default_factory=dict)
    unseen: dict[str, list[str]] = field(default_factory=dict)
    unlike: dict[str, list[str]] = field(default_factory=dict)

    def wait(self, *others: Any) -> None:
        """Until every node that still lives has answered, and the other tasks have ended, or for `PATIENCE`."""
        import ray

        ray.wait([*self.tasks.values(), *others], num_returns=len(self.tasks) + len(others), timeout=PATIENCE)
        # A node that died under the question, as a spot node may, is none of the cluster's any more.
        still = {node["NodeID"] for node in ray.nodes() if node["Alive"]}
        self.reports = {name: _answer(task) for name, task in self.tasks.items() if name in still}
        well = [name for name, report in self.reports.items() if not report["problems"]]
        self.unseen = {
            name: [f"what it writes to {self.storage} is not seen here; mount one folder everywhere"]
            for name in _seen(self.folder, well)
        }
        self.unlike = _unlike(self.reports, self.names)

    def problems(self) -> list[str]:
        """What the nodes have told, and what is not seen of them."""
        unseen = [f"{self.names[name]}: {told}" for name, sentences in self.unseen.items() for told in sentences]
        return [*_told(self.reports, self.names), *unseen]


def _bring(problems: Sequence[str], asked_nodes: int) -> list[str]:
    """How data comes to all nodes, where some of several lack it: what is fetched on one is lost with it."""
    if asked_nodes < 2 or not any("tuner data fetch" in problem for problem in problems):
        return []
    return [
        "data comes to every node, also to those that join later, by `tuner data put DATASET --to PLACE`, where PLACE is a "
        "folder that all see or s3://BUCKET/data, and `--data PLACE`"
    ]


def gpus_are_real() -> bool:
    """Whether what Ray counts as GPUs are some."""
    return "TUNER_FAKE_GPUS" not in os.environ


def _on(node: dict[str, Any], soft: bool = False) -> Any:
    """Run there or nowhere; elsewhere, if it must be, with `soft`."""
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    return NodeAffinitySchedulingStrategy(node["NodeID"], soft=soft)


@contextlib.contextmanager
def _probe(storage: Place) -> Iterator[Place]:
    """A place in the storage with a file `driver` in it; gone afterwards, and a folder too if it was not there."""
    missing: list[Path] = []
    if isinstance(storage, Path):
        missing = [folder for folder in (storage, *storage.parents) if not folder.exists()]
    folder = storage / f".probe-{temporary.mark()}-{secrets.token_hex(4)}"
    try:
        if not isinstance(storage, Path):
            probe(storage)  # an S3 that ignores conditions looks sound otherwise
        folder.mkdir(parents=True)
        (folder / "driver").touch()
    except OSError as error:
        raise unwritable(storage, error) from None
    try:
        yield folder
    finally:
        with contextlib.suppress(OSError):
            for path in folder.glob("*"):
                path.unlink(missing_ok=True)
        if isinstance(folder, Path):
            for made in (folder, *missing):
                with contextlib.suppress(OSError):  # somebody else may use it by now
                    made.rmdir()


def _answer(task: Any) -> dict[str, Any]:
    """What a node said, or the problem that it said nothing."""
    import ray

    try:
        report: dict[str, Any] = ray.get(task, timeout=0)
    except ray.exceptions.GetTimeoutError:
        return {"problems": [f"no answer within {PATIENCE:g} s; see whether it is well with `ray status`"]}
    except ray.exceptions.RayError as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[-1]
        return {"problems": [f"it could not be checked ({reason}); see that the project is installed there"]}
    return report


def _seen(folder: Place, expected: Sequence[str]) -> list[str]:
    """The nodes whose files do not appear in the probe folder."""
    deadline = time.monotonic() + SIGHT
    while True:
        missing = [name for name in expected if not (folder / name).exists()]
        if not missing or time.monotonic() > deadline:
            return missing
        time.sleep(0.2)


def _told(reports: dict[str, dict[str, Any]], names: dict[str, str]) -> list[str]:
    """The problems of every node; a single node needs no name."""
    return [
        problem if len(reports) == 1 else f"{names[name]}: {problem}"
        for name, report in reports.items()
        for problem in report["problems"]
    ]


def cramped(reports: dict[str, dict[str, Any]], storage: Place, checkpoint: int, at_once: int) -> list[str]:
    """The problem that the storage, one for all nodes, cannot hold the checkpoints of the trials that train at once."""
    from trainables.checkpoints import KEEP

    free = min((report["free"] for report in reports.values() if "free" in report), default=math.inf)
    needed = checkpoint * (KEEP + 1) * at_once  # those that are kept, and the one that is being written
    if free >= needed or free < nodes.LEAST_FREE:  # the nodes say the latter
        return []
    return [
        f"{storage} has {free / 2**30:.1f} GiB left, but the checkpoints of {at_once} trials at once take "
        f"{needed / 2**30:.1f} GiB; make room there, or lower --max-concurrent"
    ]


def _unlike(reports: dict[str, dict[str, Any]], names: dict[str, str]) -> dict[str, list[str]]:
    """Nodes whose data differ from the first one's, with a sentence each."""
    told: dict[str, list[str]] = {}
    first: dict[str, tuple[str, str]] = {}  # size -> node and fingerprint
    for name, report in reports.items():
        for size, fingerprint in report.get("fingerprints", {}).items():
            other, expected = first.setdefault(size, (name, fingerprint))
            if fingerprint != expected:
                told.setdefault(name, []).append(
                    f"{names[name]}: its dataset at {size} pixels has the fingerprint {fingerprint}, but that of "
                    f"{names[other]} has {expected}; copy the same data to every node"
                )
    return told
