"""The live report: new records reach an open page and leave its reader's sorting, filter and tab as they are."""

import json
import urllib.error
import urllib.request

import pytest

from tests.tuner.experiments import Experiment, around
from tests.tuner.report.page import Page, tabs_closed
from tests.tuner.report.serving import served
from tuner.records.lock import DriverLock
from tuner.report import live


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
    monkeypatch.setattr(live, "SECONDS", 0.1)
    monkeypatch.setattr(live, "SECONDS_AT_REST", 0.1)
    monkeypatch.setattr(live, "SHARE", 1e9)
    monkeypatch.setattr(live, "FEWEST_SECONDS", 0.1)
    with served(experiment.paths.root.parent, tensorboard={"made-up": "http://127.0.0.1:1/"}) as address:
        yield f"{address}search/made-up/"


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
    origin = address.partition("search/")[0]
    assert all(one.startswith(origin) for one in addresses)


@pytest.fixture
def two_tabs(chromium):
    """The browser, left with the one tab that it had."""
    with tabs_closed(chromium):
        yield chromium


def test_two_readers_follow_a_search_that_is_killed_and_resumed(two_tabs, experiment, address):
    chromium = two_tabs
    log = experiment.paths.trial_log(1)
    log.parent.mkdir(parents=True)
    log.write_text("began\n")
    with DriverLock(experiment.paths.lock):
        first = Page(chromium, address)
        one = chromium.current_window_handle
        first.open("live")
        first.wait(lambda: [row["trial"] for row in first.table("training")] == ["0base", "1", "2"])
        assert {row["epoch"] for row in first.table("training")} == {"1/9"}
        assert "Trial 2 leads" in first.text("#live-leader")
        assert first.text("#live-leader .value") == "0.7000"
        assert "winner" not in first.text("#live").lower()
        first.find("#log-trial").send_keys("1")
        first.wait(lambda: first.text("#log") == "began\n")
        assert first.violations() == []
        chromium.switch_to.new_window("tab")
        second = Page(chromium, address)
        assert second.text("#state") == "running"
        assert second.text("dt") == "Leader's median val_accuracy"
        second.open("leaderboard")
        experiment.stop(1, around(0.65))
        with log.open("a") as file:
            file.write("went on\n")
        second.wait(lambda: "stopped" in [row["status"] for row in second.table("leaderboard")])
        both = chromium.window_handles
        chromium.switch_to.window(one)
        first.wait(lambda: [row["trial"] for row in first.table("training")] == ["0base", "2"])
        first.wait(lambda: first.text("#log") == "began\nwent on\n")
        assert first.table("events")[0]["event"].startswith("stopped trial 1 at rung 3: 0.7 below the cutoff 0.8")
        assert first.text("#live-ended .value") == "1 of 4"
    first.wait(lambda: first.text("#state") == "interrupted")  # its driver is dead
    first.wait(lambda: f"It goes on with `{experiment.paths.command('resume')}`" in first.text("#live"))
    assert [row["trial"] for row in first.table("training")] == ["0base", "2"]
    with DriverLock(experiment.paths.lock):
        experiment.session()
        experiment.train(2, around(0.95), to=3)
        first.wait(lambda: [row["trial"] for row in first.table("training")] == ["2"])
        first.wait(lambda: first.text("#state") == "running")
        chromium.switch_to.window(both[1])
        second.wait(lambda: second.table("leaderboard")[0]["median"] == "0.9500")
        assert second.find("#leaderboard").is_displayed()
        errors, _ = second.log()
        assert errors == []


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
