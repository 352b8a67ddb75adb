"""summary.json: the row of a list that a session leaves at its end beside the records, so that nobody reads those for it.

Its seal is over the row, the manifest and the records, so it is believed with these alone, wherever they were copied to;
what is damaged, older or of another version is passed over, and the records are read.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
from typing import Any

from trainables.storage import S3Path, whole
from tuner.records.paths import ExperimentPaths
from tuner.results import summary
from tuner.results.summary import Summary

_FORM = 1  # raise it when a row says anything else of the same records
_WHOLE = 2**20  # bytes up to which records are hashed whole; of longer ones the size and half as many at either end

_FIELDS = {field.name for field in dataclasses.fields(Summary)}

Tags = tuple[Any, Any]  # of an experiment on S3: the manifest's tag, and (name, tag) of each segment of its records


def leave(paths: ExperimentPaths) -> None:
    """Write the row; by the holder of the lock, once its last record is written. In silence where it cannot be written."""
    with contextlib.suppress(Exception):  # a convenience, that must not spoil the end of a search
        row = dataclasses.asdict(summary.of(paths, live=False))
        content = {"form": _FORM, "row": row, "seal": _seal(paths, row, None)}
        with whole(paths.summary) as file:
            file.write(json.dumps(content).encode())


def read(paths: ExperimentPaths, tags: Tags | None = None) -> Summary | None:
    """The row that was left, if it is that of the manifest and the records as they are; else None.

    Args:
        tags: what `tags(paths)` said before, to be asked no second time.
    """
    try:
        left = json.loads(paths.summary.read_bytes())
        row, form, seal = left["row"], left["form"], left["seal"]
        fits = form == _FORM and row.keys() == _FIELDS and seal == _seal(paths, row, tags)
        return Summary(**{**row, "name": paths.name, "tags": tuple(row["tags"])}) if fits else None
    except (OSError, ValueError, TypeError, LookupError, AttributeError, RecursionError):  # whatever else it holds
        return None


def tags(paths: ExperimentPaths) -> Tags:
    """What changes with the manifest and the records of an experiment on S3; without a manifest it is none."""
    assert isinstance(paths.root, S3Path)
    manifest = paths.root.tags().get("manifest.json")
    return manifest, [list(each) for each in sorted((paths.root / "records").tags().items())] if manifest else None


def _seal(paths: ExperimentPaths, row: dict[str, Any], known: Tags | None) -> str:
    made_of = (known or tags(paths)) if isinstance(paths.root, S3Path) else _hashes(paths)
    return hashlib.sha256(json.dumps([_FORM, row, made_of], sort_keys=True).encode()).hexdigest()


def _hashes(paths: ExperimentPaths) -> list[Any]:
    """What an experiment on a disk holds, as far as a row follows from it."""
    manifest = hashlib.sha256(paths.manifest.read_bytes()).hexdigest()
    records = hashlib.sha256()
    with paths.records.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(0)
        if size > _WHOLE:
            records.update(file.read(_WHOLE // 2))
            file.seek(size - _WHOLE // 2)
        records.update(file.read(_WHOLE))
    return [manifest, size, records.hexdigest()]
