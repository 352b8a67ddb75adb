"""The files of this machine that a launcher file names: read from where `ray up` runs, which may not be beside the file."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

Config = dict[str, Any]


def find(named: str, beside: Path) -> Path | None:
    """The file or folder that is named, from the working directory as `ray up` reads it, else from a folder; None if missing.

    `os.path` answers for every text, where `Path` raises for `~nobody`, a name that is too long or a folder without rights.
    """
    home = os.path.expanduser(named)
    return next((Path(path) for path in (home, os.path.join(beside, home)) if os.path.exists(path)), None)


def only_beside(config: Config, beside: Path) -> list[str]:
    """What is named relatively and not found in the working directory, but in that folder: `ray up` must run there."""
    return [
        named
        for named in _named(config)
        if not os.path.exists(os.path.expanduser(named)) and find(named, beside) is not None
    ]


def _named(config: Config) -> Iterator[str]:
    mounts, auth = config.get("file_mounts"), config.get("auth")
    found = list(mounts.values()) if isinstance(mounts, dict) else []
    found += [auth.get("ssh_private_key"), auth.get("ssh_public_key")] if isinstance(auth, dict) else []
    yield from (named for named in found if isinstance(named, str))
