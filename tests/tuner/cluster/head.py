"""A Ray head as cluster.yaml starts one: token, loopback, its own home; started and ended by the tests."""

import contextlib
import os
import pty
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.tuner.warm import Warm


class TestHead:
    """A running head; `tuner` runs a command as its user does, `storage` is a folder that it reaches."""

    __test__ = False

    def __init__(self, folder: Path, dashboard: int, gcs: int) -> None:
        self.folder = folder
        self.storage = folder / "results"
        self.home = folder / "home"
        self.address = f"http://127.0.0.1:{dashboard}"
        self.dashboard_port = dashboard
        self.gcs_port = gcs

    def environment(self, **changes):
        """Of a user of this head: nothing of Ray's but what is in the home."""
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("RAY_", "PYTHONPATH"))}
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        home = {"HOME": str(self.home), "PATH": path, "RAY_USAGE_STATS_ENABLED": "0", "COLUMNS": "100"}
        return {**kept, **home, **changes}

    def start(self, *arguments, address=True, **changes):
        """`tuner ...` on this head as a process of its own, from the source tree."""
        words = list(map(str, arguments))
        if address:
            words += ["--address", self.address]
        return Warm(words, self.environment(**changes), cwd=Path(__file__).parents[3])

    def on_terminal(self, *arguments):
        """`tuner ...` to its end on a terminal of its own: (exit code, everything that was drawn)."""
        ours, theirs = pty.openpty()
        command = [sys.executable, "-m", "tuner", *map(str, arguments), "--address", self.address]
        process = subprocess.Popen(
            command,
            cwd=Path(__file__).parents[3],
            env=self.environment(TERM="xterm"),
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
        )
        os.close(theirs)
        drawn = b""
        with contextlib.suppress(OSError):  # which is how a terminal says that nobody writes any more
            while piece := os.read(ours, 65536):
                drawn += piece
        os.close(ours)
        return process.wait(timeout=60), drawn.decode(errors="replace")

    def tuner(self, *arguments, **changes):
        """`tuner ...` to its end: (exit code, everything it printed)."""
        process = self.start(*arguments, **changes)
        output, _ = process.communicate(timeout=300)
        return process.returncode, output


@contextlib.contextmanager
def running_head():
    """A head with two CPUs, whose token `tuner cluster token` has made; it is gone at the end of the block."""
    folder = Path(tempfile.mkdtemp(prefix="th-"))  # short: Ray's sockets have long names
    head = TestHead(folder, *free_ports(2))
    head.home.mkdir()
    code, output = head.tuner("cluster", "token", address=False)
    assert code == 0, output
    process = start(head)
    try:
        yield head
    finally:
        process.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=60)
        process.kill()
        shutil.rmtree(folder, ignore_errors=True)


def start(head):
    """`ray start`, tried again when it gives up: it gives a raylet 30 seconds, which a busy machine may not have."""
    agent, client = free_ports(2)
    command = ["ray", "start", "--head", "--block", "--num-cpus=2", "--num-gpus=0", "--object-store-memory=100000000"]
    command += [f"--port={head.gcs_port}", "--dashboard-host=127.0.0.1", f"--dashboard-port={head.dashboard_port}"]
    command += [f"--dashboard-agent-listen-port={agent}", f"--ray-client-server-port={client}"]
    command += [f"--temp-dir={head.folder}/r"]
    log = head.folder / "head.log"
    for _ in range(3):
        with log.open("w") as file:
            environment = head.environment(RAY_AUTH_MODE="token")
            process = subprocess.Popen(command, cwd=head.folder, env=environment, stdout=file, stderr=file)
        if has_started(process, log):
            return process
    raise AssertionError(log.read_text())


def has_started(process, log, limit=300.0):
    """Whether `ray start` comes to say that everything runs; the dashboard answers before that."""
    deadline = time.monotonic() + limit
    while process.poll() is None and time.monotonic() < deadline:
        if "Ray runtime started" in log.read_text():
            return True
        time.sleep(0.2)
    process.kill()
    return False


def free_ports(count):
    """Ports of the loopback address that nobody listens on."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [one.getsockname()[1] for one in sockets]
