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

Config = dict[str, Any]


def problems(config: Config) -> list[str]:
    """Everything that Ray refuses in a file, before anything is started; first what its schema says, all at once."""
    return _against_schema(config) or _when_prepared(config)


def prepared(config: Config) -> Config:
    """The file as Ray completes it with the defaults of its provider; as it is where Ray cannot."""
    from ray.autoscaler._private.util import prepare_config

    with _overheard():
        try:
            complete: Config = prepare_config(copy.deepcopy(config))
        except (Exception, SystemExit):  # said by `problems`
            return config
    return complete


def provider_keys() -> set[str]:
    """The keys of `provider` that Ray's schema names; it lets any other one pass."""
    return set(_schema()["properties"]["provider"]["properties"])


def _schema() -> Config:
    import ray.autoscaler

    schema: Config = json.loads((Path(ray.autoscaler.__file__).parent / "ray-schema.json").read_text())
    return schema


def _against_schema(config: Config) -> list[str]:
    import jsonschema

    schema = _schema()
    errors = jsonschema.validators.validator_for(schema)(schema).iter_errors(config)
    found = []
    for error in sorted(errors, key=lambda error: [str(part) for part in error.absolute_path]):
        where = ".".join(str(part) for part in error.absolute_path)
        found.append(f"{where or 'the file'}: {_short(error.message)}; correct it as Ray's reference of the file says")
    return found


def _when_prepared(config: Config) -> list[str]:
    from ray.autoscaler._private.util import prepare_config, validate_config

    with _overheard() as said:
        try:
            validate_config(prepare_config(copy.deepcopy(config)))
        except (Exception, SystemExit) as error:  # Ray raises whatever its code trips over, and click's own exits
            lines = (str(error) or said.getvalue()).strip().splitlines()
            return [f"Ray refuses the file: {_short(lines[0] if lines else type(error).__name__)}"]
    return []


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


def _short(message: str) -> str:
    return message if len(message) <= 200 else message[:197] + "..."
