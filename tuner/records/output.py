"""Files written for a person: whole or not at all, and a path that cannot be written is said in one sentence."""

from __future__ import annotations

import contextlib
import glob
from pathlib import Path

from trainables.storage import temporary
from tuner.errors import BadInput, sentence
from tuner.records.paths import expanded


def require_writable(path: Path) -> Path:
    """The absolute path, or `BadInput` when no file can be written there; nothing is left behind."""
    target = expanded(path).absolute()
    if target.is_dir():
        raise BadInput(f"cannot write {target}: it is a folder; name a file in it")
    try:
        probe = _temporary(target)
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise _unwritable(target, error) from None
    return target


def write(path: Path, content: bytes) -> Path:
    """Write under a temporary name and rename into place; returns the absolute path. `BadInput` when that fails."""
    target = require_writable(path)
    unfinished = _temporary(target)
    try:
        unfinished.write_bytes(content)
        unfinished.replace(target)
    except OSError as error:
        unfinished.unlink(missing_ok=True)
        raise _unwritable(target, error) from None
    with contextlib.suppress(OSError):
        for left_by_a_kill in target.parent.glob(f".{glob.escape(target.name)}.*.tmp"):
            if temporary.owner_is_dead(left_by_a_kill.name):
                left_by_a_kill.unlink()
    return target


def _temporary(target: Path) -> Path:
    return target.with_name(f".{target.name}.{temporary.mark()}.tmp")


def _unwritable(target: Path, error: OSError) -> BadInput:
    return BadInput(f"cannot write {target} ({sentence(error)}); choose another path")
