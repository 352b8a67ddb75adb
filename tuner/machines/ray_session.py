"""Reaching Ray: an existing cluster by its address, or a small private one that ends with this process."""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import subprocess
import sysconfig
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from trainables.process import child_process
from tuner.errors import BadInput, ClusterUnreachable
from tuner.machines import auth_token, local_rays, private_ray
from tuner.machines.address import is_head

# Ray reads these when it is imported or initialised, in the driver and in workers. None overrides what the user has set.
ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_CHDIR_TO_TRIAL_DIR": "0",  # relative paths keep their meaning in workers
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "1",  # a trial without GPU must not see one
    "RAY_AIR_NEW_OUTPUT": "0",  # the newer output prints a banner even at verbosity 0
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",  # our records replace Ray's CSV, JSON and TensorBoard files
    "TUNE_DISABLE_SIGINT_HANDLER": "1",  # Ctrl-C checkpoints the trials (see tuner.experiment.interrupt)
    "TUNE_FORCE_TRIAL_CLEANUP_S": "60",
    "TUNE_WARN_SLOW_EXPERIMENT_CHECKPOINT_SYNC_THRESHOLD_S": "3600",
}
_PATIENCE = 20.0  # seconds to wait for an answer
_MANY = 100  # nodes of a kind, where the autoscaler knows no limit
_REASON = 160  # characters of somebody else's account of a failure


@dataclass(frozen=True)
class Node:
    """One node's part of the cluster, as Ray counts it."""

    cpus: float
    gpus: float = 0.0
    accelerator_type: str | None = None  # as Ray names it: T4, A10G, H100, ...


@dataclass(frozen=True)
class Resources:
    """The nodes the cluster has, those its autoscaler may add, and Ray's ids of the former."""

    nodes: tuple[Node, ...]
    to_come: tuple[Node, ...] = ()
    ids: frozenset[str] = field(default=frozenset(), compare=False)

    @property
    def cpus(self) -> float:
        return sum(node.cpus for node in self.nodes)

    @property
    def gpus(self) -> float:
        return sum(node.gpus for node in self.nodes)

    @property
    def grown(self) -> tuple[Node, ...]:
        """The cluster at its largest."""
        return self.nodes + self.to_come


@contextlib.contextmanager
def connected(address: str | None) -> Iterator[Resources]:
    """Be connected to Ray inside the block.

    A connection that this process already has is used and kept. Otherwise `address` ("host:port", or "auto": see
    `tuner.machines.local_rays`) is joined, or, without one, a private Ray is started on this machine and stopped at the end.

    Raises:
        ClusterUnreachable: nobody answers at the address, or a private Ray does not start.
        BadInput: the address is none, or there is no temporary folder that a private Ray could use.
    """
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    import ray

    logging.getLogger("ray").setLevel(logging.ERROR)
    logging.getLogger("ray.tune").setLevel(logging.CRITICAL)  # why a trial failed is in its records
    mine = not ray.is_initialized()
    if mine:
        _connect(address)
    try:
        yield _resources()
    finally:
        if mine:
            ray.shutdown()


def _resources() -> Resources:
    """What Ray counts on each node that is alive; and what the autoscaler, if there is one, may still start."""
    import ray
    from ray._private.state import state  # what an autoscaler may start, Ray tells nowhere else

    alive = [node for node in ray.nodes() if node["Alive"]]
    nodes = [_node(node["Resources"]) for node in alive]
    to_come: list[Node] = []
    config = state.get_cluster_config()
    for group in config.node_group_configs if config is not None else ():
        kind = _node(dict(group.resources))
        most = _MANY if group.max_count < 0 else group.max_count
        there = sum((node.cpus, node.gpus) == (kind.cpus, kind.gpus) for node in nodes)
        to_come += [kind] * max(0, most - there)
    return Resources(tuple(nodes), tuple(to_come), frozenset(node["NodeID"] for node in alive))


def _node(counted: Mapping[str, float]) -> Node:
    prefix = "accelerator_type:"
    kind = next((name.removeprefix(prefix) for name in counted if name.startswith(prefix)), None)
    return Node(float(counted.get("CPU", 0.0)), float(counted.get("GPU", 0.0)), kind)


def _connect(address: str | None) -> None:
    import ray

    if address is None:
        with _safe_path():
            private_ray.start(**_job())
        return
    if address == "auto":
        address = local_rays.named()
        if address is None:
            _present_token()
            address = local_rays.choose(lambda found: _refusal(found) is None)
        else:
            _require_answer(address, "RAY_ADDRESS")
    else:
        _require_answer(address, "--address")
    try:
        ray.init(address, runtime_env=_to_workers(), **private_ray.QUIET, **_job())
    except Exception as error:  # Ray raises ConnectionError, RuntimeError, ValueError, ... for the same thing
        raise _unreachable(address, str(error) or type(error).__name__) from None


