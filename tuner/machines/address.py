"""What --address means: a Ray that this process joins, or the dashboard of a head that a search is submitted to."""

from __future__ import annotations

from urllib.parse import urlsplit

from tuner.errors import BadInput


def is_head(address: str | None) -> bool:
    """Whether the address is the dashboard of a head, http://HOST:PORT, so that commands travel there as jobs.

    False for none, `auto` and HOST:PORT. BadInput for `ray://` and for an http address that is not well-formed.
    """
    if address is None:
        return False
    if address.startswith("ray://"):
        raise BadInput(
            f"--address is {address}, but must be `auto` or HOST:PORT of a Ray, or http://HEAD:8265 of a cluster's dashboard: "
            "Ray Client would end the search when its connection breaks; submit it to the dashboard"
        )
    if not address.startswith(("http://", "https://")):
        return False
    split(address)
    return True


def require_head(address: str, verb: str) -> None:
    """BadInput unless the address is the dashboard of a head."""
    if not is_head(address):
        raise BadInput(
            f"--address is {address}, but `tuner {verb}` reaches a cluster through its dashboard, http://HEAD:8265; on "
            "the head itself leave --address out"
        )


def split(address: str) -> tuple[str, int]:
    """Host and port of an http address; BadInput when it is not well-formed or holds a password."""
    try:
        parts = urlsplit(address)
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        raise BadInput(f"--address is {address}, but must be http://HOST:PORT; Ray's usual port is 8265") from None
    if parts.username is not None or parts.password is not None:
        raise BadInput("--address holds a user or a password; leave them out: the token is read from ~/.ray/auth_token")
    if not parts.hostname or parts.path.strip("/") or parts.query:
        raise BadInput(f"--address is {address}, but must be http://HOST:PORT; Ray's usual port is 8265")
    return parts.hostname, port
