"""Files written for a person: whole or not at all, and a path that cannot be written is said in one sentence."""

from __future__ import annotations

from pathlib import Path

from trainables.storage.whole import unfinished_name, whole
from tuner.errors import BadInput, sentence
from tuner.records.paths import expanded


def require_writable(path: Path) -> Path:
    """The absolute path, or `BadInput` when no file can be written there; nothing is left behind."""
    target = expanded(path).absolute()
    if target.is_dir():
        raise BadInput(f"cannot write {target}: it is a folder; name a file in it")
    try:
        probe = unfinished_name(target)
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise _unwritable(target, error) from None
    return target


def write(path: Path, content: bytes) -> Path:
    """Write whole or not at all; returns the absolute path. `BadInput` when that fails."""
    target = require_writable(path)
    try:
        with whole(target) as file:
            file.write(content)
    except OSError as error:
        raise _unwritable(target, error) from None
    return target


def _unwritable(target: Path, error: OSError) -> BadInput:
    return BadInput(f"cannot write {target} ({sentence(error)}); choose another path")
