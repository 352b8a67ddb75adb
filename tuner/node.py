"""What one node of the cluster says of itself before a search: its storage, versions, data, GPUs and room. Runs there."""

from __future__ import annotations

import contextlib
import os
import platform
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from typing import Any

from trainables.storage import Place, place
from tuner import changes
from tuner.manifest import surroundings

LEAST_FREE = 2**30  # bytes: checkpoints of small networks, Ray's session files
COMPARED = ("tuner", "python", "torch", "ray")


def versions() -> dict[str, str]:
    """What must be the same on every node: packages, and the code itself."""
    known = surroundings()["versions"]
    return {name: known.get(name, "none") for name in COMPARED} | {"code": changes.digest()}


def examine(
    node: str,
    storage: str,
    probe: str,
    launched: dict[str, str],
    family: str,
    configs: Sequence[dict[str, Any]],
    gpus: int,
) -> dict[str, Any]:
    """Look at the node this runs on.

    Args:
        node: its id, the name of the file it leaves in the probe folder.
        storage: of experiments.
        probe: a place in it that holds a file `driver`.
        launched: the driver's `versions()`.
        configs: whose data must be here; empty where no trial can run.
        gpus: that Ray counts here; zero where no trial wants one.

    Returns:
        `problems`: one sentence each; `fingerprints` of the data by image size; `host`.
    """
    from trainables import preflight

    problems = [*_storage(place(storage), place(probe), node), *_versions(launched), *_room(storage)]
    fingerprints: dict[str, str] = {}
    if configs:
        found = preflight.fingerprints(family, configs)
        problems += found["problems"]
        fingerprints = found["fingerprints"]
    if gpus:
        problems += _gpus(gpus)
    return {"problems": problems, "fingerprints": fingerprints, "host": platform.node()}


def _storage(storage: Place, probe: Place, node: str) -> list[str]:
    try:
        if not (probe / "driver").exists():
            return [f"the storage {storage} is not the driver's; give --storage a folder that every node mounts"]
        (probe / node).touch()
    except OSError as error:
        return [f"cannot use the storage {storage} ({error}); make it readable and writable there"]
    return []


def _versions(launched: dict[str, str]) -> list[str]:
    here = versions()
    wrong = [f"{name} {here[name]} instead of {there}" for name, there in launched.items() if here[name] != there]
    return [f"it has {', '.join(wrong)}; install there what the driver has"] if wrong else []


def _room(storage: str) -> list[str]:
    problems = []
    for folder in dict.fromkeys((storage, tempfile.gettempdir())):
        try:
            free = shutil.disk_usage(folder).free
        except OSError:
            continue  # S3, or the storage's own sentence says it
        if free < LEAST_FREE:
            problems.append(f"{folder} has {free / 2**20:.0f} MiB left, but at least 1 GiB is needed; make room there")
    return problems


def _gpus(counted: int) -> list[str]:
    import torch

    with _everything_visible():
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
