"""What `--address auto` means: the Ray that RAY_ADDRESS names, or the one on this machine that takes this process."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from tuner.errors import BadInput, ClusterUnreachable
from tuner.machines.private_ray import MARK

_GCS = "--gcs-address="
_REMEDY = "start one with `ray start --head`, give its HOST:PORT, or leave --address out for a private Ray"


def named() -> str | None:
    """The address in RAY_ADDRESS; None when there is none."""
    address = os.environ.get("RAY_ADDRESS", "").strip()
    return address if address not in ("", "auto", "local") else None


def choose(takes: Callable[[str], bool]) -> str:
    """HOST:PORT of the one Ray on this machine that no search has for itself and that takes this process.

    Args:
        takes: whether the Ray at an address runs our version and accepts our token.

    Raises:
        ClusterUnreachable: there is none.
        BadInput: there are several.
    """
    running = find()
    open_to_us = sorted(address for address, private in running.items() if not private and takes(address))
    if len(open_to_us) > 1:
        raise BadInput(
            f"--address is auto, but {len(open_to_us)} Rays run on this machine ({', '.join(open_to_us)}); give the HOST:PORT "
            "of one of them"
        )
    if open_to_us:
        return open_to_us[0]
    private = sum(running.values())
    refusing = len(running) - private
    why = [f"{private} private to a running search"] if private else []
    why += [f"{refusing} that did not take our token"] if refusing else []
    there = (
        f"no Ray on this machine can be joined (there are {' and '.join(why)})"
        if why
        else "no Ray runs on this machine"
    )
    raise ClusterUnreachable(f"--address is auto, but {there}; {_REMEDY}")


def find() -> dict[str, bool]:
    """HOST:PORT of every Ray that has a node on this machine, and whether it is private to a driver of ours."""
    found: dict[str, bool] = {}
    for process in Path("/proc").glob("[0-9]*"):
        words = _words(process)
        if words and Path(words[0]).name == "raylet":
            addresses = [word.removeprefix(_GCS) for word in words if word.startswith(_GCS)]
            found |= {address: _is_private(process) for address in addresses if address}
    return found


def _is_private(raylet: Path) -> bool:
    """Whether it belongs to one driver and ends with it.

    Of another user's Ray it is seen who started it: `ray start` ends, or says so, while a driver goes on.
    """
    try:
        return any(line.startswith(f"{MARK}=".encode()) for line in (raylet / "environ").read_bytes().split(b"\0"))
    except OSError:
        words = _words(raylet.with_name(_parent(raylet)))
        return bool(words) and Path(words[0]).name.startswith("python") and "start" not in words


def _words(process: Path) -> list[str]:
    """The command line of a process; empty once it has ended."""
    try:
        return os.fsdecode((process / "cmdline").read_bytes()).split("\0")[:-1]
    except OSError:
        return []


def _parent(process: Path) -> str:
    try:
        status = (process / "stat").read_text()
    except OSError:
        return "0"
    return status.rpartition(")")[2].split()[1]  # the name of a process may hold anything
