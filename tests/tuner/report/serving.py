"""A dashboard's server inside a test."""

import contextlib
import threading
import urllib.error
import urllib.request

from tuner.report.routes import ROUTES
from tuner.report.server import Server
from tuner.report.site import Site


@contextlib.contextmanager
def served(storage, **more):
    """The address of a server of all searches of a storage."""
    with Server(Site(storage, **more), ROUTES, 0) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/"
        finally:
            server.shutdown()
            thread.join()


def answer(address, method="GET", **headers):
    """(status, body, headers) of an answer; a header is named with `_` for `-`."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    request = urllib.request.Request(address, headers=named, method=method, data=b"" if method == "POST" else None)
    try:
        with urllib.request.urlopen(request, timeout=30) as got:
            return got.status, got.read().decode(), got.headers
    except urllib.error.HTTPError as refusal:
        return refusal.code, refusal.read().decode(), refusal.headers
