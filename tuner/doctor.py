"""Is this machine fit to search on: one line a check, with the remedy where it fails. Changes nothing."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tuner.errors import TunerError


@dataclass(frozen=True)
class Check:
    """One thing looked at. `ok` None: worth knowing, neither good nor bad."""

    name: str
    ok: bool | None
    detail: str


def examine(storage: Path, address: str | None, dataset: str) -> Iterator[Check]:
    """Every check, as it is made: Python, torch and CUDA, Ray, the storage, the dataset."""
    checks: tuple[tuple[str, Callable[[], Check]], ...] = (
        ("python", _python),
        ("torch", _torch),
        ("cuda", _cuda),
        ("ray", lambda: _ray(address)),
        ("storage", lambda: _storage(storage)),
        ("dataset", lambda: _dataset(dataset)),
    )
    for name, check in checks:
        try:
            yield check()
        except TunerError as error:
            yield Check(name, False, str(error))
        except Exception as error:  # a check that breaks is a finding, not the end of the examination
            yield Check(name, False, f"{type(error).__name__}: {error}")


def _python() -> Check:
    return Check("python", True, f"{platform.python_version()}, {os.cpu_count()} cores")


def _torch() -> Check:
    import torch
    import torchvision

    # An operator of torchvision that needs its compiled half: the two packages may be of different builds.
    torchvision.ops.nms(torch.zeros(1, 4), torch.zeros(1), 0.5)
    return Check("torch", True, f"{torch.__version__}, torchvision {torchvision.__version__}")


def _cuda() -> Check:
    import torch

    if not torch.cuda.is_available():
        return Check("cuda", None, "no GPU visible; trials train on the CPU")
    cards = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
    torch.ones(1, device="cuda").sum().item()
    return Check("cuda", True, f"{len(cards)} x {cards[0]}")


def _ray(address: str | None) -> Check:
    version = importlib.metadata.version("ray")
    if address is None:
        return Check("ray", True, f"{version}; a private Ray is started for each search")
    from tuner import ray_session

    with ray_session.connected(address) as resources:
        return Check("ray", True, f"{version}; {address} has {resources.cpus:g} CPUs and {resources.gpus:g} GPUs")


def _storage(storage: Path) -> Check:
    # The folder itself is made by the first search: look at the nearest one that exists.
    existing = next(path for path in (storage, *storage.parents) if path.exists())
    try:
        with tempfile.TemporaryFile(dir=existing):
            pass
    except OSError as error:
        return Check("storage", False, f"cannot write to {existing} ({error.strerror}); choose another --storage")
    stat = os.statvfs(existing)
    return Check("storage", True, f"{storage}, {stat.f_bavail * stat.f_frsize / 1e9:.0f} GB free")


def _dataset(dataset: str) -> Check:
    from tuner import data

    return Check("dataset", True, data.check(dataset))
