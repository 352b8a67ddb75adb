"""TensorBoard on one experiment, on the loopback address, until Ctrl-C."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from tuner import tensorboard, tunnel
from tuner.errors import BadInput
from tuner.lock import is_held
from tuner.paths import ExperimentPaths
from tuner.tensorboard_feed import Follower

_TRIES = 20  # ports looked at from the one asked for


def serve(paths: ExperimentPaths, port: int, tell: Callable[[str], None]) -> None:
    """Run TensorBoard until it is interrupted; the event files are rebuilt from the records first unless a search writes
    them. Those of an experiment on S3 are made here and follow its records."""
    if not isinstance(paths.root, Path):
        with Follower(paths):
            _serve(paths, port, tell)
        return
    if not is_held(paths.lock):
        tensorboard.rebuild(paths)
    _serve(paths, port, tell)


def _serve(paths: ExperimentPaths, port: int, tell: Callable[[str], None]) -> None:
    chosen = free_port(port)
    if chosen != port:
        tell(f"port {port} is busy; using {chosen}")
    tell(f"TensorBoard for {paths.name}: http://127.0.0.1:{chosen}/ (Ctrl-C ends it)")
    tell(f"from another machine, first: {tunnel.command(chosen)}")
    command = [sys.executable, "-m", "tensorboard.main", "--logdir", str(paths.tensorboard)]
    server = subprocess.Popen([*command, "--host", "127.0.0.1", "--port", str(chosen)], stderr=subprocess.DEVNULL)
    try:
        server.wait()
    except KeyboardInterrupt:
        server.terminate()
        server.wait()


def free_port(first: int) -> int:
    """The first free loopback port from `first` on; BadInput after twenty busy ones."""
    for port in range(first, first + _TRIES):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise BadInput(f"the ports {first} to {first + _TRIES - 1} are all busy; give another --port")
