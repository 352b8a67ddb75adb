"""Who drives an experiment: the process that a lock's entry names, and whether it is known to be gone."""

from __future__ import annotations

import json
import os
import secrets
import socket
from dataclasses import asdict, dataclass, field

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from trainables.storage import temporary
from trainables.storage.temporary import this_machine


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
        return self.pid > 0 and temporary.is_alive(self.pid)

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
