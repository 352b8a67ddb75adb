"""The page of one trial and trials side by side, in a real Chromium: their figures are those of the records, and Back works."""

import json
import statistics

import pytest
from selenium.webdriver.common.keys import Keys

from tests.tuner.experiments import finished
from tests.tuner.report.page import Page
from tuner import report
from tuner.results.significance import sign_test


@pytest.fixture(scope="module")
def experiment(tmp_path_factory):
    """Four trials and a fifth that the seeds do not separate from the best; the fourth diverged."""
    experiment = finished(tmp_path_factory.mktemp("storage"))
    experiment.session()
    experiment.trial(4, lr=0.06, mode="mix")
    experiment.complete(4, [0.89, 0.88, 0.90, 0.91, 0.92], test_accuracy=0.8)
    experiment.session("end")
    return experiment


@pytest.fixture(scope="module")
def loaded(chromium, experiment, tmp_path_factory):
    return Page(chromium, report.write(experiment.paths.root, tmp_path_factory.mktemp("r") / "report.html").as_uri())


@pytest.fixture
def page(loaded):
    loaded.reopen()
    return loaded


def at(page, fragment):
    """Go to a place on the page, at once."""
    page.run("location.hash = arguments[0]; restore()", fragment)


def values(experiment, trial, epoch):
    """The k values of the objective at an epoch, from the bare records."""
    lines = map(json.loads, experiment.paths.records.read_text().splitlines())
    found = (r for r in lines if r["event"] == "epoch" and (r["trial"], r["epoch"]) == (trial, epoch))
    return next(found)["metrics"]["val_accuracy"]["values"]


def test_every_figure_of_a_trial_is_that_of_the_records(page, experiment):
    at(page, "trial=4")
    rows = page.table("trial-epochs")
    assert [row["epoch"].split()[0] for row in rows] == [str(epoch) for epoch in range(1, 10)]
    assert [row["epoch"] for row in rows if "rung" in row["epoch"]] == ["1 rung", "3 rung", "9 rung"]
    for row in rows:
        expected = values(experiment, 4, int(row["epoch"].split()[0]))
        assert [row[f"seed {seed}"] for seed in range(5)] == [f"{value:.4f}" for value in expected]
        assert row["median"] == f"{statistics.median(expected):.4f}"
        assert (row["lr"], row["seconds"]) == ("0.01", "2")
    assert "0.9000 [0.880, 0.920] at rung 9" in page.text("#trial-head")
    assert "2 of 5, not separated from the best" in page.text("#trial-head")
    last = {row["metric"]: row for row in page.table("trial-metrics")}
    assert (last["test_accuracy"]["median"], last["test_accuracy"]["seed 4"]) == ("0.8000", "0.8000")
    knobs = page.table("trial-configuration")
    assert (
        [row["knob"] for row in knobs if row["differs"] == "yes"]
        == [row["knob"] for row in knobs[:2]]
        == ["lr", "mode"]
    )
    assert (knobs[0]["this trial"], knobs[0]["best"], knobs[0]["baseline"]) == ("0.06", "0.05", "0.01")
    assert page.drawn("trial") == 1
    commands = [code.text for code in page.all("#trial-commands code")]
    assert f"tuner export made-up --storage {experiment.paths.root.parent} --trial 4" in commands
    assert "tuner train made-up-trial-4.yaml" in commands
    assert str(experiment.paths.trial(4)) in page.text("#trial-files")
    assert page.log()[0] == []


def test_decisions_and_failures_are_told_with_reasons_and_tracebacks(page):
    at(page, "trial=2")
    (decision,) = page.table("trial-decisions")
    assert (decision["rung"], decision["action"]) == ("3", "stop")
    assert "below the cutoff 0.8" in decision["reason"]
    assert not page.find("#trial-failures").is_displayed()
    at(page, "trial=3")
    assert "no majority of the replicates is alive at epoch 1" in page.text("#trial-head")
    assert len(page.all("#trial-failures li")) == 5
    assert "replicate 2, epoch 1, raised: NonFinite: the loss is nan in replicate 2" in page.text("#trial-failures")
    traceback = page.run("return document.querySelectorAll('#trial-failures pre')[4].textContent")
    assert traceback.startswith("Traceback (most recent call last):")
    assert traceback.endswith("NonFinite: the loss is nan in replicate 4")


