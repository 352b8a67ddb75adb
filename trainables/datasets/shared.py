"""Named datasets kept once for all machines: put into a folder or under an S3 prefix, fetched by each node into its own cache.

    PLACE/cifar-10-batches-py/...   the files as they are published
    PLACE/cifar10.sha256.json       written last: size and SHA-256 of each

TUNER_DATA names the place (an s3:// address, or a folder in which such a file lies); without such a file a folder is the
node's own data root, as it always was.
"""

from __future__ import annotations

import fcntl
import hashlib
import io
import logging
import os
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from pydantic import ValidationError

from trainables.datasets.arrays import DatasetError
from trainables.datasets.copies import File, Manifest, below, digest, read, write
from trainables.storage import Place, StorageError, home, place

logger = logging.getLogger("trainables")

_SUFFIX = ".sha256.json"
_chosen: str | None = None  # by `use`


def use(text: str) -> None:
    """Take the data from this place, a folder or s3://BUCKET/PREFIX, here and on every node of a cluster that is joined.

    `DatasetError` for what is almost an address.
    """
    global _chosen
    place_ = _place(text)
    _chosen = str(_absolute(place_))
    os.environ["TUNER_DATA"] = _chosen


def travelling() -> str | None:
    """The place that every node of a cluster should take data from: chosen by `use`, or on S3. A folder that only this
    process's environment names may be its machine's own."""
    configured = os.environ.get("TUNER_DATA")
    return configured if configured and (configured == _chosen or configured.startswith("s3:")) else None


def data_root() -> Path:
    """The folder of this node's datasets, fetched and decoded: that of TUNER_DATA where it is the node's own, else the cache
    ($TUNER_CACHE, or ~/.cache/tuner/data)."""
    configured = _configured()
    if isinstance(configured, Path) and not _is_shared(configured):
        return configured
    return _cache()


def source() -> Place | None:
    """Where data is put for all machines; None where TUNER_DATA names no such place."""
    configured = _configured()
    return None if isinstance(configured, Path) and not _is_shared(configured) else configured


def provide(name: str, files: Sequence[str]) -> Path:
    """The data root, with the files of a dataset fetched into it if they are not there and a place for all has them.

    The first process of a node fetches, the others wait. `DatasetError` where the place does not have them, cannot be read or
    holds other bytes than were put there; whether they are what was published is the reader's to check.
    """
    root, shared = data_root(), source()
    if shared is None or is_here(root, files):
        return root
    with _explaining(name, root), _locked(root, name):
        if not is_here(root, files):
            began = time.monotonic()
            size = _fetch(name, files, shared, root)
            logger.info("fetched %s, %.0f MB, from %s in %.1f s", name, size / 1e6, shared, time.monotonic() - began)
    return root


def is_here(root: Path, files: Sequence[str]) -> bool:
    """Whether every file lies under a data root."""
    return all((root / file).is_file() for file in files)


def put(name: str, files: Sequence[str], root: Path, to: str) -> str:
    """Copy the files of a dataset to a place for all machines, the sums last; a sentence on what is there now.

    What is there already with the same sums is left alone. `DatasetError` where the place cannot be written.
    """
    target = _absolute(_place(to))
    sums = {file: File(bytes=(root / file).stat().st_size, sha256=digest(root / file)) for file in files}
    manifest = Manifest(dataset=name, files=sums)
    size = sum(file.bytes for file in sums.values()) / 1e6
    try:
        if _stands(target, name, manifest):
            return f"{name} is in {target} already, {len(files)} files of {size:.1f} MB"
        for file in files if target != root else ():
            with (root / file).open("rb") as content:
                write(target, file, content)
        write(target, f"{name}{_SUFFIX}", io.BytesIO(manifest.model_dump_json(indent=1).encode()))
    except OSError as error:
        raise DatasetError(
            f"cannot put {name} into {target} ({_said(error)}); correct --to, or mend what it says"
        ) from None
    return f"put {name} into {target}, {len(files)} files of {size:.1f} MB"


