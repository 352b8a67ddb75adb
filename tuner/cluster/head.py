"""The head of a running cluster, reached over HTTP: does it answer, does it ask for the token, is it a Ray we know."""

from __future__ import annotations

import importlib.metadata
import logging
import os
from dataclasses import dataclass
from typing import Any

from tuner.errors import BadInput, ClusterUnreachable
from tuner.machines import auth_token, tunnel
from tuner.machines.address import split

_PATIENCE = 60.0  # seconds to wait for an answer: long enough for a busy head, for a hang it is no difference
_OVERRIDING = ("RAY_ADDRESS", "RAY_API_SERVER_ADDRESS")


@dataclass(frozen=True)
class Head:
    """A head that accepted this user. `is_open`: it asked nobody for a token; `client` speaks Ray's Jobs API."""

    address: str
    ray_version: str
    is_open: bool
    client: Any

    @property
    def exposure(self) -> str | None:
        """What is dangerous about it, in a sentence; None when it asks for a token or listens on loopback only."""
        host, _ = split(self.address)
        if not self.is_open or tunnel.is_loopback(host):
            return None
        return (
            f"the head at {self.address} asks for no token, so whoever reaches it runs code on the cluster; start it with "
            "RAY_AUTH_MODE=token and --dashboard-host=127.0.0.1"
        )


def reach(address: str) -> Head:
    """Connect to the dashboard of a head.

    Raises:
        BadInput: the token is missing or wrong, or the head runs another Ray.
        ClusterUnreachable: nobody answers, or somebody who is no Ray.
    """
    split(address)
    address = address.rstrip("/")
    is_open = _ask(address, None).status_code == 200
    secret = auth_token.find()
    answer = _ask(address, secret)
    place = f"{auth_token.default_path()}, or name its file in RAY_AUTH_TOKEN_PATH"
    if answer.status_code == 401:
        raise BadInput(
            f"the head at {address} asks for a token, but none is set here; copy the cluster's own to {place}"
        )
    if answer.status_code == 403:
        raise BadInput(f"the head at {address} refuses the token that is set here; copy the cluster's own to {place}")
    try:
        version = str(answer.json()["ray_version"])
    except (ValueError, KeyError, TypeError):
        raise _unreachable(address, f"HTTP {answer.status_code}, not the answer of a Ray head") from None
    ours = importlib.metadata.version("ray")
    if version.split(".")[:2] != ours.split(".")[:2]:
        raise BadInput(
            f"the head at {address} runs Ray {version}, but this tuner needs Ray {ours}; install the same one"
        )
    return Head(address, version, is_open, _client(address, secret))


def here() -> str:
    """The address of the head, as a job that runs on it reaches it."""
    from ray.job_submission import JobSubmissionClient

    return str(JobSubmissionClient(headers=_headers(auth_token.find())).get_address())


def _client(address: str, secret: str | None) -> Any:
    """Ray's client; the token goes into its headers, since Ray looks for one by itself only if RAY_AUTH_MODE says so."""
    from ray.job_submission import JobSubmissionClient

    logging.getLogger("ray").setLevel(logging.ERROR)  # upload notices
    for name in ("ray.dashboard.modules.dashboard_sdk", "ray._private.runtime_env.packaging"):
        logging.getLogger(name).setLevel(logging.ERROR)
    # To Ray these variables count more than the address that is asked for; the token must not go elsewhere.
    elsewhere = {name: os.environ.pop(name) for name in _OVERRIDING if name in os.environ}
    try:
        return JobSubmissionClient(address, headers=_headers(secret))
    finally:
        os.environ |= elsewhere


def _ask(address: str, secret: str | None) -> Any:
    import requests

    try:
        return requests.get(
            f"{address}/api/version", headers=_headers(secret), timeout=_PATIENCE, allow_redirects=False
        )
    except requests.exceptions.RequestException as error:
        raise _unreachable(address, _reason(error)) from None


def _headers(secret: str | None) -> dict[str, str]:
    return {} if secret is None else {"Authorization": f"Bearer {secret}"}


def _reason(error: Exception) -> str:
    text = str(error)
    for known, short in (("refused", "connection refused"), ("timed out", f"no answer within {_PATIENCE:g} s")):
        if known in text:
            return short
    return "unknown host" if "resolve" in text else type(error).__name__


def _unreachable(address: str, reason: str) -> ClusterUnreachable:
    host, port = split(address)
    remedy = (
        f"open the tunnel with `{tunnel.command(port, host=host)}`" if tunnel.is_loopback(host) else "check the address"
    )
    return ClusterUnreachable(f"no Ray head answers at {address} ({reason}); {remedy}, and see that the cluster is up")
