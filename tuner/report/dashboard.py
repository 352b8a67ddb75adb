"""The dashboard as a command: all searches of a storage, or one with its TensorBoard, on the loopback address until Ctrl-C."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from trainables.process import child_process
from tuner.errors import BadInput, TunerError, sentence
from tuner.machines import tunnel
from tuner.records import paths as records
from tuner.records.lock import is_held
from tuner.records.paths import ExperimentPaths
from tuner.report.acting import Actor
from tuner.report.routes import ROUTES, path_of
from tuner.report.server import HOST, Server
from tuner.report.site import Site
from tuner.results import all_searches
from tuner.tensorboard import writer as tensorboard
from tuner.tensorboard.feed import Follower

_LOOK = 1.0  # seconds between two looks for an experiment that is not there yet
_TRIES = 20  # ports looked at from the one asked for


def awaited(name: str, storage: str | None, tell: Callable[[str], None]) -> ExperimentPaths | None:
    """The experiment of that name as soon as there is one; None when Ctrl-C ended the waiting.

    Raises:
        BadInput: it cannot be the name of an experiment, or the storage cannot be looked at.
    """
    try:
        return records.experiment(name, storage)
    except records.NoExperiment as error:
        if "/" not in name:
            records.check_name(name)
        tell(f"{error}; waiting until it is launched (Ctrl-C ends it)")
    with contextlib.suppress(KeyboardInterrupt):
        while True:
            time.sleep(_LOOK)
            with contextlib.suppress(records.NoExperiment):
                return records.experiment(name, storage)
    return None


def serve_all(storage: str | None, port: int, tell: Callable[[str], None], actor: Actor | None = None) -> None:
    """Serve the page of all searches of a storage, and those of each, until it is interrupted.

    Many that were never looked at take some seconds to be read, which begins at once.

    Args:
        actor: runs the commands of buttons, for whoever has its token; None: the pages only read.

    Raises:
        BadInput: the storage cannot be listed, or no port is free.
    """
    root = records.storage_root(storage)
    count = len(all_searches.experiments(root, storage))
    described = records.described(root, storage)
    site = Site(root, described, actor=actor)
    chosen = _free_port(port, tell)
    with Server(site, ROUTES, chosen) as server:
        searches = f"{count} search{'' if count == 1 else 'es'}"
        tell(f"{searches} in {described}: {_address(chosen)}{_token(actor)} (Ctrl-C ends it)")
        tell(f"from another machine, first: {tunnel.command(chosen)}")
        threading.Thread(target=_looked_through, args=(site,), daemon=True).start()
        with contextlib.suppress(KeyboardInterrupt):
            server.serve_forever()
    _tell_what_goes_on(actor, tell)


def _looked_through(site: Site) -> None:
    with contextlib.suppress(TunerError):  # whoever asks will be told
        site.all.newest()


def serve(paths: ExperimentPaths, port: int, tell: Callable[[str], None], actor: Actor | None = None) -> None:
    """Serve the report of an experiment, and TensorBoard on the next free port, until it is interrupted.

    The event files are rebuilt from the records first unless a search writes them. Those of an experiment on S3 are made
    here and follow its records.

    Args:
        actor: as for `serve_all`.

    Raises:
        BadInput: the experiment cannot be read, or no port is free.
    """
    site = Site(paths.root.parent, actor=actor)
    site.feed(paths.name).newest()
    chosen = _free_port(port, tell)
    beside = free_port(chosen + 1)
    on_disk = isinstance(paths.root, Path)
    if on_disk and not is_held(paths.lock):
        try:
            tensorboard.rebuild(paths)
        except OSError as error:  # somebody else's experiment, a mount that only reads, a full disk
            on_disk, paths = False, paths.elsewhere()
            tell(f"event files cannot be written in {paths.root} ({sentence(error)}); they are in {paths.tensorboard}")
    with (
        contextlib.nullcontext() if on_disk else Follower(paths),
        Server(site, ROUTES, chosen) as server,
        _tensorboard(paths, beside, tell),
    ):
        site.tensorboard[paths.name] = _address(beside)
        tell(f"report of {paths.name}: {_address(chosen, path_of(paths.name))}{_token(actor)} (Ctrl-C ends it)")
        tell(f"TensorBoard: {_address(beside)}")
        tell(f"from another machine, first: {tunnel.command(chosen, beside)}")
        with contextlib.suppress(KeyboardInterrupt):
            server.serve_forever()
    _tell_what_goes_on(actor, tell)


def _token(actor: Actor | None) -> str:
    """What makes an address one that may act; whoever has it may."""
    return "" if actor is None else f"?token={actor.token}"


def _tell_what_goes_on(actor: Actor | None, tell: Callable[[str], None]) -> None:
    for run in actor.under_way() if actor is not None else ():
        tell(f"`{run.command}` goes on without this page (process {run.pid})")


@contextlib.contextmanager
def _tensorboard(paths: ExperimentPaths, port: int, tell: Callable[[str], None]) -> Iterator[None]:
    """TensorBoard as a child inside the block; when it ends by itself, that is told in one sentence."""
    command = child_process.python("-m", "tensorboard.main", "--logdir", str(paths.tensorboard))
    with tempfile.TemporaryFile("w+", errors="backslashreplace") as errors:
        board = subprocess.Popen(
            [*command, "--host", HOST, "--port", str(port)], stderr=errors, env=child_process.environment()
        )
        leaving = threading.Event()

        def watch() -> None:
            code = board.wait()
            if not leaving.is_set():
                errors.seek(0)
                how = child_process.ending(code, errors.read())
                tell(f"TensorBoard {how}; the report goes on. Start the dashboard again for TensorBoard")

        watcher = threading.Thread(target=watch, daemon=True)
        watcher.start()
        try:
            yield
        finally:
            leaving.set()
            board.terminate()
            watcher.join()


def _address(port: int, path: str = "/") -> str:
    return f"http://{HOST}:{port}{path}"


def _free_port(asked: int, tell: Callable[[str], None]) -> int:
    chosen = free_port(asked)
    if chosen != asked:
        tell(f"port {asked} is busy; using {chosen}")
    return chosen


def free_port(first: int) -> int:
    """The first free loopback port from `first` on; BadInput after twenty busy ones."""
    for port in range(first, first + _TRIES):
        with socket.socket() as probe:
            try:
                probe.bind((HOST, port))
            except (OSError, OverflowError):
                continue
            return port
    raise BadInput(f"the ports {first} to {first + _TRIES - 1} are all busy; give another --port")
