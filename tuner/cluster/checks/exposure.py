"""Who can reach a cluster that a launcher file starts: whoever reaches an open one runs code on it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from trainables.storage.redaction import holds_secret
from tuner.machines import auth_token, tunnel

Config = dict[str, Any]

_SSH = 22
_DASHBOARD_HOST = re.compile(r"--dashboard-host[= ]['\"]?([^\s'\"]+)")


def problems(config: Config) -> Iterator[str]:
    """Each problem in a sentence, of a file that Ray has completed with its defaults."""
    for part in ("head", "worker"):
        commands = [str(command) for command in config.get(f"{part}_start_ray_commands", [])]
        starts = [command for command in commands if "ray start" in command]
        if not all("RAY_AUTH_MODE=token" in command for command in starts):
            yield (
                f"{part}_start_ray_commands: Ray starts without token authentication, so whoever reaches the node runs code "
                "on it; write `RAY_AUTH_MODE=token ray start ...`"
            )
        for host in (host for command in starts for host in _DASHBOARD_HOST.findall(command)):
            if not tunnel.is_loopback(host):
                yield (
                    f"{part}_start_ray_commands: the dashboard listens on {host}; write --dashboard-host=127.0.0.1 and reach "
                    "it through `ray dashboard` or an ssh tunnel"
                )
    yield from _token(config)
    yield from _open_ports(config)
    for where, text in _texts(config, ""):
        if holds_secret(text):
            yield f"{where} holds a credential; take it out of the file: mount it as a file, or use the role of the node"


def _token(config: Config) -> Iterator[str]:
    mounts = {str(there): str(here) for there, here in config.get("file_mounts", {}).items()}
    shipped = [here for there, here in mounts.items() if there.endswith(".ray/auth_token")]
    if not shipped:
        yield (
            "file_mounts ships no token, so the nodes could not authenticate; add `~/.ray/auth_token: ~/.ray/auth_token` "
            "and make the file with `tuner cluster token`"
        )
    for path in (Path(here).expanduser() for here in shipped):
        if path.is_file() and auth_token.readable_by_others(path):
            yield f"file_mounts: others on this machine can read the token {path}; run `tuner cluster token`, or chmod 600"


def _open_ports(config: Config) -> Iterator[str]:
    for rule in config.get("provider", {}).get("security_group", {}).get("IpPermissions", []):
        ports = (rule.get("FromPort"), rule.get("ToPort"))
        ranges = [entry.get("CidrIp") for entry in rule.get("IpRanges", [])]
        ranges += [entry.get("CidrIpv6") for entry in rule.get("Ipv6Ranges", [])]
        if ports != (_SSH, _SSH) and {"0.0.0.0/0", "::/0"} & set(ranges):
            yield (
                f"provider.security_group opens the ports {ports[0]} to {ports[1]} to everybody; open {_SSH} alone, and only "
                "to your own address"
            )


def _texts(value: Any, where: str) -> Iterator[tuple[str, str]]:
    """Every text of the file with its place."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _texts(item, f"{where}.{key}" if where else str(key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _texts(item, f"{where}[{index}]")
    elif isinstance(value, str):
        yield where, value
