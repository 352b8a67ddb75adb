"""Who drives an experiment: the process that a lock's entry names, and whether it is known to be gone."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import socket
from dataclasses import asdict, dataclass, field
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError


def this_machine() -> str:
    """Tells machines, and the containers on one, apart: process ids mean something within one of them only."""
    with contextlib.suppress(OSError):
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot} {os.readlink('/proc/self/ns/pid')}"
    return socket.gethostname()


@dataclass(frozen=True)
class Owner:
    """One holder of a lock; by default this process, this time."""

    pid: int = field(default_factory=os.getpid)
    host: str = field(default_factory=socket.gethostname)
    machine: str = field(default_factory=this_machine)
    token: str = field(default_factory=lambda: secrets.token_hex(8))

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}" if self.pid else "another process"

    @property
    def is_here(self) -> bool:
        """Whether it is, or was, a process of this machine."""
        return self.machine == this_machine()

    @property
    def is_alive(self) -> bool:
        """Whether this machine has a process of its number."""
        if self.pid < 1:
            return False
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            return True
        return True

    def entry(self) -> bytes:
        return json.dumps(asdict(self)).encode()


class _Entry(BaseModel):
    """What an entry must hold."""

    model_config = ConfigDict(strict=True)

    pid: int = Field(ge=0, le=2**31)
    host: str
    machine: str
    token: str


UNKNOWN = Owner(0, "", "", "")


def read_owner(entry: bytes) -> Owner | None:
    """The owner that an entry names, None for an empty one; one that cannot be read is somebody unknown."""
    if not entry:
        return None
    try:
        said = _Entry.model_validate_json(entry)
    except ValidationError:
        return UNKNOWN
    return Owner(said.pid, said.host, said.machine, said.token)