def _configured() -> Place:
    configured = os.environ.get("TUNER_DATA", "").strip()
    return _absolute(_place(configured)) if configured else _cache()


def _absolute(found: Place) -> Place:
    """A folder from the root; `DatasetError` where `~` stands for no home."""
    try:
        return home.absolute(found) if isinstance(found, Path) else found
    except home.UnusablePath as error:
        raise DatasetError(f"TUNER_DATA says where the data are, and {error}") from None


def _place(text: str) -> Place:
    try:
        return place(text)
    except ValueError as error:
        raise DatasetError(str(error).replace("the storage", "the data folder")) from None


def _cache() -> Path:
    configured = os.environ.get("TUNER_CACHE", "").strip()
    try:
        return home.absolute(configured or "~/.cache/tuner/data")
    except home.UnusablePath as error:
        if configured:
            raise DatasetError(f"TUNER_CACHE says where fetched data go, and {error}") from None
        return home.stand_in() / ".cache" / "tuner" / "data"


def _is_shared(folder: Path) -> bool:
    return folder != _cache() and any(folder.glob(f"*{_SUFFIX}"))


def _manifest(shared: Place, name: str, files: Sequence[str]) -> Manifest:
    path = shared / f"{name}{_SUFFIX}"
    try:
        manifest = Manifest.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        raise DatasetError(
            f"{name} is neither in {data_root()} nor in {shared}; where it is, run `tuner data put {name} --to {shared}`"
        ) from None
    except ValidationError:
        manifest = Manifest(dataset="", files={})
    # Names come from outside: only those of the dataset become files here.
    if manifest.dataset != name or set(manifest.files) != set(files):
        raise DatasetError(
            f"{path} does not describe {name}; remove it and run `tuner data put {name} --to {shared}` again"
        )
    return manifest


def _fetch(name: str, files: Sequence[str], shared: Place, root: Path) -> int:
    """Copy the files, compare their sums, and only then give them their names; how many bytes they have."""
    manifest = _manifest(shared, name, files)
    unfinished = root / f".fetching-{name}"
    shutil.rmtree(unfinished, ignore_errors=True)  # left by a process that was killed
    try:
        for file in files:
            copy = unfinished / file
            copy.parent.mkdir(parents=True, exist_ok=True)
            with copy.open("wb") as stream:
                read(shared, file, stream)
            if digest(copy) != manifest.files[file].sha256:
                raise DatasetError(
                    f"{shared}/{file} has another SHA-256 than {name}{_SUFFIX} says; put it there again with "
                    f"`tuner data put {name} --to {shared}`"
                )
        for file in files:
            (root / file).parent.mkdir(parents=True, exist_ok=True)
            (unfinished / file).replace(root / file)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return sum(file.bytes for file in manifest.files.values())


def _stands(target: Place, name: str, manifest: Manifest) -> bool:
    """Whether the place has the same files already, byte for byte."""
    try:
        there = Manifest.model_validate_json((target / f"{name}{_SUFFIX}").read_bytes())
        return there == manifest and all(
            hashlib.sha256(below(target, file).read_bytes()).hexdigest() == known.sha256
            for file, known in manifest.files.items()
        )
    except (FileNotFoundError, ValidationError):
        return False


@contextmanager
def _locked(root: Path, name: str) -> Iterator[None]:
    root.mkdir(parents=True, exist_ok=True)
    with open(root / f".fetching-{name}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # released by the kernel even when the process is killed
        yield


@contextmanager
def _explaining(name: str, root: Path) -> Iterator[None]:
    try:
        yield
    except StorageError as error:
        raise DatasetError(f"{name} cannot be fetched: {error}") from None
    except OSError as error:
        raise DatasetError(
            f"{name} cannot be kept in {root} ({_said(error)}); set TUNER_CACHE to a folder that can be written and has room"
        ) from None


def _said(error: OSError) -> str:
    return error.strerror or str(error) or type(error).__name__
