"""The private Ray of one driver: started on this machine, guarded by a token of its own, ended with its process."""

from __future__ import annotations

import contextlib
import logging
import os
import secrets
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from trainables.storage import probe
from tuner.errors import BadInput, ClusterUnreachable, sentence
from tuner.machines import auth_token

# In the environment of everything that belongs to a private Ray, so that `--address auto` leaves it alone.
MARK = "TUNER_PRIVATE_RAY"
QUIET = {"log_to_driver": False, "logging_level": logging.ERROR, "configure_logging": True}
_OBJECT_STORE = 128 * 1024**2  # bytes; trials exchange nothing but small results
_LONGEST_SOCKET = 107  # bytes of a path that the kernel takes
_LEAST_FREE = 32 * 1024**2  # bytes of the temporary folder, for sockets, ports and logs
_REASON = 160  # characters of Ray's own account


def start(**job: Any) -> None:
    """Start it and connect to it.

    Args:
        job: what `ray.init` is told of the job, beside what every private Ray is.

    Raises:
        BadInput: the temporary folder cannot be used.
        ClusterUnreachable: Ray did not start, with its reason in one sentence.
    """
    import ray

    folder = require_folder()
    _require_token()
    os.environ[MARK] = str(os.getpid())
    try:
        with _deaf_to_hangups(), _lean():
            ray.init("local", include_dashboard=False, object_store_memory=_OBJECT_STORE, **QUIET, **job)
    except Exception as error:  # OSError, RuntimeError, TimeoutError, ... for whatever Ray lacks
        with contextlib.suppress(Exception):
            ray.shutdown()
        raise ClusterUnreachable(
            f"no private Ray could be started on this machine ({_reason(error)}); see that {folder} has room, or set RAY_TMPDIR "
            "to another short folder on a local disk"
        ) from None
    finally:
        os.environ.pop(MARK, None)


def require_folder() -> Path:
    """The folder that Ray keeps its sockets and logs in; BadInput when it is too long a path, too full, or read-only."""
    name = next((name for name in ("RAY_TMPDIR", "TMPDIR") if name in os.environ), None)
    folder = Path(os.environ[name] if name else "/tmp") / "ray"
    called = f"{name} is {folder.parent}" if name else f"Ray's temporary folder is {folder.parent}"
    # SESSION/sockets/plasma_store, where SESSION holds the time in microseconds and the number of the process.
    session = len(f"/session_2026-01-01_00-00-00_000000_{os.getpid()}/sockets/plasma_store")
    most = _LONGEST_SOCKET - session - len("/ray")
    length = len(os.fsencode(folder.parent.absolute()))
    if length > most:
        raise BadInput(
            f"{called}, a path of {length} bytes, but the sockets of a private Ray need one of at most {most}; set "
            "RAY_TMPDIR to a short folder on a local disk, such as /tmp"
        )
    try:
        probe(folder)
        free = shutil.disk_usage(next(path for path in (folder, *folder.parents) if path.exists())).free
    except OSError as error:
        raise BadInput(
            f"{called}, but nothing can be written there ({sentence(error)}); set RAY_TMPDIR to a folder that can"
        ) from None
    if free < _LEAST_FREE:
        raise BadInput(
            f"{called}, which has {free / 2**20:.0f} MiB left, but a private Ray needs {_LEAST_FREE / 2**20:.0f} MiB; make room "
            "there, or set RAY_TMPDIR to another short folder"
        )
    return folder.parent


def _require_token() -> None:
    """Let the private Ray ask for a token that only this process and its children know, unless the user chose a mode.

    Even a private Ray listens on every interface and runs code for whoever reaches it. Left to itself, it asks for
    nothing, or writes a token into the user's home that later commands trip over.
    """
    if "RAY_AUTH_MODE" not in os.environ:
        auth_token.authenticate({"RAY_AUTH_TOKEN": secrets.token_hex(32)})


@contextlib.contextmanager
def _deaf_to_hangups() -> Iterator[None]:
    """What is started in the block never gets SIGHUP; one that comes meanwhile reaches this process afterwards.

    A terminal that is closed signals everything in its foreground, but the workers are to finish their epochs.
    """
    former = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, former)


@contextlib.contextmanager
def _lean() -> Iterator[None]:
    """What is started in the block has no autoscaler, no dashboard and nobody who reads the logs of workers to the driver.

    Ray starts those three Pythons for any cluster, and waits for the dashboard although it is to include none.
    """
    from ray._private.node import Node

    names = [name for name in ("start_monitor", "start_api_server", "start_log_monitor") if hasattr(Node, name)]
    former = {name: getattr(Node, name) for name in names}
    for name in names:
        setattr(Node, name, _nothing)
    try:
        yield
    finally:
        for name, method in former.items():
            setattr(Node, name, method)


def _nothing(node: object, **options: object) -> None:
    """In the place of a method that starts a process."""


def _reason(error: Exception) -> str:
    """The first line of what Ray says, without its internals."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0] if len(lines[0]) <= _REASON else f"{lines[0][:_REASON]}..."
