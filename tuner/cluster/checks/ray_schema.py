"""Ray's own validation of a cluster launcher file: the only place that touches the private code which `ray up` runs."""

from __future__ import annotations

import contextlib
import copy
import io
import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tuner.cluster.checks import field_types
from tuner.errors import sentence

Config = dict[str, Any]


def against_schema(config: Config) -> list[tuple[field_types.Path, str, bool]]:
    """Where a file is not as Ray's schema says, all at once, as `field_types.errors` tells it."""
    return field_types.errors(config, _schema())


def refusal(config: Config) -> list[str]:
    """What Ray's own code says against a file that agrees with its schema, before anything is started; it says one thing."""
    from ray.autoscaler._private.util import prepare_config, validate_config

    with _overheard() as said:
        try:
            validate_config(prepare_config(copy.deepcopy(config)))
        except (Exception, SystemExit) as error:  # Ray raises whatever its code trips over, and click's own exits
            if isinstance(error, KeyError):
                return [f"Ray refuses the file: it lacks {error}; add it"]
            text = sentence(error) if isinstance(error, OSError) else str(error) or said.getvalue()
            lines = text.strip().splitlines()
            reason = field_types.short(lines[0] if lines else type(error).__name__)
            return [f"Ray refuses the file: {reason}; correct it as Ray's reference of the file says"]
    return []


def prepared(config: Config) -> Config:
    """The file as Ray completes it with the defaults of its provider; as it is where Ray cannot."""
    from ray.autoscaler._private.util import prepare_config

    with _overheard():
        try:
            complete: Config = prepare_config(copy.deepcopy(config))
        except (Exception, SystemExit):  # said by `against_schema` or `refusal`
            return config
    return complete


def provider_keys() -> set[str]:
    """The keys of `provider` that Ray's schema names; it lets any other one pass."""
    return set(_schema()["properties"]["provider"]["properties"])


def _schema() -> Config:
    import ray.autoscaler

    schema: Config = json.loads((Path(ray.autoscaler.__file__).parent / "ray-schema.json").read_text())
    return schema


@contextlib.contextmanager
def _overheard() -> Iterator[io.StringIO]:
    """What Ray prints in the block, instead of the terminal; its log is left out."""
    logger = logging.getLogger("ray.autoscaler")
    level = logger.level
    logger.setLevel(logging.ERROR)
    said = io.StringIO()
    try:
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            yield said
    finally:
        logger.setLevel(level)
