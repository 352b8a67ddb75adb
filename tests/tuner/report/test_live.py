"""The live report: new records reach an open page and leave its reader's sorting, filter and tab as they are."""

import json
import threading
import urllib.error
import urllib.request

import pytest

from tests.tuner.experiments import Experiment, around
from tests.tuner.report.page import Page
from tuner.report import live
from tuner.report.routes import ROUTES
from tuner.report.server import Server
from tuner.report.site import Site


@pytest.fixture
def experiment(tmp_path):
    """A search with three trials at their first rung."""
    experiment = Experiment(tmp_path)
    experiment.session()
    for index in range(3):
        experiment.trial(index, lr=0.01 * (index + 1))
        experiment.train(index, around(0.5 + 0.1 * index), to=1)
    return experiment


@pytest.fixture
def address(experiment, monkeypatch):
    """Where it is served; looked at again ten times a second."""
    monkeypatch.setattr(live, "SECONDS_AT_REST", 0.1)
    monkeypatch.setattr(live, "SHARE", 1e9)
    monkeypatch.setattr(live, "FEWEST_SECONDS", 0.1)
    site = Site(experiment.paths.root.parent, tensorboard={"made-up": "http://127.0.0.1:1/"})
    with Server(site, ROUTES, 0) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/search/made-up/"
        server.shutdown()
        thread.join()


def refused(address, path="", **headers):
    with pytest.raises(urllib.error.HTTPError) as refusal:
        urllib.request.urlopen(urllib.request.Request(address + path, headers=headers), timeout=30)
    return refusal.value.code, refusal.value.read().decode()


def test_new_records_reach_the_page_and_sorting_filter_and_tab_stay(chromium, experiment, address):
    page = Page(chromium, address)
    assert page.find("#tensorboard").get_attribute("href") == "http://127.0.0.1:1/"
    page.open("leaderboard")
    page.type("#leaderboard-filter", "lr<0.05")
    page.find("#leaderboard-table [data-column='lr']").click()
    page.find("#leaderboard-table [data-column='lr']").click()
    experiment.trial(3, lr=0.04)
    experiment.train(3, around(0.95), to=1)
    experiment.trial(4, lr=0.08)
    page.wait(lambda: len(page.table("leaderboard")) == 4)
    assert [row["lr"] for row in page.table("leaderboard")] == ["0.04", "0.03", "0.02", "0.01"]
    assert page.find("#leaderboard-filter").get_attribute("value") == "lr<0.05"
    assert page.find("th:has([data-column='lr'])").get_attribute("aria-sort") == "descending"
    assert page.find("#leaderboard").is_displayed()
    assert page.text("#headline").startswith("Trial 3 leads")
    errors, addresses = page.log()
    assert errors == []
    assert all(one.startswith(address) for one in addresses)


def test_content_that_has_not_changed_is_not_sent_again(address):
    with urllib.request.urlopen(address + "content.json", timeout=30) as answer:
        version = json.load(answer)["version"]
    assert refused(address, "content.json", **{"If-None-Match": version})[0] == 304


def test_a_foreign_host_name_and_other_paths_get_nothing(address):
    assert refused(address, Host="evil.example")[0] == 403
    assert refused(address, "records.jsonl")[0] == 404


def test_records_that_cannot_be_read_are_told_by_their_line(experiment, address):
    lines = len(experiment.paths.records.read_text().splitlines())
    experiment.append('not a record\n{"event": "session", "time": 1}\n')
    code, sentence = refused(address, "content.json")
    assert code == 503
    assert f"line {lines + 1} of" in sentence
