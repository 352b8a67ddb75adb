"""Is this machine fit to search on: one line a check, with the remedy where it fails. Changes nothing."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from search_spaces.space import SearchSpace
from trainables.storage import Place, probe
from tuner.cluster import relay
from tuner.cluster.head import reach
from tuner.commands.node_doctor import Check
from tuner.errors import TunerError, sentence
from tuner.machines import auth_token, tunnel
from tuner.machines.address import is_head


def examine(
    storage: Place,
    address: str | None,
    dataset: str | None,
    on_the_cluster: Callable[[], Iterator[Check]] | None = None,
) -> Iterator[Check]:
    """Every check, as it is made: Python, torch and CUDA, Ray, then the storage and the dataset, here or on a cluster.

    Args:
        storage: of experiments.
        address: of a cluster, as for a launch; None looks at this machine alone.
        dataset: to look for here; None looks for none.
        on_the_cluster: looks at every node of the cluster, instead of storage and dataset of this machine.
    """
    checks: list[tuple[str, Callable[[], Iterator[Check]]]] = [
        ("python", lambda: iter([_python()])),
        ("torch", lambda: iter([_torch()])),
        ("cuda", lambda: iter([_cuda()])),
        ("ray", lambda: iter([_ray(address)])),
        ("token", lambda: iter([_token()])),
    ]
    if on_the_cluster is None:
        checks += [
            ("storage", lambda: iter([_storage(storage)])),
            ("dataset", lambda: iter([_dataset(dataset)] if dataset is not None else [])),
        ]
    else:
        checks.append(("cluster", on_the_cluster))
    for name, check in checks:
        try:
            yield from check()
        except TunerError as error:
            yield Check(name, False, str(error))
        except Exception as error:  # a check that breaks is a finding, not the end of the examination
            yield Check(name, False, f"{type(error).__name__}: {error}")


def nodes(address: str, space: SearchSpace, storage: Place) -> Iterator[Check]:
    """A check for each node of a cluster that this process joins."""
    from tuner.commands import node_doctor
    from tuner.machines import ray_session

    with ray_session.connected(address):
        yield from node_doctor.examine(space, storage)


def on_the_head(address: str, words: Sequence[str], files: Sequence[Path]) -> Iterator[Check]:
    """What the same command says on the head of a cluster, as a job there."""
    code, text = relay.doctor(address, words, files)
    yield Check("cluster", code == 0, f"as the head of {address} sees it:\n{text.rstrip()}")


def _python() -> Check:
    return Check("python", True, f"{platform.python_version()}, {os.cpu_count()} cores")


def _torch() -> Check:
    import torch
    import torchvision

    # An operator of torchvision that needs its compiled half: the two packages may be of different builds.
    torchvision.ops.nms(torch.zeros(1, 4), torch.zeros(1), 0.5)
    return Check("torch", True, f"{torch.__version__}, torchvision {torchvision.__version__}")


def _cuda() -> Check:
    import torch

    if not torch.cuda.is_available():
        return Check("cuda", None, "no GPU visible; trials train on the CPU")
    cards = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
    torch.ones(1, device="cuda").sum().item()
    return Check("cuda", True, f"{len(cards)} x {cards[0]}")


def _ray(address: str | None) -> Check:
    version = importlib.metadata.version("ray")
    if is_head(address):
        return _head(str(address))
    import ray

    from tuner.machines import ray_session

    if address is None:
        with ray_session.connected(None):  # it needs sockets, ports and room: tried, not guessed
            return Check("ray", True, f"{version}; a private Ray is started for each search, and it starts here")
    with ray_session.connected(address) as resources:
        joined = ray.get_runtime_context().gcs_address
        if not tunnel.is_loopback(joined.rpartition(":")[0]) and ray_session.is_open(joined):
            return Check(
                "ray",
                False,
                f"the Ray at {joined} asks for no token, so whoever reaches it runs code on the cluster; start every node "
                "with RAY_AUTH_MODE=token",
            )
        return Check("ray", True, f"{version}; {address} has {resources.cpus:g} CPUs and {resources.gpus:g} GPUs")


def _head(address: str) -> Check:
    """The head of a cluster that searches are submitted to."""
    head = reach(address)
    if head.exposure is not None:
        return Check("ray", False, head.exposure)
    guarded = "asks for no token, but listens on this machine only" if head.is_open else "asks for a token"
    return Check("ray", None if head.is_open else True, f"{head.ray_version} at {address}, which {guarded}")


def _token() -> Check:
    """Whether somebody else on this machine can read the token of this user's clusters."""
    path = auth_token.default_path()
    if not path.exists():
        return Check("token", None, "none here; `tuner cluster token` makes the one that a cluster asks for")
    if auth_token.readable_by_others(path):
        return Check("token", False, f"others on this machine can read {path}; run `tuner cluster token`, or chmod 600")
    return Check("token", True, f"{path}, readable by you alone")


def _storage(storage: Place) -> Check:
    try:
        probe(storage)
    except OSError as error:
        return Check("storage", False, f"cannot write to {storage} ({sentence(error)}); choose another --storage")
    if not isinstance(storage, Path):
        return Check(
            "storage", True, f"{storage}; every node needs the same AWS variables, or a role that may write there"
        )
    # The folder itself is made by the first search.
    stat = os.statvfs(next(path for path in (storage, *storage.parents) if path.exists()))
    return Check("storage", True, f"{storage}, {stat.f_bavail * stat.f_frsize / 1e9:.0f} GB free")


def _dataset(dataset: str) -> Check:
    from tuner.tables import datasets as data

    return Check("dataset", True, data.check(dataset))
