"""A dashboard's server inside a test."""

import contextlib
import threading
import urllib.error
import urllib.request

from tuner.report.routes import ROUTES
from tuner.report.server import Server
from tuner.report.site import Site


def pressed(address, token, body=b'{"action": "stop"}', method="POST", **headers):
    """(status, text) of a request as the buttons of a search send it, with `headers` changed; None leaves one out."""
    origin = "/".join(address.split("/")[:3])
    sent = {"Origin": origin, "Content-Type": "application/json", "Sec-Fetch-Site": "same-origin", **headers}
    where = f"{address}act.json" + ("" if token is None else f"?token={token}")
    status, text, _ = answer(where, method, body, **sent)
    return status, text


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


def answer(address, method="GET", body=None, **headers):
    """(status, body, headers) of an answer; a header is named with `_` for `-`, and None leaves it out."""
    named = {name.replace("_", "-"): value for name, value in headers.items() if value is not None}
    data = b"" if method == "POST" and body is None else body
    request = urllib.request.Request(address, headers=named, method=method, data=data)
    try:
        with urllib.request.urlopen(request, timeout=30) as got:
            return got.status, got.read().decode(), got.headers
    except urllib.error.HTTPError as refusal:
        return refusal.code, refusal.read().decode(), refusal.headers
