"""`tuner ...` as a process of its own that begins warm: forked from one that has imported what every search imports.

The imports are most of what a short command costs, and the tests run hundreds of them. Between the process that forks and the
command stands one that waits for it, as a shell would; signals go to the command itself.
"""

import atexit
import importlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time

# What is looked at when modules are imported, and so must be the same in the process that has imported them.
_AT_IMPORT = ("RAY_", "PYTHON", "OMP_", "COLUMNS", "LINES", "MPL", "NO_COLOR", "TERM")
_IMPORTED = ("ray.tune", "tuner.experiment.launching", "tuner.experiment.trials")
_servers = {}


class Warm:
    """A command that runs, with what the tests use of `subprocess.Popen`; standard error goes to standard output."""

    def __init__(self, arguments, environment, cwd=None):
        request = {"arguments": arguments, "environment": environment, "cwd": str(cwd or os.getcwd())}
        self.args = ["tuner", *arguments]
        read_output, write_output = os.pipe()
        self._status, write_status = os.pipe()
        channel = _server(environment)
        channel.sendall(b"%10d" % len(text := json.dumps(request).encode()))
        socket.send_fds(channel, [text], [write_output, write_status])
        os.close(write_output)
        os.close(write_status)
        self.stdout = open(read_output, errors="replace")  # noqa: SIM115  closed by `communicate`
        self.pid = int(os.read(self._status, 10))
        self.returncode = None
        self._reader, self._said = None, ""

    def poll(self):
        return self._wait(0)

    def wait(self, timeout=None):
        if self._wait(timeout) is None:
            raise subprocess.TimeoutExpired(self.args, timeout)
        return self.returncode

    def communicate(self, timeout=None):
        """(everything that it printed and nobody has read, None), once it has ended."""
        until = time.monotonic() + timeout if timeout else None
        if self._reader is None:
            self._reader = threading.Thread(target=self._read, daemon=True)
            self._reader.start()
        self._reader.join(timeout)
        if self._reader.is_alive():
            raise subprocess.TimeoutExpired(self.args, timeout)
        self.wait(max(1.0, until - time.monotonic()) if until else None)
        return self._said, None

    def _read(self):
        if not self.stdout.closed:
            self._said += self.stdout.read()
            self.stdout.close()

    def send_signal(self, number):
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self):
        self.send_signal(signal.SIGKILL)

    def _wait(self, timeout):
        if self.returncode is None and _readable(self._status, timeout):
            self.returncode = os.waitstatus_to_exitcode(int(os.read(self._status, 10)))
            os.close(self._status)
        return self.returncode


def _readable(descriptor, timeout):
    """Whether there is something to read in that time; poll, since select takes no descriptor above 1023."""
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(None if timeout is None else 1000 * timeout))


def _server(environment):
    """The channel to the process that forks commands with such an environment; started where there is none."""
    key = frozenset(item for item in environment.items() if item[0].startswith(_AT_IMPORT))
    if key not in _servers:
        ours, theirs = socket.socketpair()
        subprocess.Popen(
            [sys.executable, "-c", f"from tests.tuner import warm; warm.serve({theirs.fileno()})"],
            pass_fds=[theirs.fileno()],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,  # not a terminal's, and nobody writes there
            cwd=os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))),
        )
        theirs.close()
        atexit.register(ours.close)
        _servers[key] = ours
    return _servers[key]


def serve(number):
    """Fork a command for each request until the other end is closed."""
    for name in _IMPORTED:
        importlib.import_module(name)
    from tuner import cli

    channel = socket.socket(fileno=number)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # whoever waited for a command is waited for by nobody
    while size := channel.recv(10, socket.MSG_WAITALL):
        text, descriptors, *_ = socket.recv_fds(channel, int(size), 2)
        while len(text) < int(size):
            text += channel.recv(int(size) - len(text))
        if os.fork() == 0:
            channel.close()
            _attend(json.loads(text), *descriptors, cli.main)
        for descriptor in descriptors:
            os.close(descriptor)


def _attend(request, output, status, main):
    """Fork the command, say its number, wait for it and say how it ended."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    child = os.fork()
    if child == 0:
        os.dup2(output, 1)
        os.dup2(output, 2)
        os.closerange(3, max(output, status) + 1)
        os.chdir(request["cwd"])
        os.environ.clear()
        os.environ.update(request["environment"])
        sys.argv = ["tuner", *request["arguments"]]
        sys.path.insert(0, "")
        main()
        raise AssertionError("the command line did not end")
    os.close(output)
    os.write(status, b"%10d" % child)
    _, ended = os.waitpid(child, 0)
    os.write(status, b"%10d" % ended)
    os._exit(0)
