"""Who can reach a cluster that a launcher file starts: whoever reaches an open one runs code on it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from trainables.storage.redaction import holds_secret
from tuner.cluster.checks import local_files
from tuner.machines import auth_token, tunnel

Config = dict[str, Any]

_SSH = 22
_DASHBOARD_HOST = re.compile(r"--dashboard-host[= ]['\"]?([^\s'\"]+)")


def starts(config: Config, part: str) -> Iterator[str]:
    """How Ray is started on the `head` or a `worker`, of a file that Ray has completed with its defaults."""
    commands = [command for command in config.get(f"{part}_start_ray_commands", []) if "ray start" in command]
    if not all("RAY_AUTH_MODE=token" in command for command in commands):
        yield (
            f"{part}_start_ray_commands: Ray starts without token authentication, so whoever reaches the node runs code "
            "on it; write `RAY_AUTH_MODE=token ray start ...`"
        )
    for host in (host for command in commands for host in _DASHBOARD_HOST.findall(command)):
        if not tunnel.is_loopback(host):
            yield (
                f"{part}_start_ray_commands: the dashboard listens on {host}; write --dashboard-host=127.0.0.1 and reach "
                "it through `ray dashboard` or an ssh tunnel"
            )


def token(config: Config, beside: Path) -> Iterator[str]:
    """Whether the nodes get the token, and nobody else can read it here."""
    shipped = [here for there, here in config.get("file_mounts", {}).items() if there.endswith(".ray/auth_token")]
    if not shipped:
        yield (
            "file_mounts ships no token, so the nodes could not authenticate; add `~/.ray/auth_token: ~/.ray/auth_token` "
            "and make the file with `tuner cluster token`"
        )
    for path in (local_files.find(here, beside) for here in shipped):
        if path is not None and os.path.isfile(path) and auth_token.readable_by_others(path):
            yield f"file_mounts: others on this machine can read the token {path}; run `tuner cluster token`, or chmod 600"


def open_ports(config: Config) -> Iterator[str]:
    """A sentence for each rule that lets everybody reach more than ssh."""
    for rule in config.get("provider", {}).get("security_group", {}).get("IpPermissions", []):
        first, last = rule.get("FromPort"), rule.get("ToPort")
        ranges = [entry.get("CidrIp") for entry in rule.get("IpRanges", [])]
        ranges += [entry.get("CidrIpv6") for entry in rule.get("Ipv6Ranges", [])]
        if (first, last) != (_SSH, _SSH) and {"0.0.0.0/0", "::/0"} & set(ranges):
            ports = "every port" if first is None or last is None else f"the ports {first} to {last}"
            yield (
                f"provider.security_group opens {ports} to everybody; open {_SSH} alone, and only to your own address"
            )


def secrets(config: Config) -> Iterator[str]:
    """A sentence for each text that holds a credential."""
    for where, text in _texts(config, ""):
        if holds_secret(text):
            yield f"{where} holds a credential; take it out of the file: mount it as a file, or use the role of the node"


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
