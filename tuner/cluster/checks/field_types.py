"""The types of the fields that the rules of a cluster file read, held against JSON schemas before any rule reads them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

Schema = dict[str, Any]
Path = tuple[str, ...]
Rule = tuple[tuple[str, ...], Callable[[], Iterable[str]]]  # the fields that a rule reads, with dots; what it finds

_NAMES = {
    "string": "a text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "array": "a list",
    "object": "a mapping",
    "null": "empty",
}
_TEXT: Schema = {"type": "string"}
_TEXTS: Schema = {"type": "array", "items": _TEXT}
_WHOLE: Schema = {"type": "integer", "minimum": 0}
_QUANTITIES: Schema = {"type": "object", "additionalProperties": {"type": ["string", "number"]}}


def _object(**properties: Schema) -> Schema:
    return {"type": "object", "properties": properties}


def _array(items: Schema) -> Schema:
    return {"type": "array", "items": items}


# What Ray's own schema of a launcher file leaves open.
_PERMISSION = _object(
    FromPort={"type": "integer"},
    ToPort={"type": "integer"},
    IpRanges=_array(_object(CidrIp=_TEXT)),
    Ipv6Ranges=_array(_object(CidrIpv6=_TEXT)),
)
LAUNCHER = _object(
    provider=_object(
        security_group=_object(IpPermissions=_array(_PERMISSION)),
        worker_ips=_TEXTS,
        coordinator_address=_TEXT,
        external_head_ip=_TEXT,
    ),
    docker=_object(run_options=_TEXTS, head_run_options=_TEXTS, worker_run_options=_TEXTS),
    file_mounts={"type": "object", "additionalProperties": _TEXT},
    cluster_synced_files=_TEXTS,
    rsync_exclude=_TEXTS,
    rsync_filter=_TEXTS,
    available_node_types={
        "type": "object",
        "additionalProperties": _object(
            node_config=_object(InstanceType=_TEXT), docker=_object(worker_run_options=_TEXTS)
        ),
    },
)

_VARIABLES = _array(_object(name=_TEXT, value=_TEXT))  # Kubernetes refuses a number for the value of one
_CONTAINER = _object(
    name=_TEXT, image=_TEXT, env=_VARIABLES, resources=_object(limits=_QUANTITIES, requests=_QUANTITIES)
)
_GROUP = _object(
    groupName=_TEXT,
    replicas=_WHOLE,
    minReplicas=_WHOLE,
    maxReplicas=_WHOLE,
    rayStartParams={"type": "object", "additionalProperties": _TEXT},
    template=_object(spec=_object(containers=_array(_CONTAINER))),
)
_CLUSTER = _object(
    rayVersion=_TEXT, authOptions=_object(mode=_TEXT), headGroupSpec=_GROUP, workerGroupSpecs=_array(_GROUP)
)
RAY_CLUSTER = _object(metadata=_object(name=_TEXT), spec=_CLUSTER)
RAY_JOB = _object(
    metadata=_object(name=_TEXT),
    spec=_object(
        entrypoint=_TEXT,
        submissionMode=_TEXT,
        backoffLimit=_WHOLE,
        shutdownAfterJobFinishes={"type": "boolean"},
        suspend={"type": "boolean"},
        ttlSecondsAfterFinished=_WHOLE,
        activeDeadlineSeconds=_WHOLE,
        runtimeEnvYAML=_TEXT,
        clusterSelector={"type": "object", "additionalProperties": _TEXT},
        rayClusterSpec=_CLUSTER,
    ),
)


def errors(config: dict[str, Any], schema: Schema) -> list[tuple[Path, str, bool]]:
    """Where a file is not as a schema says: the field's path, a sentence, and whether it has another type altogether."""
    import jsonschema

    found = []
    for error in jsonschema.validators.validator_for(schema)(schema).iter_errors(config):
        path = tuple(str(part) for part in error.absolute_path)
        where = ".".join(path) or "the file"
        said = _of_type(error.instance, error.validator_value) if error.validator == "type" else short(error.message)
        found.append((path, f"{where}: {said}", error.validator == "type"))
    return sorted(found)


def _of_type(value: Any, wanted: str | list[str]) -> str:
    types = [wanted] if isinstance(wanted, str) else wanted
    said = "an empty value" if value is None else short(repr(value))
    return f"{said} is not {' or '.join(_NAMES.get(name, name) for name in types)}"


def followed(rules: Iterable[Rule], wrong: set[Path]) -> Iterator[str]:
    """What the rules find whose fields all have the types they should; the others' fields have been told already."""
    for fields, rule in rules:
        paths = [tuple(field.split(".")) for field in fields]
        if not any(path[: len(other)] == other[: len(path)] for path in paths for other in wrong):
            yield from rule()


def short(message: str) -> str:
    """The message on one line, cut where it grows long."""
    message = " ".join(message.split())
    return message if len(message) <= 200 else message[:197] + "..."
