"""Tests of telling a person elsewhere: over HTTP to a server of this process."""

import http.server
import json
import threading
import time

import pytest

from tuner.errors import BadInput
from tuner.experiment import notify
from tuner.records import manifest


@pytest.fixture
def hook():
    """(URL, what was posted, codes to answer with first)."""
    posted, codes = [], []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            posted.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(codes.pop(0) if codes else 200)
            self.end_headers()

        def log_message(self, *given):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/services/SECRET", posted, codes
    server.shutdown()


def test_one_post_says_name_state_best_and_what_to_do(hook):
    url, posted, _ = hook
    assert notify.post(url, notify.message("first", "finished", "best: trial 3", ["tuner confirm first"])) is None
    [content] = posted
    assert content["text"] == "tuner: first is finished. best: trial 3\n`tuner confirm first`"
    assert (content["name"], content["state"], content["commands"]) == ("first", "finished", ["tuner confirm first"])


def test_it_is_tried_again(hook, monkeypatch):
    url, posted, codes = hook
    monkeypatch.setattr(notify, "WAITS", (0.0, 0.01, 0.01))
    codes += [500, 503]
    assert notify.post(url, notify.message("first", "failed", None, [])) is None
    assert len(posted) == 3


def test_nobody_there_delays_the_end_by_seconds_and_is_told_without_the_secret(monkeypatch):
    monkeypatch.setattr(notify, "WAITS", (0.0, 0.1))
    before = time.monotonic()
    told = notify.post("http://127.0.0.1:9/services/SECRET", notify.message("first", "needs a person", None, []))
    assert time.monotonic() - before < 6
    assert told is not None
    assert told.startswith("nobody was notified: 127.0.0.1 (")
    assert "SECRET" not in told


@pytest.mark.parametrize(
    "url", ["ftp://host/SECRET", "hooks/SECRET", "https://", "http://host:99999/SECRET", "http://a b"]
)
def test_what_is_no_url_is_refused_without_being_shown(url, monkeypatch):
    with pytest.raises(BadInput, match=r"^--notify must be a URL") as refused:
        notify.chosen(url)
    assert "hooks/SECRET" not in str(refused.value).replace("services/SECRET", "")
    monkeypatch.setenv(notify.VARIABLE, url)
    with pytest.raises(BadInput, match=r"^TUNER_NOTIFY must be a URL"):
        notify.chosen(None)


def test_the_environment_says_it_where_no_option_does(monkeypatch):
    assert notify.chosen(None) is None
    monkeypatch.setenv(notify.VARIABLE, "https://hooks.example.com/x")
    assert notify.chosen(None) == "https://hooks.example.com/x"


@pytest.mark.parametrize("words", [["--notify", "https://h/SECRET"], ["--notify=https://h/SECRET"]])
def test_the_manifest_keeps_the_command_without_the_url(words, monkeypatch):
    monkeypatch.setattr("sys.argv", ["tuner", "launch", "blur", *words, "--seed", "1"])
    assert manifest.surroundings()["command"] == "tuner launch blur --seed 1"
