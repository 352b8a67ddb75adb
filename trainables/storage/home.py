"""The home folder of whoever runs this, also where there is none, and `~` in paths.

A container under a bare number (`docker --user 54321`) and some batch systems have neither HOME nor an entry in the list of
users. Libraries ask for both, so they are settled once, where a command begins: what is kept there are caches only.
"""

from __future__ import annotations

import os
import pwd
import tempfile
from pathlib import Path


class UnusablePath(ValueError):
    """A path begins with `~` and nobody knows whose folder that is, or it cannot be kept as text."""


def settle() -> None:
    """See to it that HOME and a user's name are there, for this process and those that it starts."""
    try:
        entry = pwd.getpwuid(os.getuid())
    except KeyError:
        entry = None
    if not os.path.isabs(os.environ.get("HOME", "")):
        known = entry.pw_dir if entry is not None and os.path.isabs(entry.pw_dir) else str(stand_in())
        os.environ["HOME"] = known
    if entry is None and not any(os.environ.get(name) for name in ("LOGNAME", "USER", "LNAME", "USERNAME")):
        os.environ["LOGNAME"] = f"uid{os.getuid()}"  # what Python's getpass reads first


def stand_in() -> Path:
    """The folder that stands for a home where there is none: for caches, not for results."""
    return Path(tempfile.gettempdir()) / f"tuner-home-{os.getuid()}"


def found() -> Path | None:
    """The home folder; None where there is none, or only the one that stands for it."""
    try:
        home = Path.home()
    except RuntimeError:
        return None
    return None if home == stand_in() else home


def expanded(path: str | Path) -> Path:
    """The path with `~` and `~name` replaced; `UnusablePath` where nobody of that name is known here."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        whose = Path(path).parts[0]
        reason = "this user has no home folder" if whose == "~" else f"this machine knows no user `{whose[1:]}`"
        raise UnusablePath(f"the path is {path}, but {reason}; write the path out") from None


def absolute(path: str | Path) -> Path:
    """The path as it means the same from any folder; `UnusablePath` where it cannot be kept in records, which are UTF-8."""
    whole = expanded(path).absolute()
    try:
        str(whole).encode()
    except UnicodeEncodeError:
        raise UnusablePath(
            f"the path is {os.fsencode(whole)!r}, which is not UTF-8, so it could not be kept as text; rename that folder, or "
            "use a link to it whose name is"
        ) from None
    return whole
