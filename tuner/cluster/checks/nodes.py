"""What Ray lets pass in a launcher file although no GPU search comes of it: misspelt providers, no GPU, missing files."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tuner.cluster.checks import local_files, ray_schema

Config = dict[str, Any]

IDLE_MINUTES = 10  # a node that boots longer than it may idle is stopped and started for ever
# What Ray's code reads beside what its schema names.
_ALSO_READ = {
    "aws": {"key_pair", "security_group", "aws_credentials", "use_external_head_ip"},
    "local": {"external_head_ip", "coordinator_address"},
}
_BY_EVERY_PROVIDER = {"disable_launch_config_check", "foreground_node_launch", "worker_liveness_check"}
_GPU_INSTANCE = re.compile(r"(?:p|g|gr)\d")  # of AWS, whose resources Ray looks up


def provider_keys(config: Config) -> Iterator[str]:
    """A sentence for each key of the provider that Ray would ignore."""
    provider = config.get("provider", {})
    kind = str(provider.get("type"))
    known = ray_schema.provider_keys() | _BY_EVERY_PROVIDER | _ALSO_READ.get(kind, set())
    for key in sorted(provider):
        near = difflib.get_close_matches(key, known, n=1)
        if key in known or (kind not in _ALSO_READ and not near):
            continue  # of the other providers not every key is known here
        hint = f"did you mean `{near[0]}`?" if near else "remove it"
        yield f"provider.{key} is no setting of the provider {kind}, and Ray would ignore it; {hint}"


def mounts(config: Config, beside: Path) -> Iterator[str]:
    """A sentence for each file that is named and missing, here and beside the cluster file, or is a whole checkout."""
    for there, here in config.get("file_mounts", {}).items():
        path = local_files.find(here, beside)
        if path is None:
            remedy = "make it with `tuner cluster token`" if Path(here).name == "auth_token" else "correct the path"
            yield f"file_mounts: {here}, to be copied to {there}, does not exist here; {remedy}"
        elif os.path.exists(path / ".git"):
            yield f"file_mounts: {here} is a whole checkout; mount the few files that the nodes need, searches bring the rest"
    for key in ("ssh_private_key", "ssh_public_key"):
        named = config.get("auth", {}).get(key)
        if named is not None and local_files.find(named, beside) is None:
            yield f"auth.{key}: {named} does not exist here; correct the path"


def types(config: Config) -> Iterator[str]:
    """What is wrong with the kinds of node."""
    if _is_local(config):
        return  # its nodes are there already, with whatever they hold
    kinds = config.get("available_node_types")
    if not kinds:
        yield "available_node_types is missing, and Ray would start its default nodes without GPUs; give the types"
        return
    if not any(_has_gpu(kind) for kind in kinds.values()):
        yield (
            "available_node_types: no node type has a GPU; give one `resources: {GPU: 1}` and an instance that has it"
        )
    head = kinds.get(config.get("head_node_type"), {})
    if head and not _has_gpu(head) and head.get("resources", {}).get("CPU") != 0:
        yield (
            f"available_node_types.{config['head_node_type']} takes trials, on the node that everything depends on; give "
            "the head `resources: {CPU: 0}`"
        )


def patience(config: Config) -> Iterator[str]:
    """Whether a node may idle for as long as one takes to boot."""
    idle = config.get("idle_timeout_minutes")
    if not _is_local(config) and (idle is None or not idle >= IDLE_MINUTES):
        stands = "missing, and Ray's default is 5" if idle is None else f"{idle:g}"
        yield f"idle_timeout_minutes is {stands}, shorter than a GPU node takes to boot; set at least {IDLE_MINUTES}"


def limit(config: Config) -> Iterator[str]:
    """Whether it is said how many nodes there may be."""
    if not _is_local(config) and "max_workers" not in config:
        yield "max_workers is missing, and Ray's default is 2 nodes whatever the types say; set it"


def _is_local(config: Config) -> bool:
    return bool(config.get("provider", {}).get("type") == "local")


def _has_gpu(kind: Config) -> bool:
    instance = str(kind.get("node_config", {}).get("InstanceType", ""))
    return kind.get("resources", {}).get("GPU", 0) > 0 or _GPU_INSTANCE.match(instance) is not None
