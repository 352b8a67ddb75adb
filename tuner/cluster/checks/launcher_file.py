"""Checking the file that starts a cluster, before it costs anything: Ray's own validation and what Ray does not look at."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from tuner.cluster.checks import exposure, kuberay, nodes, ray_schema, versions
from tuner.errors import BadInput

_COMMANDS = ("initialization_commands", "setup_commands", "head_setup_commands", "worker_setup_commands")


def check(path: str | Path) -> list[str]:
    """Every problem of a file for Ray's cluster launcher, or of a KubeRay manifest, each in a sentence with its remedy.

    Nothing is started and no network is used. Paths in the file are read from where this runs, as `ray up` reads them.

    Raises:
        BadInput: the file cannot be read, or is no YAML mapping.
    """
    found: list[str] = []
    configs = [config for config in _read(Path(path)) if config.get("kind", "RayJob") in kuberay.KINDS]
    if not configs:
        raise BadInput(f"{path} holds neither a Ray cluster nor a RayJob; give the file that starts the cluster")
    for config in configs:
        if config.get("kind") in kuberay.KINDS:
            found += kuberay.problems(config)
        else:
            found += _launcher(config)
    return found


def _launcher(config: dict[str, Any]) -> list[str]:
    found = ray_schema.problems(config)
    complete = ray_schema.prepared(config)
    rules: list[Iterator[str]] = [
        nodes.problems(config),
        exposure.problems(complete),
        versions.of_commands(_commands(complete)),
        _images(complete),
    ]
    for rule in rules:
        try:
            found.extend(rule)
        except (TypeError, AttributeError, KeyError, ValueError):
            if not found:
                raise
            # Something has another type than it should, which Ray's schema has told already.
    return list(dict.fromkeys(found))


def _commands(config: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for key in _COMMANDS:
        for command in config.get(key) or []:
            yield key, str(command)


def _images(config: dict[str, Any]) -> Iterator[str]:
    docker = config.get("docker") or {}
    for key in ("image", "head_image", "worker_image"):
        if key in docker:
            yield from versions.of_image(f"docker.{key}", docker[key])


def _read(path: Path) -> list[dict[str, Any]]:
    try:
        documents = list(yaml.safe_load_all(path.read_text()))
    except OSError as error:
        raise BadInput(f"cannot read {path} ({error.strerror}); give the path of a cluster file") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        text = " ".join(str(error).split())
        raise BadInput(f"{path} is not valid YAML ({text}); correct it") from None
    if not documents or not all(isinstance(document, dict) for document in documents):
        raise BadInput(f"{path} holds no mapping, but a cluster file is one; see cluster.yaml")
    return documents
