"""The server: what it answers at which address, to whom, and from where a log goes on."""

import json

import pytest

from tests.tuner.experiments import Experiment, finished
from tests.tuner.report.serving import answer, served
from tuner.report import trial_log


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """Two searches, the first with a log; beside them what is not to be served."""
    store = tmp_path_factory.mktemp("above") / "store"
    first = finished(store)
    first.paths.trial(1).mkdir(parents=True)
    first.paths.trial_log(1).write_text("began\nwent on\n")
    Experiment(store, folder="second one")
    (store / "broken").mkdir()
    (store / "broken" / "manifest.json").write_text("{")
    return store


@pytest.fixture(scope="module")
def address(store):
    with served(store) as address:
        yield address


@pytest.mark.parametrize(
    ("path", "status", "said"),
    [
        ("", 200, "<h1>Searches</h1>"),
        ("search/made-up/", 200, "made-up · report"),
        ("search/made-up", 200, "made-up · report"),
        ("search/second%20one/content.json", 200, '"state": "not started"'),
        ("search/made-up/live.json", 200, '"live": false'),
        ("search/made-up/log/1", 200, '"text": "began\\nwent on\\n"'),
        ("search/made-up/log/1?from=6", 200, '"text": "went on\\n"'),
        ("search/made-up/log/2", 200, '"size": null'),
        ("search/made-up/log/-1", 400, "`-1` is not a whole number"),
        ("search/made-up/log/1?from=x", 400, "`x` is not a whole number"),
        ("search/other/", 404, "there is no search `other` in"),
        ("search/../", 404, "there is no search `..` in"),
        ("search/..%2Fstore%2Fmade-up/", 404, "there is no search `../store/made-up` in"),
        (f"search/{'x' * 400}/", 404, "there is no search `xxx"),
        ("search/%00/", 404, "there is no search"),
        ("search/broken/", 503, "it is the experiment's manifest and must be valid JSON"),
        ("search//", 404, "there is nothing here; all searches are at /"),
        ("records.jsonl", 404, "there is nothing here; all searches are at /"),
    ],
)
def test_every_address_is_answered_by_its_route_and_nothing_outside_the_storage_is(address, path, status, said):
    got, body, headers = answer(address + path)
    assert got == status, body[:200]
    assert said in body
    assert headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("path", ["list.json", "search/made-up/content.json", "search/made-up/live.json"])
def test_what_a_page_has_already_is_not_sent_again(address, path):
    _, body, headers = answer(address + path)
    version = json.loads(body)["version"]
    assert headers["ETag"] == f'"{version}"'
    assert answer(address + path, If_None_Match=version)[:2] == (304, "")
    assert answer(address + path, If_None_Match=headers["ETag"])[:2] == (304, "")
    assert answer(address + path, If_None_Match="another")[:2] == (200, body)


def test_foreign_host_names_and_pages_get_nothing(address):
    for host in ("evil.example", "evil.example:80", "127.0.0.1.evil.example:80", ""):
        assert answer(address, Host=host)[0] == 403, host
    own = address.rstrip("/")
    for origin in ({}, {"Origin": "http://evil.example"}, {"Origin": own.replace("http:", "https:")}):
        assert answer(address, "POST", **origin)[0] == 403, origin
    assert answer(address, "POST", Origin=own)[0] == 405  # nothing is to be posted there


def test_a_log_is_read_on_in_whole_lines_and_anew_after_it_was_begun_anew(tmp_path):
    paths = Experiment(tmp_path).paths
    log = paths.trial_log(3)
    log.parent.mkdir(parents=True)
    assert trial_log.piece(paths, 3, None) == {"text": "", "next": 0, "size": None}
    log.write_bytes("first\nsecond ü".encode())
    assert trial_log.piece(paths, 3, None) == {"text": "first\n", "next": 6, "size": 15}
    with log.open("ab") as file:
        file.write(b" ends\n")
    assert trial_log.piece(paths, 3, 6) == {"text": "second ü ends\n", "next": 21, "size": 21}
    assert trial_log.piece(paths, 3, 21)["text"] == ""
    log.write_text("anew\n")
    assert trial_log.piece(paths, 3, 21) == {"text": "anew\n", "next": 5, "size": 5}
    lines = [f"line {number}\n" for number in range(20_000)]
    log.write_text("".join(lines))
    end = trial_log.piece(paths, 3, None)
    assert end["text"].startswith("line ")
    assert end["text"].endswith("line 19999\n")
    assert len(end["text"]) <= 64 * 1024
    read, at = "", 0
    while at < end["size"]:
        piece = trial_log.piece(paths, 3, at)
        read, at = read + piece["text"], piece["next"]
    assert read == "".join(lines)
