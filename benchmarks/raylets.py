"""A cluster of real raylets on one machine, with GPUs that Ray counts and nobody has: to kill parts of, and to audit."""

from __future__ import annotations

import os
import re
import shutil
import signal
import tempfile
from collections.abc import Callable
from types import TracebackType
from typing import Any

import psutil

# A dead node is noticed after seconds instead of half a minute.
_HEALTH = {"health_check_initial_delay_ms": 2000, "health_check_period_ms": 1000, "health_check_failure_threshold": 4}


class Raylets:
    """A head that runs no trial and some nodes; ends all of them, and nothing else, with the block.

    Args:
        nodes: beside the head.
        cpus, gpus: of each node.
    """

    def __init__(self, nodes: int = 3, cpus: int = 2, gpus: int = 2) -> None:
        from ray.cluster_utils import Cluster

        os.environ["TUNER_FAKE_GPUS"] = "1"  # for the drivers: torch sees none of them
        self._share = {"num_cpus": cpus, "num_gpus": gpus, "object_store_memory": 80 * 2**20}
        # Ray notes the newest cluster of a folder in it, for whoever asks for "auto": not in the one that all share.
        self._folder = tempfile.mkdtemp(prefix="tuner-ray-")
        head = {
            "temp_dir": self._folder,
            "num_cpus": 0,
            "object_store_memory": 80 * 2**20,
            "include_dashboard": False,
            "_system_config": _HEALTH,
        }
        self._cluster = _patiently(lambda: Cluster(initialize_head=True, head_node_args=head))
        self._nodes: list[Any] = []
        for _ in range(nodes):
            self.add()

    def __enter__(self) -> Raylets:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._cluster.shutdown()
        shutil.rmtree(self._folder, ignore_errors=True)
        os.environ.pop("TUNER_FAKE_GPUS", None)

    @property
    def address(self) -> str:
        return str(self._cluster.address)

    def add(self, **environment: str) -> str:
        """Start one more node, whose processes have these variables; the id of the node."""
        self._nodes.append(_patiently(lambda: self._cluster.add_node(**self._share, env_vars=environment)))
        return str(self._nodes[-1].node_id)

    def kill_node(self, which: int) -> str:
        """SIGKILL a node's raylet; the id of the node. What it leaves behind is cleared away."""
        node = self._nodes.pop(which)
        name = str(node.node_id)
        os.kill(self._raylet(node).pid, signal.SIGKILL)
        self._cluster.remove_node(node, allow_graceful=False)
        return name

    def __len__(self) -> int:
        return len(self._nodes)

    def trial_workers(self) -> list[psutil.Process]:
        """The processes that train, on all nodes."""
        found = []
        for node in self._nodes:
            for process in self._raylet(node).children(recursive=True):
                try:
                    title = process.cmdline()
                except psutil.Error:
                    continue
                if title and re.match(r"ray::\w*(Trainable|ReplicateWorker)", title[0]):
                    found.append(process)
        return found

    def _raylet(self, node: Any) -> psutil.Process:
        [info] = node.all_processes["raylet"]
        return psutil.Process(info.process.pid)


def _patiently(begin: Callable[[], Any]) -> Any:
    """Ray gives a node half a minute to start; a busy machine gets three tries, and what a failed one left is ended."""
    for last in (False, False, True):
        before = set(psutil.Process().children())
        try:
            return begin()
        except Exception:
            if last:
                raise
            for process in set(psutil.Process().children()) - before:
                process.kill()
    return None