def _job() -> dict[str, Any]:
    """What workers import: this code, and nothing that lies in the folder the user happens to be in.

    Left to itself, Ray puts the driver's working directory first on the path of every worker: a `numbers.py` there breaks
    them all, and another checkout there trains in the place of this one. A job submitted to a cluster brings its own.
    """
    from ray._private.runtime_env.constants import RAY_JOB_CONFIG_JSON_ENV_VAR
    from ray.job_config import JobConfig

    if RAY_JOB_CONFIG_JSON_ENV_VAR in os.environ:
        return {}
    installed = child_process.ROOT in (sysconfig.get_path("purelib"), sysconfig.get_path("platlib"))
    path = [] if installed else [child_process.ROOT]
    return {"job_config": JobConfig(_client_job=True, _py_driver_sys_path=path)}


@contextlib.contextmanager
def _safe_path() -> Iterator[None]:
    """Inside the block this process starts no Python that looks into the working directory; Ray hands it on to workers."""
    before = os.environ.get("PYTHONSAFEPATH")
    os.environ["PYTHONSAFEPATH"] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ["PYTHONSAFEPATH"]
        else:
            os.environ["PYTHONSAFEPATH"] = before


def _to_workers() -> dict[str, Any] | None:
    """What workers on other machines must know of this process: where the data of the search is."""
    from trainables.datasets import shared

    place = shared.travelling()
    return None if place is None else {"env_vars": {"TUNER_DATA": place}}


def _present_token() -> None:
    """Show the user's token to the cluster that is joined: Ray by itself does not, and says only that it cannot connect."""
    if "RAY_AUTH_MODE" not in os.environ and auth_token.find() is not None:
        auth_token.authenticate({})


def _require_answer(address: str, given: str) -> None:
    """Refuse at once an address where no Ray answers: `ray.init` would try for ever. `given` says where it comes from."""
    if is_head(address):
        raise BadInput(
            f"{given} is {address}, but must be `auto` or HOST:PORT of a Ray that this machine belongs to; only `tuner launch` "
            "and `tuner resume` submit to the dashboard of a cluster"
        )
    host, colon, port = address.rpartition(":")
    if not host or not colon or not port.isdigit() or int(port) > 65535:
        raise BadInput(f"{given} is {address}, but must be `auto` or HOST:PORT; Ray's usual port is 6379")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=_PATIENCE).close()
    except (OSError, UnicodeError) as error:
        raise _unreachable(address, str(error)) from None
    _present_token()
    refusal = _refusal(address)
    if refusal is not None:
        raise _unreachable(address, refusal)


def _refusal(address: str) -> str | None:
    """Why the Ray at an address does not take this process; None if it does.

    Somebody listens. Whether it is a Ray of this version, Ray's own check tells, in a process that can be given up on.
    """
    try:
        check = _health_check(address, {})
    except subprocess.TimeoutExpired:
        return f"no answer within {_PATIENCE:g} s"
    return None if check.returncode == 0 else check.stderr.strip().rpartition("\n")[2] or "no reason given"


def is_open(address: str) -> bool:
    """Whether the Ray at HOST:PORT answers somebody who shows no token."""
    try:
        return _health_check(address, {"RAY_AUTH_MODE": "disabled"}).returncode == 0
    except subprocess.TimeoutExpired:
        return False


def _health_check(address: str, variables: dict[str, str]) -> subprocess.CompletedProcess[str]:
    command = child_process.python("-m", "ray.scripts.scripts", "health-check", "--address", address)
    environment = child_process.environment(**variables)
    return subprocess.run(command, capture_output=True, text=True, timeout=_PATIENCE, check=False, env=environment)


def _unreachable(address: str, reason: str) -> ClusterUnreachable:
    return ClusterUnreachable(
        f"no Ray cluster answers at {address} ({_short(reason)}); check the address, and see that `ray status` works there"
    )


def _short(reason: str) -> str:
    """What Ray, or the system, gave as the reason, as a person wants to read it."""
    if "InvalidAuthToken" in reason or "AuthenticationError" in reason:
        return "it asks for another token than ours; `tuner doctor` says where ours is looked for"
    first = reason.strip().splitlines()[0] if reason.strip() else "no reason given"
    return first if len(first) <= _REASON else f"{first[:_REASON]}..."
