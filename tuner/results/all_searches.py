"""Every experiment of a storage: found, summarised from what has changed since the last look, and the newest of them.

The row of each is what its last session left (`summary_file`), or follows from its manifest and records, which are then read
once: it is kept in the user's cache together with what tells that the files are still those (size and time of change on a
disk, the tags of the objects on S3).
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from trainables.config.wording import one_line
from trainables.storage import Place, S3Path, StorageError
from tuner.errors import BadInput, TunerError, as_bad_input, sentence
from tuner.records import labels, lock, manifest
from tuner.records.paths import ExperimentPaths, described, storage_root, storage_words
from tuner.results import summary, summary_file
from tuner.results.summary import Summary
from tuner.results.summary_cache import SummaryCache

_AT_ONCE = 16  # requests to S3, where waiting for the answer is what takes the time
_Given = TypeVar("_Given")
_Found = TypeVar("_Found")


def load(storage: str | Place | None = None) -> list[Summary]:
    """A row for each experiment of a storage, the newest first; one that cannot be read is a row that says why.

    Folders without a manifest are no experiments and left out. `BadInput` where the storage itself cannot be listed.
    """
    root = storage_root(storage)
    found = experiments(root, storage)
    cache = SummaryCache(root)
    rows = _each(root, found, lambda paths: (_row(paths, cache), paths))
    cache.keep({paths.name for paths in found})
    ordered = sorted(rows, key=lambda pair: pair[1].name)
    return [row for row, _ in sorted(ordered, key=lambda pair: _when(pair[0].created, pair[1]), reverse=True)]


def experiments(root: Place, storage: str | Place | None = None) -> list[ExperimentPaths]:
    """The experiments of a storage by name; `BadInput` where it cannot be listed."""
    with as_bad_input(StorageError):
        if isinstance(root, S3Path):
            children = [ExperimentPaths(path) for path in sorted(root.glob("*"), key=lambda path: path.name)]
            there = _each(root, children, lambda paths: paths.manifest.exists())
            return [paths for paths, made in zip(children, there, strict=True) if made]
        if (root / "manifest.json").is_file():
            above = " ".join(storage_words(root.parent))
            raise BadInput(f"{root} is an experiment, not a storage of experiments; use {above or 'no --storage'}")
        try:
            names = sorted(entry.name for entry in os.scandir(root) if _may_be(entry))
        except FileNotFoundError:
            if storage is None and root == storage_root(None):
                return []  # nothing was ever launched
            raise BadInput(f"there is no folder {described(root, storage)}; give the right --storage") from None
        except OSError as error:
            raise BadInput(
                f"cannot list {described(root, storage)} ({sentence(error)}); give a folder or s3://BUCKET/PREFIX"
            ) from None
    return [ExperimentPaths(root / name) for name in names]


def newest(storage: str | Place | None = None) -> tuple[ExperimentPaths, int]:
    """The experiment that was launched last, and how many there are; `BadInput` where there is none that can be read."""
    root = storage_root(storage)
    found = experiments(root, storage)
    times = _each(root, found, _launched)
    readable = [(time, paths) for time, paths in zip(times, found, strict=True) if time is not None]
    if not readable:
        there = f"none of {len(found)} can be read" if found else "there is none"
        raise BadInput(
            f"no experiment is named, and in {described(root, storage)} {there}; give its name, or --storage where it is"
        )
    return max(readable, key=lambda pair: pair[0])[1], len(found)


def _each(root: Place, given: Sequence[_Given], look: Callable[[_Given], _Found]) -> list[_Found]:
    """What `look` says of each; on S3 of many at a time."""
    if isinstance(root, Path):
        return [look(one) for one in given]
    with as_bad_input(StorageError), ThreadPoolExecutor(_AT_ONCE) as pool:
        return list(pool.map(look, given))


def _may_be(entry: os.DirEntry[str]) -> bool:
    """Whether a folder is an experiment, has been one or cannot be looked into: then its row says so."""
    if entry.name.startswith("."):  # being made
        return False
    try:
        return entry.is_dir() and any(_is_there(f"{entry.path}/{name}") for name in ("manifest.json", "records.jsonl"))
    except OSError as error:
        return isinstance(error, PermissionError)


def _is_there(file: str) -> bool:
    try:
        os.lstat(file)
    except FileNotFoundError:
        return False
    return True


def _launched(paths: ExperimentPaths) -> tuple[float, float] | None:
    """When it was launched; None where that cannot be read."""
    try:
        return _when(summary.created(manifest.read(paths.manifest).created), paths)
    except (TunerError, OSError):
        return None


def _when(created: float | None, paths: ExperimentPaths) -> tuple[float, float]:
    """The order of launches: by the second that the manifest says, and of two in one second by the files."""
    stamp = _file_stamp(paths.manifest) if isinstance(paths.manifest, Path) else None
    return created or 0.0, 0.0 if stamp is None else stamp[0]


def _row(paths: ExperimentPaths, cache: SummaryCache) -> Summary:
    try:
        stamp = list(_stamps(paths))
        row = cache.get(paths.name, stamp)
        if row is None:
            row = _read(paths, stamp)
            cache.put(paths.name, stamp, row)
    except Exception as error:  # whatever one of them holds, the others are listed
        return Summary(paths.name, "unreadable", problem=_said(error))
    try:
        said = labels.read(paths)
    except (TunerError, OSError) as error:
        return dataclasses.replace(row, problem=_said(error))
    return dataclasses.replace(row, tags=said.tags, note=said.note)


def _read(paths: ExperimentPaths, stamps: list[Any]) -> Summary:
    row = _of(paths, stamps[0])
    confirmation = None if stamps[1][0] is None else _of(paths.confirmation, stamps[1])
    return dataclasses.replace(row, confirmed=confirmation is not None and confirmation.state == "finished")


def _of(paths: ExperimentPaths, stamp: list[Any]) -> Summary:
    """As its last session left it; from its records while a session runs, or where they are not those any more."""
    manifest, records, held = stamp
    left = None if held else summary_file.read(paths, (manifest, records))
    return left or summary.of(paths)


def _said(error: Exception) -> str:
    if isinstance(error, TunerError | StorageError):
        return one_line(str(error))
    return sentence(error) if isinstance(error, OSError) else f"{type(error).__name__}: {one_line(str(error))}"


def _stamps(paths: ExperimentPaths) -> Iterator[Any]:
    """What changes when a row would, asked before the files are read: so a row is never older than its stamp."""
    for part in (paths, paths.confirmation):
        if isinstance(part.root, S3Path):
            there, records = summary_file.tags(part)
        else:
            there, records = _file_stamp(part.root / "manifest.json"), _file_stamp(part.root / "records.jsonl")
        yield [there, records, there is not None and lock.is_held(part.lock)]


def _file_stamp(file: Path) -> list[int] | None:
    """Time of change and size; None where it cannot be looked at."""
    try:
        stat = file.stat()
    except OSError:  # whoever reads it will say why
        return None
    return [stat.st_mtime_ns, stat.st_size]
