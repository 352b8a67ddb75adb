"""What one node of the cluster says of itself: its storage, versions, data, GPUs and room. Runs there."""

from __future__ import annotations

import contextlib
import math
import os
import platform
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from trainables.config.own.code import OwnCode
from trainables.storage import Place, probe
from tuner.errors import sentence
from tuner.records import changes
from tuner.records.manifest import surroundings

LEAST_FREE = 2**30  # bytes: checkpoints of small networks, Ray's session files
COMPARED = ("tuner", "python", "torch", "ray")


def versions() -> dict[str, str]:
    """What must be the same on every node: packages, and the code itself."""
    known = surroundings()["versions"]
    return {name: known.get(name, "none") for name in COMPARED} | {"code": changes.digest()}


def examine(
    storage: Place,
    sign: Place,
    mark: Place | None,
    launched: Mapping[str, str],
    family: str | OwnCode,
    configs: Sequence[dict[str, Any]],
    gpus: int,
) -> dict[str, Any]:
    """Look at the node this runs on.

    Args:
        storage: of experiments.
        sign: a file in it that the driver made.
        mark: a file to leave in it for the driver to see; None leaves nothing.
        launched: the driver's `versions()`.
        configs: whose data must be here; empty where no trial can run.
        gpus: that Ray counts here; zero where no trial wants one.

    Returns:
        `problems`: one sentence each; `fingerprints` of the data by image size; `free`: bytes left in the storage, where
        there is a bound; `host`.
    """
    from trainables.trial import preflight

    problems = [*_storage(storage, sign, mark), *_versions(launched)]
    fingerprints: dict[str, str] = {}
    if configs:
        found = preflight.fingerprints(family, configs)
        problems += found["problems"]
        fingerprints = found["fingerprints"]
    if gpus:
        with _everything_visible():
            problems += missing_gpus(gpus)
    # Looked at when what had to be decoded lies on the disk.
    rooms = {folder: _free(folder) for folder in (str(storage), tempfile.gettempdir())}
    problems += [
        f"{folder} has {free / 2**20:.0f} MiB left, but at least 1 GiB is needed; make room there"
        for folder, free in rooms.items()
        if free < LEAST_FREE
    ]
    return {"problems": problems, "fingerprints": fingerprints, "free": rooms[str(storage)], "host": platform.node()}


def _storage(storage: Place, sign: Place, mark: Place | None) -> list[str]:
    try:
        if not sign.exists():
            return [f"the storage {storage} is not the driver's; give --storage a folder that every node mounts"]
        if mark is None:
            probe(storage)
        else:
            mark.touch()
    except OSError as error:
        return [f"cannot use the storage {storage} ({sentence(error)}); make it readable and writable there"]
    return []


def _versions(launched: Mapping[str, str]) -> list[str]:
    here = versions()
    wrong = [f"{name} {here[name]} instead of {there}" for name, there in launched.items() if here[name] != there]
    return [f"it has {', '.join(wrong)}; install there what the driver has"] if wrong else []


def _free(folder: str) -> float:
    """Bytes left in a folder; no bound on S3, or where the folder is none, which its own sentence says."""
    try:
        return shutil.disk_usage(folder).free
    except OSError:
        return math.inf


def missing_gpus(counted: int) -> list[str]:
    """The problem that torch sees fewer GPUs than Ray has counted for this process, if it is one."""
    import torch

    seen = torch.cuda.device_count()
    if seen >= counted:
        return []
    why = "" if torch.version.cuda else ": this torch is built without CUDA"
    return [f"Ray counts {counted} GPUs, but torch sees {seen}{why}; mend the driver or the installation"]


@contextlib.contextmanager
def _everything_visible() -> Iterator[None]:
    """Ray hides the GPUs from a task that asked for none."""
    hidden = os.environ.pop("CUDA_VISIBLE_DEVICES", None)
    try:
        yield
    finally:
        if hidden is not None:
            os.environ["CUDA_VISIBLE_DEVICES"] = hidden
