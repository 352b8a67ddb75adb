"""The ssh command that leads to a port on loopback."""

import socket

import pytest

from tuner.machines import tunnel


def test_it_names_this_machine_or_the_one_asked_for():
    assert tunnel.command(6006).startswith("ssh -N -L 6006:127.0.0.1:6006 ")
    assert tunnel.command(6006).endswith(f"@{socket.gethostname()}")
    assert tunnel.command(1, 2).startswith("ssh -N -L 1:127.0.0.1:1 -L 2:127.0.0.1:2 ")
    assert tunnel.command(8265, host="head.example.com") == "ssh -N -L 8265:127.0.0.1:8265 USER@head.example.com"
    assert tunnel.command(8265, host="127.0.0.1").endswith("USER@HEAD")


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("localhost", True),
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("[::1]", True),
        ("0.0.0.0", False),
        ("::", False),
        ("10.0.0.1", False),
        ("localhost.example.com", False),
    ],
)
def test_loopback_is_this_machine_only(host, loopback):
    assert tunnel.is_loopback(host) is loopback