def test_rows_open_their_trial_by_mouse_and_keyboard_and_back_returns_to_where_one_was(page):
    page.open("leaderboard")
    page.type("#leaderboard-filter", "lr<0.1")
    page.find("#leaderboard-table tbody tr:nth-child(2) td:nth-child(5)").click()
    page.wait(lambda: page.find("#trial").is_displayed())
    assert page.text("#tab-trial") == "Trial 4"
    page.browser.back()
    page.wait(lambda: page.find("#leaderboard").is_displayed())
    assert page.find("#leaderboard-filter").get_attribute("value") == "lr<0.1"
    page.find("#leaderboard-table tbody tr:nth-child(1) td.trial a").send_keys(Keys.ENTER)
    page.wait(lambda: page.text("#tab-trial") == "Trial 1" and page.find("#trial").is_displayed())
    page.open("stopping")
    page.find("#decisions-table tbody tr td:last-child").click()
    page.wait(lambda: page.text("#tab-trial") == "Trial 2" and page.find("#trial").is_displayed())


def test_a_trial_that_is_not_there_is_said(page):
    at(page, "trial=99")
    assert page.find("#trial .notice").text == "There is no trial 99 here; the trials are 0 to 4."


def test_trials_side_by_side_show_what_differs_first_and_what_the_seeds_can_say(page, experiment):
    page.open("leaderboard")
    for row in (1, 3):
        page.find(f"#leaderboard-table tbody tr:nth-child({row}) input").click()
    page.find("#beside-picked a").click()
    page.wait(lambda: page.find("#trials").is_displayed())
    assert page.text("#tab-trials") == "Trials 0, 1"
    knobs = page.table("side-knobs")
    assert knobs[0] == {"knob": "lr", "trial 0 (baseline)": "0.01", "trial 1 (best)": "0.05"}
    assert page.drawn("trials") == 1
    at(page, "trials=1,4,2")
    assert [row["trial"] for row in page.table("side-results")] == ["1best", "4~", "2"]
    best, tied, stopped = (values(experiment, trial, 3) for trial in (1, 4, 2))
    assert page.text("#side-seeds-title") == "Seed by seed at epoch 3"
    for seed, row in enumerate(page.table("side-seeds")):
        assert (row["trial 1 (best)"], row["trial 4"]) == (f"{best[seed]:.4f}", f"{tied[seed]:.4f}")
    told = [item.text for item in page.all("#side-tests li")]
    for sentence, (first, second) in zip(told, [(best, tied), (best, stopped), (tied, stopped)], strict=True):
        won = sum(a > b for a, b in zip(first, second, strict=True))
        assert f"better on {won} of 5 seeds" in sentence
        assert f"two-sided p = {sign_test(first, second):.4g})" in sentence
    assert "not separated" in told[0]
    assert told[1].endswith("p = 0.0625): separated by the paired seeds.")
    at(page, "trials=1")
    assert "Two to four trials stand side by side" in page.text("#trials .notice")
    assert page.log()[0] == []


@pytest.mark.parametrize("width", [1280, 400])
def test_nothing_but_tables_and_charts_scrolls_sideways(page, width):
    page.width(width)
    for fragment in ("trial=3", "trials=0,1,2,4"):
        at(page, fragment)
        assert page.run("return document.documentElement.scrollWidth <= document.documentElement.clientWidth")


def test_axe_has_nothing_against_any_tab_a_trial_or_trials_side_by_side_in_either_theme(page):
    tabs = page.tabs()
    for tab in tabs:
        page.open(tab)
        page.drawn(tab)
    for place in ("trial=3", "trials=1,4"):
        at(page, place)
    assert {"overview", "leaderboard", "curves", "stopping", "knobs", "failures", "manifest"} <= set(tabs)
    assert page.violations(*tabs, "trial", "trials") == []
