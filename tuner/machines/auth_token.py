"""The token that a Ray head asks for: where it is looked for, and how it is made so that only its owner reads it."""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from trainables.storage import home
from tuner.errors import BadInput


def default_path() -> Path:
    """Where Ray, and so every command here, looks for the token when no variable names another place."""
    return (home.found() or home.stand_in()) / ".ray" / "auth_token"


def find() -> str | None:
    """The token of this user, in Ray's own order: RAY_AUTH_TOKEN, the file RAY_AUTH_TOKEN_PATH, `~/.ray/auth_token`.

    None when there is none, or when RAY_AUTH_MODE is `disabled`. BadInput when the file that was named cannot be read.
    """
    if os.environ.get("RAY_AUTH_MODE", "").lower() == "disabled":
        return None
    if token := os.environ.get("RAY_AUTH_TOKEN", "").strip():
        return token
    named = os.environ.get("RAY_AUTH_TOKEN_PATH")
    try:
        path = home.expanded(named) if named else default_path()
    except home.UnusablePath as error:
        raise BadInput(f"RAY_AUTH_TOKEN_PATH says where the token is, and {error}") from None
    if not named and not path.exists():
        return None
    try:
        token = path.read_text().strip()
    except OSError as error:
        raise BadInput(
            f"cannot read the token file {path} ({error.strerror}); restore it or correct the path"
        ) from None
    if not token:
        raise BadInput(f"the token file {path} is empty; put the cluster's token into it, or remove it")
    return token


def readable_by_others(path: Path) -> bool:
    """Whether somebody other than its owner may read or write the file."""
    return bool(stat.S_IMODE(path.stat().st_mode) & 0o077)


def ensure() -> tuple[Path, bool]:
    """The token file, made when missing, readable by its owner alone from then on; and whether it was made now.

    Ray's own `ray get-auth-token --generate` leaves the file readable by everybody on the machine.
    """
    path = default_path()
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        path.chmod(0o600)
        return path, False
    with os.fdopen(file, "w") as stream:
        stream.write(secrets.token_hex(32))
    return path, True


def authenticate(variables: Mapping[str, str]) -> None:
    """Let the Ray of this process ask for, and show, the token that these variables of the environment hold."""
    from ray import _raylet

    os.environ |= {"RAY_AUTH_MODE": "token", **variables}
    ray_core: Any = _raylet
    ray_core.Config.initialize("")  # Ray read its settings when it was imported
    ray_core.AuthenticationTokenLoader.instance().reset_cache()
