"""Nodes that join while a search runs: a worker there looks at its node before its first trial, and if the node is not fit
for the search, no trial is placed there again in this session.

Nobody can look before: a node that an autoscaler starts is given a trial as soon as it joins.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from trainables.config.own.code import OwnCode
from trainables.storage import Place
from tuner.records.manifest import Manifest
from tuner.records.paths import ExperimentPaths

if TYPE_CHECKING:
    from ray.tune import PlacementGroupFactory

_NODE = "ray.io/node-id"  # the label that Ray gives each node
_BLAME = re.compile(r"UnfitNode: (?P<id>[0-9a-f]+) (?P<what>[^\n]+)")
_fit: set[tuple[str, ...]] = set()  # what this worker has found fit


class UnfitNode(RuntimeError):
    """A node on which this search cannot be trained; the text is its id and, after a space, every problem in one line."""


@dataclass(frozen=True)
class Inspection:
    """What a worker asks of a node that nobody has looked at yet; sent to it with its trial.

    Attributes:
        known: ids of the nodes that were looked at before the first trial.
        storage: of experiments.
        sign: a file of the experiment, which must be seen there.
        versions: the driver's `node.versions()`.
        fingerprints: of the data by image size, as in the manifest.
        gpus: whether the GPUs that a trial is given must be there.
    """

    known: frozenset[str]
    storage: Place
    sign: Place
    versions: Mapping[str, str]
    fingerprints: Mapping[str, str]
    gpus: bool

    def __call__(self, family: str | OwnCode, knobs: Mapping[str, Any], gpus: float) -> None:
        """`UnfitNode` where the node of this worker is not fit for a trial of this configuration and share of GPUs."""
        import ray

        from tuner.machines import node

        here = ray.get_runtime_context().get_node_id()
        look = (here, str(knobs.get("dataset")), str(knobs.get("image_size")))
        if here in self.known or look in _fit:
            return
        report = node.examine(
            self.storage,
            self.sign,
            None,
            self.versions,
            family,
            [dict(knobs)],
            gpus=0,  # here Ray has chosen which of them this process sees
        )
        problems = [*report["problems"], *self._other_data(report["fingerprints"])]
        if self.gpus:
            problems += node.missing_gpus(math.ceil(gpus))
        if problems:
            told = "; ".join(" ".join(problem.split()) for problem in problems)
            raise UnfitNode(f"{here} node {report['host']} ({here[:8]}): {told}")
        _fit.add(look)

    def _other_data(self, found: Mapping[str, str]) -> list[str]:
        return [
            f"its dataset at {size} pixels has the fingerprint {fingerprint}, but the search began on "
            f"{self.fingerprints[size]}; copy the same data to every node"
            for size, fingerprint in found.items()
            if self.fingerprints.get(size, fingerprint) != fingerprint
        ]


def inspection(paths: ExperimentPaths, manifest: Manifest, known: frozenset[str]) -> Inspection:
    """As the workers of a search need it; `known` are the ids of the nodes that were looked at before."""
    from tuner.machines import node, preflight

    return Inspection(
        known,
        paths.root.parent,
        paths.manifest,
        node.versions(),
        manifest.data.fingerprints,
        preflight.gpus_are_real(),
    )


def blamed(failure: str) -> tuple[str, str] | None:
    """The id of the node and the sentence about it where a worker failed for its node; None for any other failure."""
    found = _BLAME.search(failure)
    return (found["id"], found["what"].strip()) if found else None


def elsewhere(request: PlacementGroupFactory, nodes: Iterable[str]) -> PlacementGroupFactory:
    """The same resources, but on none of these nodes."""
    from ray.tune import PlacementGroupFactory

    selector = {_NODE: f"!in({','.join(sorted(nodes))})"}
    bundles = [dict(bundle) for bundle in request.bundles]
    if request.head_bundle_is_empty:
        bundles = [{}, *bundles]
    return PlacementGroupFactory(bundles, bundle_label_selector=[selector] * len(request.bundles))
