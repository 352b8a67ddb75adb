"""Checking the file that starts a cluster, before it costs anything: Ray's own validation and what Ray does not look at."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from trainables.storage.redaction import redact
from tuner.cluster.checks import documents, exposure, field_types, kuberay, local_files, nodes, ray_schema, versions
from tuner.errors import BadInput

_LONGEST = 600  # characters of a sentence
_COMMANDS = ("initialization_commands", "setup_commands", "head_setup_commands", "worker_setup_commands")


def check(path: str | Path) -> list[str]:
    """Every problem of a file for Ray's cluster launcher, or of a KubeRay manifest, each in a sentence with its remedy.

    Nothing is started and no network is used. Relative paths in the file are read from where this runs, as `ray up` reads
    them, and else from the folder of the file (see `run_in`).

    Raises:
        BadInput: the file cannot be read, or is no YAML mapping.
    """
    found: list[str] = []
    for document in _clusters(Path(path)):
        found += document.problems
        if document.value.get("kind") in kuberay.KINDS:
            found += kuberay.problems(document.value)
        else:
            found += _launcher(document.value, Path(path).parent)
    return list(dict.fromkeys(map(_line, found)))


def run_in(path: str | Path) -> tuple[Path, list[str]] | None:
    """The folder in which `ray up` must run and the relative paths that it finds nowhere else; None where here will do."""
    path = Path(path)
    configs = [document.value for document in _clusters(path) if document.value.get("kind") not in kuberay.KINDS]
    names = [name for config in configs for name in local_files.only_beside(config, path.parent)]
    return (path.parent, names) if names else None


def _clusters(path: Path) -> list[documents.Document]:
    """The documents that start a cluster, of a file that may hold claims and secrets beside them."""
    found, count = documents.read(path)
    clusters = [document for document in found if document.value.get("kind", "RayJob") in kuberay.KINDS]
    if not clusters:
        raise BadInput(f"{path} holds neither a Ray cluster nor a RayJob; give the file that starts the cluster")
    if count > 1 and any("kind" not in document.value for document in clusters):
        raise BadInput(
            f"{path} holds {count} YAML documents, but `ray up` reads a file of one; split it at the lines `---`"
        )
    return clusters


def _line(said: str) -> str:
    """A sentence as it may be shown, whatever the file holds: one line, no control characters, no credential, not endless."""
    text = " ".join(redact(said).split())
    text = "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 200]} ... {text[-190:]}"


def _launcher(config: dict[str, Any], beside: Path) -> list[str]:
    told = ray_schema.against_schema(config)
    paths = {path for path, _, _ in told}
    told += [error for error in field_types.errors(config, field_types.LAUNCHER) if error[0] not in paths]
    found = [f"{said}; correct it as Ray's reference of the file says" for _, said, _ in told]
    if not told:
        found += ray_schema.refusal(config)
    complete = ray_schema.prepared(config)
    rules: list[field_types.Rule] = [
        (("provider",), lambda: nodes.provider_keys(config)),
        (("file_mounts", "auth"), lambda: nodes.mounts(config, beside)),
        (("provider", "available_node_types", "head_node_type"), lambda: nodes.types(config)),
        (("provider", "idle_timeout_minutes"), lambda: nodes.patience(config)),
        (("provider", "max_workers"), lambda: nodes.limit(config)),
        (("head_start_ray_commands",), lambda: exposure.starts(complete, "head")),
        (("worker_start_ray_commands",), lambda: exposure.starts(complete, "worker")),
        (("file_mounts",), lambda: exposure.token(complete, beside)),
        (("provider.security_group",), lambda: exposure.open_ports(complete)),
        ((), lambda: exposure.secrets(complete)),
        (_COMMANDS, lambda: versions.of_commands(_commands(complete))),
        (("available_node_types",), lambda: versions.of_commands(_commands_of_types(complete))),
        (("docker", "available_node_types"), lambda: _images(complete)),
    ]
    return found + list(field_types.followed(rules, {path for path, _, other_type in told if other_type}))


def _commands(config: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for key in _COMMANDS:
        for command in config.get(key) or []:
            yield key, command


def _commands_of_types(config: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for name, kind in config.get("available_node_types", {}).items():
        for key, command in _commands(kind):
            yield f"available_node_types.{name}.{key}", command


def _images(config: dict[str, Any]) -> Iterator[str]:
    """Of the file and of each node type; an empty image is Ray's way to say: none."""
    places = [("docker", config.get("docker", {}))]
    for name, kind in config.get("available_node_types", {}).items():
        places.append((f"available_node_types.{name}.docker", kind.get("docker", {})))
    for where, docker in places:
        for key in ("image", "head_image", "worker_image"):
            if docker.get(key, "").strip():
                yield from versions.of_image(f"{where}.{key}", docker[key])
