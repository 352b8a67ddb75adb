"""A RayJob or RayCluster of KubeRay: what must be in it for a search; its schema is Kubernetes' to check."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tuner.cluster.checks import versions

Manifest = dict[str, Any]
KINDS = ("RayJob", "RayCluster")


def problems(manifest: Manifest) -> Iterator[str]:
    """Each problem in a sentence."""
    spec = manifest.get("spec") or {}
    is_job = manifest.get("kind") == "RayJob"
    cluster = (spec.get("rayClusterSpec") if is_job else spec) or {}
    at = "spec.rayClusterSpec" if is_job else "spec"
    if (cluster.get("authOptions") or {}).get("mode") != "token":
        yield (
            f"{at}.authOptions.mode is not `token`, so whoever reaches the head runs code on the cluster; set it "
            "(KubeRay 1.5.1 or newer)"
        )
    if str(cluster.get("rayVersion")) != versions.ours():
        yield f"{at}.rayVersion is {cluster.get('rayVersion')}, but this tuner runs on Ray {versions.ours()}; set it"
    groups = {f"{at}.headGroupSpec": cluster.get("headGroupSpec") or {}}
    groups |= {f"{at}.workerGroupSpecs[{n}]": group for n, group in enumerate(cluster.get("workerGroupSpecs") or [])}
    containers = [(where, container) for where, group in groups.items() for container in _containers(group)]
    for where, container in containers:
        yield from versions.of_image(f"{where} image", container.get("image", ""))
    if not any("nvidia.com/gpu" in (_limits(container)) for _, container in containers):
        yield "no container asks for a GPU; give the workers `limits: {nvidia.com/gpu: 1}`"
    if is_job:
        yield from _job(spec)


def _job(spec: Manifest) -> Iterator[str]:
    if spec.get("backoffLimit", 0) > 0 and "--or-resume" not in str(spec.get("entrypoint")):
        yield "spec.entrypoint is run again when a try fails, but would find its name in use; add --or-resume and a --name"
    if not spec.get("shutdownAfterJobFinishes"):
        yield "spec.shutdownAfterJobFinishes is not set, so the GPUs stay rented when the search is over; set it to true"


def _containers(group: Manifest) -> list[Manifest]:
    containers: list[Manifest] = ((group.get("template") or {}).get("spec") or {}).get("containers") or []
    return containers


def _limits(container: Manifest) -> Manifest:
    limits: Manifest = (container.get("resources") or {}).get("limits") or {}
    return limits
