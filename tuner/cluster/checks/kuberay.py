"""A RayJob or RayCluster of KubeRay: what must be in it for a search; its schema is Kubernetes' to check."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tuner.cluster.checks import field_types, versions

Manifest = dict[str, Any]
KINDS = ("RayJob", "RayCluster")


def problems(manifest: Manifest) -> Iterator[str]:
    """Each problem in a sentence; an empty field is one that is not there, as Kubernetes reads it."""
    manifest = _without_empty(manifest)
    is_job = manifest["kind"] == "RayJob"
    wrong = field_types.errors(manifest, field_types.RAY_JOB if is_job else field_types.RAY_CLUSTER)
    yield from (f"{said}; correct it as KubeRay's reference says" for _, said, _ in wrong)
    at = "spec.rayClusterSpec" if is_job else "spec"
    groups = (f"{at}.headGroupSpec", f"{at}.workerGroupSpecs")
    rules: list[field_types.Rule] = [
        ((f"{at}.authOptions",), lambda: _authentication(_cluster(manifest), at)),
        ((f"{at}.rayVersion",), lambda: _version(_cluster(manifest), at)),
        (groups, lambda: _images(_cluster(manifest), at)),
        (groups, lambda: _gpus(_cluster(manifest), at)),
    ]
    if is_job:
        given = manifest.get("spec")
        spec: Manifest = given if isinstance(given, dict) else {}
        if spec.get("clusterSelector"):
            rules = []  # it goes to a cluster that is there, which is checked where it is made, and stays when the job ends
        elif "rayClusterSpec" not in spec:
            rules = [(("spec",), _no_cluster)]
        else:
            rules.append((("spec.shutdownAfterJobFinishes",), lambda: _rent(spec)))
        rules.append((("spec.backoffLimit", "spec.entrypoint"), lambda: _entrypoint(spec)))
    yield from field_types.followed(rules, {path for path, _, other_type in wrong if other_type})


def _without_empty(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_empty(item) for key, item in value.items() if item is not None}
    return [_without_empty(item) for item in value] if isinstance(value, list) else value


def _cluster(manifest: Manifest) -> Manifest:
    spec = manifest.get("spec", {})
    found: Manifest = spec.get("rayClusterSpec", {}) if manifest["kind"] == "RayJob" else spec
    return found


def _no_cluster() -> Iterator[str]:
    yield "spec.rayClusterSpec is missing, so the job has nowhere to run; give the cluster, or one's name in clusterSelector"


def _authentication(cluster: Manifest, at: str) -> Iterator[str]:
    if cluster.get("authOptions", {}).get("mode") != "token":
        yield (
            f"{at}.authOptions.mode is not `token`, so whoever reaches the head runs code on the cluster; set it "
            "(KubeRay 1.5.1 or newer)"
        )


def _version(cluster: Manifest, at: str) -> Iterator[str]:
    version = cluster.get("rayVersion", "missing")
    if version != versions.ours():
        yield f"{at}.rayVersion is {version}, but this tuner runs on Ray {versions.ours()}; set it"


def _images(cluster: Manifest, at: str) -> Iterator[str]:
    for where, container in _containers(cluster, at):
        if container.get("image", "").strip():
            yield from versions.of_image(f"{where} image", container["image"])
        else:
            yield f"{where} image is missing; give one with a version, such as that of deploy/Dockerfile"


def _gpus(cluster: Manifest, at: str) -> Iterator[str]:
    limits = [container.get("resources", {}).get("limits", {}) for _, container in _containers(cluster, at)]
    if not any(str(limit.get("nvidia.com/gpu", 0)) != "0" for limit in limits):
        yield f"{at}.workerGroupSpecs: no container asks for a GPU; give the workers `limits: {{nvidia.com/gpu: 1}}`"


def _entrypoint(spec: Manifest) -> Iterator[str]:
    entrypoint = spec.get("entrypoint")
    if not entrypoint and spec.get("submissionMode") != "InteractiveMode":
        yield "spec.entrypoint is missing, so the job runs nothing; give the command, `tuner launch ...`"
    elif entrypoint and spec.get("backoffLimit", 0) > 0 and "--or-resume" not in entrypoint:
        yield "spec.entrypoint is run again when a try fails, but would find its name in use; add --or-resume and a --name"


def _rent(spec: Manifest) -> Iterator[str]:
    if not spec.get("shutdownAfterJobFinishes"):
        yield "spec.shutdownAfterJobFinishes is not set, so the GPUs stay rented when the search is over; set it to true"


def _containers(cluster: Manifest, at: str) -> Iterator[tuple[str, Manifest]]:
    groups = [(f"{at}.headGroupSpec", cluster.get("headGroupSpec", {}))]
    groups += [(f"{at}.workerGroupSpecs[{n}]", group) for n, group in enumerate(cluster.get("workerGroupSpecs", []))]
    for where, group in groups:
        for container in group.get("template", {}).get("spec", {}).get("containers", []):
            yield where, container
