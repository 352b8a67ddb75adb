"""The page of all searches in a real Chromium: its figures are the records', and it is filtered, sorted and picked from."""

import json
import statistics
import time

import pytest

from tests.tuner.experiments import Experiment, around, finished
from tests.tuner.report.page import Page
from tests.tuner.report.serving import served
from tuner.records import labels
from tuner.records.paths import ExperimentPaths

NOW = "2025-01-0{}T00:00:00+00:00"


class Listing(Page):
    """The list, opened in a browser 1280 pixels wide."""

    def __init__(self, browser, address):
        self.browser, self.address = browser, address
        self.width(1280)
        self.log()
        browser.get(address)
        self.wait(lambda: self.text("#told"))

    def names(self):
        return [link.text for link in self.all("#searches-table td a")]


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """An older finished search with a note and tags, a newer interrupted one of another family, one that cannot be read."""
    store = tmp_path_factory.mktemp("store")
    older = ExperimentPaths(finished(store, created=NOW.format(1)).paths.root.rename(store / "older"))
    labels.write_note(older, "for the <b>paper</b>")
    labels.write_tags(older, ["paper", "blurred"], [])
    newer = Experiment(store, folder="newer", family="deconv", space="search", created=NOW.format(2))
    newer.session()
    for index in range(3):
        newer.trial(index, lr=0.1 * (index + 1))
    newer.complete(0, around(0.5))
    newer.train(1, around(0.45), to=3)
    newer.session("end", outcome="interrupted")
    (store / "torn").mkdir()
    (store / "torn" / "manifest.json").write_text("{")
    return store


@pytest.fixture(scope="module")
def page(chromium, store):
    with served(store) as address:
        yield Listing(chromium, address)


def recomputed(folder):
    """What the list is to say of a search, from its bare files."""
    known = json.loads((folder / "manifest.json").read_text())
    records = [json.loads(line) for line in (folder / "records.jsonl").read_text().splitlines()]
    at_rungs = {}
    for one in records:
        if one["event"] == "epoch" and one["epoch"] in known["rungs"]:
            at_rungs[one["trial"], one["epoch"]] = one["metrics"]["val_accuracy"]["values"]
    highest = max(epoch for _, epoch in at_rungs)
    there = {trial: values for (trial, epoch), values in at_rungs.items() if epoch == highest}
    best = max(there.values(), key=statistics.median)
    held = sum(one["epoch_seconds"] for one in records if one["event"] == "epoch") / 3600
    return {
        "space": f"{known['family']}/{known['space']}",
        "trials": f"{sum(one['event'] == 'end' for one in records)}/4",
        "median": f"{statistics.median(best):.4f}",
        "[min, max]": f"[{min(best):.3f}, {max(best):.3f}]",
        "distance": f"{statistics.median(best) - statistics.median(there[0]):+.4f}",
        "cost": f"{float(f'{held:.2g}'):g} CPU-h",
    }


def test_every_figure_of_the_list_is_that_of_the_records(page, store):
    shown = dict(zip(page.names(), page.table("searches"), strict=True))
    assert list(shown) == ["newer", "older", "torn"]
    for name in ("newer", "older"):
        expected = recomputed(store / name)
        assert {column: shown[name][column] for column in expected} == expected
    assert [shown[name]["state"] for name in shown] == ["interrupted", "finished", "unreadable"]
    assert shown["newer"]["search"] == "newer"
    assert shown["older"]["search"] == "older#paper#blurredfor the <b>paper</b>"
    assert shown["torn"]["search"].startswith("torncannot read")
    days = int((time.time() - 1_735_776_000) // 86400)  # since 2025-01-02
    assert shown["newer"]["age"] == f"{days} d"
    assert page.text("#told") == "3 searches: 1 interrupted, 1 finished, 1 unreadable."
    assert page.text("#storage") == str(store)


def test_axe_has_nothing_against_it_in_either_theme(page):
    page.find("#pick-older").click()
    assert page.violations() == []
    page.find("#unpick").click()
    page.run("byId('told').style.color = '#888'")
    assert page.violations() == [("light", "color-contrast", "#told")]  # which it would tell
    page.run("byId('told').style.color = ''")


def test_a_filter_in_the_address_that_nothing_passes_says_what_there_is(page):
    page.browser.get("about:blank")
    page.browser.get(f"{page.address}#family=blurr&filter=state%3Drunning")
    page.wait(lambda: page.text("#told"))
    said = [each.text for each in page.all("#searches .wrong")]
    assert said == [
        'No row has "state=running"; there is finished, interrupted, unreadable.',
        'No search here has the family "blurr", so all are shown; there is blur, deconv.',
    ]
    page.run("table.ask('')")
    page.run("byId('only-family').value = 'blur'; byId('only-family').dispatchEvent(new Event('change'))")
    assert [each.text for each in page.all("#searches .wrong")] == ["", ""]
    page.run("byId('only-family').value = ''; byId('only-family').dispatchEvent(new Event('change'))")


def test_it_is_filtered_sorted_and_picked_from_and_going_back_finds_it_so(page):
    page.type("#searches-filter", "distance>0.05")
    assert page.names() == ["older"]
    page.type("#searches-filter", "space=deconv/search")
    assert page.names() == ["newer"]
    page.type("#searches-filter", " ")
    page.find(".chip[aria-label$='paper']").click()
    assert page.names() == ["older"]
    page.run("table.ask('')")
    page.run("byId('only-state').value = 'finished'; byId('only-state').dispatchEvent(new Event('change'))")
    assert page.names() == ["older"]
    page.run("byId('only-state').value = ''; byId('only-state').dispatchEvent(new Event('change'))")
    page.find("[data-column='median']").click()
    assert page.names() == ["newer", "older", "torn"]
    page.find("[data-column='median']").click()
    assert page.names() == ["older", "newer", "torn"]
    assert not page.find("#compare").is_displayed()
    assert page.find("#pick-torn").get_attribute("disabled")
    page.find("#pick-older").click()
    assert page.run("return document.activeElement.id") == "pick-older"
    assert not page.find("#compare").is_displayed()
    page.find("#pick-newer").click()
    assert page.find("#compare").get_attribute("href") == f"{page.address}compare?names=older,newer"
    page.run("[...document.querySelectorAll('#searches-table a')].find(a => a.textContent === 'older').click()")
    page.wait(lambda: page.text("#headline").startswith("Trial 1 wins"))
    assert page.browser.current_url.startswith(f"{page.address}search/older/")
    assert page.find("#all").get_attribute("href") == page.address
    page.browser.back()
    page.wait(lambda: page.text("#told"))
    assert page.names() == ["older", "newer", "torn"]
    assert page.text("#compare") == "Compare 2 searches"
    page.find("#unpick").click()
    assert not page.find("#compare").is_displayed()
    errors, addresses = page.log()
    assert errors == []
    assert all(one.startswith(page.address) for one in addresses)
