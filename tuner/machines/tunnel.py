"""The command that brings ports on the loopback address of another machine to this one."""

from __future__ import annotations

import ipaddress
import os
import pwd
import socket


def command(*ports: int, host: str | None = None) -> str:
    """The ssh command to be run where the browser is; without a `host`, of ports on this machine."""
    if host is None:
        user, host = _user(), socket.gethostname()
    else:
        user, host = "USER", "HEAD" if is_loopback(host) else host
    forwarded = " ".join(f"-L {port}:127.0.0.1:{port}" for port in ports)
    return f"ssh -N {forwarded} {user}@{host}"


def is_loopback(host: str) -> bool:
    """Whether the name means this machine only; a name that is not resolved here does not."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _user() -> str:
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return "USER"  # a container may run under a number that has no name
