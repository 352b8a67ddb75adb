"""One node of a job's Ray cluster, from its start to the end of the search. Called by the batch script on every node.

    python -m tuner.cluster.slurm.node head         writes Ray's address into RUN/address
    python -m tuner.cluster.slurm.node worker       joins RAY_ADDRESS
    python -m tuner.cluster.slurm.node wait         returns once all nodes of the job have joined

Slurm sends SIGTERM to every process of a step when it preempts a job, and a raylet that gets it ends at once, before any trial
could checkpoint. So Ray is started with SIGTERM blocked. Of the node itself SIGTERM leaves the file RUN/warned; SIGUSR2, or the
file RUN/over on the head's node, ends Ray and removes its files.
"""

from __future__ import annotations

import contextlib
import os
import resource
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from tuner.cluster.slurm import room
from tuner.machines.ray_session import ENVIRONMENT

_OBJECT_STORE = 128 * 1024**2  # bytes; trials exchange nothing but small results
_TRIES = 3  # a port that was free may be taken when Ray comes to it
_START = 120.0  # seconds that a head may take to start
_JOIN = 300.0  # seconds in which the other nodes must have joined


class Ended(Exception):
    """Somebody asked for the end."""


def main(arguments: list[str]) -> int:
    folder = room.made(Path(os.environ["RUN"]))
    if arguments == ["wait"]:
        return wait(int(os.environ["SLURM_JOB_NUM_NODES"]))
    room.sweep(folder.parent)
    room.sign(folder)
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    signal.signal(signal.SIGUSR2, _end)
    ray: subprocess.Popen[bytes] | None = None
    try:
        is_head = arguments == ["head"]
        ray = _head(folder) if is_head else _ray(folder, "worker", _worker())
        signal.signal(signal.SIGTERM, lambda *_: _note(folder / "warned"))
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
        while (code := ray.poll()) is None:
            if (folder / "over").exists():
                return 0
            time.sleep(0.2)
        print(f"tuner: Ray ended on {socket.gethostname()} with code {code}", flush=True)
        _show(folder / ("head.log" if is_head else "worker.log"))
        return code or 1
    except Ended:
        return 0
    finally:
        signal.signal(signal.SIGUSR2, signal.SIG_IGN)
        if ray is not None:
            _kill(ray)
        for _ in range(_TRIES):  # whoever is ending yet may write into it
            shutil.rmtree(folder, ignore_errors=True)
            if not folder.exists():
                break
            time.sleep(0.5)


def _note(file: Path) -> None:
    with contextlib.suppress(OSError):  # another node on this machine may have ended
        file.touch()


def _end(*_: object) -> None:
    raise Ended


def shares(environment: Mapping[str, str]) -> list[str]:
    """What of the node is the job's, as options of `ray start`, from Slurm's variables of the step.

    Without them Ray would count every CPU, card and byte of the machine, also those of others.
    """
    cpus = int(environment.get("SLURM_CPUS_ON_NODE") or os.cpu_count() or 1)
    cards = [card for card in environment.get("CUDA_VISIBLE_DEVICES", "").split(",") if card]
    gpus = environment.get("SLURM_GPUS_ON_NODE")
    found = [f"--num-cpus={cpus}", f"--num-gpus={int(gpus) if gpus is not None else len(cards)}"]
    memory = environment.get("SLURM_MEM_PER_NODE")  # MiB
    each = environment.get("SLURM_MEM_PER_CPU")
    total = int(memory) if memory else int(each) * cpus if each else 0
    if total > 0:  # zero is all that the node has, which Ray finds by itself
        found.append(f"--memory={total * 2**20}")
    return found


def _head(folder: Path) -> subprocess.Popen[bytes]:
    """A head that has started; its address in the folder."""
    for _ in range(_TRIES):
        (folder / "r" / "ray_current_cluster").unlink(missing_ok=True)
        dashboard, client = _free_ports(2)
        # `tuner dashboard` reads the records; Ray's own would be one more door.
        options = ["--head", "--port=0", "--include-dashboard=false"]
        options += ["--dashboard-host=127.0.0.1", f"--dashboard-port={dashboard}"]
        options += [f"--ray-client-server-port={client}", f"--temp-dir={folder}/r", *_own_address()]
        ray = _ray(folder, "head", options)
        address = _started(ray, folder)
        if address is not None:
            print(f"tuner: Ray's head is {address}", flush=True)
            (folder / "address.new").write_text(address)
            (folder / "address.new").rename(folder / "address")
            return ray
        _kill(ray)
        _show(folder / "head.log")
    raise SystemExit(3)


def _worker() -> list[str]:
    [client] = _free_ports(1)
    return [f"--address={os.environ['RAY_ADDRESS']}", f"--ray-client-server-port={client}"]


def _ray(folder: Path, name: str, options: list[str]) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "ray.scripts.scripts", "start", "--block", "--dashboard-agent-listen-port=0"]
    command += [f"--object-store-memory={_OBJECT_STORE}", *options, *shares(os.environ)]
    # Slurm brings the limits of the login node along, where few files may be open at once.
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    # Ray's own watch over memory looks at the whole machine, where others may use theirs: Slurm sees to ours.
    own = ENVIRONMENT | {"RAY_memory_monitor_refresh_ms": "0", "PYTHONSAFEPATH": "1"}
    with (folder / f"{name}.log").open("wb") as log:
        return subprocess.Popen(command, stdout=log, stderr=log, env=own | os.environ | {"RAY_TMPDIR": str(folder)})


def _started(ray: subprocess.Popen[bytes], folder: Path) -> str | None:
    """The address of a head once it has started; None when it gave up."""
    deadline = time.monotonic() + _START
    while ray.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(OSError):
            has_started = "Ray runtime started" in (folder / "head.log").read_text(errors="replace")
            if has_started and (address := (folder / "r" / "ray_current_cluster").read_text().strip()):
                return address
        time.sleep(0.1)
    return None


def _own_address() -> list[str]:
    """The address by which Slurm's other nodes know this one, unless only this machine knows it by that."""
    try:
        address = socket.gethostbyname(os.environ.get("SLURMD_NODENAME", ""))
    except OSError:
        return []
    return [] if not address or address.startswith(("127.", "0.")) else [f"--node-ip-address={address}"]


def wait(count: int) -> int:
    """Wait until so many nodes have joined; after a while go on with those that have."""
    if count == 1:
        return 0
    import ray

    ray.init(os.environ["RAY_ADDRESS"], log_to_driver=False, logging_level="error")
    deadline = time.monotonic() + _JOIN
    while (joined := sum(node["Alive"] for node in ray.nodes())) < count:
        if time.monotonic() > deadline:
            print(
                f"tuner: {joined} of {count} nodes have joined in {_JOIN:g} s: the search begins with them", flush=True
            )
            break
        time.sleep(0.2)
    ray.shutdown()
    return 0


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.create_server(("", 0))) for _ in range(count)]
        return [one.getsockname()[1] for one in sockets]


def _kill(ray: subprocess.Popen[bytes]) -> None:
    """End a Ray: the kernel ends with `ray start --block` what it has started, and Slurm whatever is left of the step."""
    ray.kill()
    ray.wait()


def _show(log: Path) -> None:
    with contextlib.suppress(OSError):
        print("\n".join(log.read_text(errors="replace").splitlines()[-30:]), flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
