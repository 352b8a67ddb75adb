"""What the driver hears of the nodes while a search runs, kept in nodes.json for those who watch."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections import defaultdict
from typing import Any

from pydantic import ValidationError
from ray.tune import Callback

from tuner.experiment.scheduler import index_of
from tuner.records import nodes
from tuner.records.nodes import Load, Node, Nodes
from tuner.records.paths import ExperimentPaths

SECONDS = 10.0  # between two writes
_LEAVING = 5.0  # seconds that the end of a session waits for a storage that does not answer


class NodeReport:
    """Context manager that writes the nodes now and then, in a thread of its own: a storage that fails costs nothing but
    this account."""

    def __init__(self, paths: ExperimentPaths) -> None:
        self._paths = paths
        self._loads: dict[str, Load] = {}
        self._at: dict[int, str] = {}  # trial -> node
        self._left = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="nodes", daemon=True)

    def __enter__(self) -> NodeReport:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._left.set()
        self._thread.join(_LEAVING)

    def callback(self) -> Callback:
        return _Callback(self)

    def heard(self, trial: int, said: str) -> None:
        """What a worker of a trial tells of its machine (see `trainables.on_ray.load`)."""
        with contextlib.suppress(ValueError, KeyError, ValidationError):
            content = json.loads(said)
            self._loads[content["node"]] = Load.model_validate(content)
            self._at[trial] = content["node"]

    def _keep(self) -> None:
        over = False
        while not over:
            with contextlib.suppress(Exception):  # a storage or a Ray that fails: another look follows
                nodes.write(self._paths, self._nodes())
            over = self._left.wait(SECONDS)
        with contextlib.suppress(Exception):
            nodes.write(self._paths, self._nodes())

    def _nodes(self) -> Nodes:
        import ray

        trials: dict[str, list[int]] = defaultdict(list)
        for trial, node in list(self._at.items()):
            trials[node].append(trial)
        found = [
            Node(
                id=node["NodeID"],
                host=node["NodeManagerHostname"],
                alive=node["Alive"],
                cpus=node["Resources"].get("CPU", 0.0),
                gpus=node["Resources"].get("GPU", 0.0),
                load=self._loads.get(node["NodeID"]),
                trials=sorted(trials[node["NodeID"]]),
            )
            for node in ray.nodes()
            if node["Alive"] or node["NodeID"] in self._loads
        ]
        return Nodes(time=time.time(), nodes=found)


class _Callback(Callback):  # type: ignore[misc]  # Ray is untyped
    def __init__(self, report: NodeReport) -> None:
        self._report = report

    def __reduce__(self) -> tuple[Any, ...]:
        return Callback, ()  # see JudgeScheduler.__reduce__

    def on_trial_result(
        self, iteration: int, trials: list[Any], trial: Any, result: dict[str, Any], **info: Any
    ) -> None:
        if result.get("node_load"):
            self._report.heard(index_of(trial), result["node_load"])
