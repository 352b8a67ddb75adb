"""Whom a search is entrusted to: heads that answer otherwise than the guarded one of test_jobs_api."""

import contextlib
import http.server
import json
import socket
import threading

import pytest

from tuner.cluster.checks.versions import ours
from tuner.cluster.head import reach
from tuner.commands.doctor import examine
from tuner.errors import BadInput, ClusterUnreachable


@contextlib.contextmanager
def server(answer, host="127.0.0.1"):
    """A web server that gives everybody the same answer, as an open head does."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):  # the name the library asks for
            self.send_response(200)
            self.end_headers()
            self.wfile.write(answer.encode())

        def log_message(self, *arguments):
            pass

    with http.server.ThreadingHTTPServer((host, 0), Handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://{host}:{running.server_port}"
        running.shutdown()


def version(number):
    return json.dumps({"ray_version": number, "version": "4", "ray_commit": "0", "session_name": "x"})


@pytest.fixture
def own_address():
    """An address of this machine that others can reach."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing; says which address would be used
            host = probe.getsockname()[0]
        except OSError:
            host = "127.0.0.1"
    if host.startswith("127."):
        pytest.skip("this machine has no address but loopback")
    return host


def test_an_open_head_that_others_can_reach_is_told_and_refused_by_doctor(own_address, tmp_path):
    with server(version(ours()), own_address) as address:
        assert "asks for no token" in reach(address).exposure
        check = next(check for check in examine(tmp_path, address, "digits") if check.name == "ray")
    assert check.ok is False
    assert "RAY_AUTH_MODE=token" in check.detail


@pytest.mark.parametrize("variable", ["RAY_ADDRESS", "RAY_API_SERVER_ADDRESS"])
def test_the_address_that_is_given_counts_and_not_a_variable_of_rays(monkeypatch, variable):
    monkeypatch.setenv(variable, "http://127.0.0.1:1")
    with server(version(ours())) as address:
        assert reach(address).client.get_address() == address


def test_an_open_head_on_loopback_is_worth_a_note(tmp_path):
    with server(version(ours())) as address:
        assert reach(address).exposure is None
        check = next(check for check in examine(tmp_path, address, "digits") if check.name == "ray")
    assert check.ok is None
    assert "listens on this machine only" in check.detail


def test_a_head_with_another_ray_is_refused():
    with (
        server(version("2.40.0")) as address,
        pytest.raises(BadInput, match=r"runs Ray 2\.40\.0, but this tuner needs"),
    ):
        reach(address)


def test_a_server_that_is_no_head_is_unreachable():
    with server("<html>") as address, pytest.raises(ClusterUnreachable, match="not the answer of a Ray head"):
        reach(address)
