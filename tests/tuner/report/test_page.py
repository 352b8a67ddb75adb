"""The page in a real Chromium: what it shows equals the records, and sorting, filtering, tabs and keys work offline."""

import base64
import csv
import io
import json
import re
import statistics

import pytest
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys

from benchmarks.report import generate
from tests.tuner.experiments import Experiment, around, finished
from tests.tuner.report.page import Page
from tuner import report

SCRIPT = "<script>document.title = 'owned'</script>"
HOSTILE = f"</script>{SCRIPT}<img src=x onerror=\"document.title='owned'\"><!-- &amp; %{{x}}"


def opened(chromium, paths, folder):
    """Write the report of an experiment and look at it."""
    return Page(chromium, report.write(paths.root, folder / "report.html").as_uri())


@pytest.fixture(scope="module")
def searched(tmp_path_factory):
    """A search of 60 trials, judged by ASHA."""
    return generate(tmp_path_factory.mktemp("storage") / "made-up", trials=60, epochs=27)


@pytest.fixture(scope="module")
def loaded(chromium, searched, tmp_path_factory):
    """Its report, opened once."""
    return opened(chromium, searched, tmp_path_factory.mktemp("report"))


@pytest.fixture
def page(loaded):
    """The report as it looks when it has just been opened."""
    loaded.reopen()
    return loaded


def recomputed(paths):
    """trial -> (rung, median, low, high) at its highest rung, from the bare records."""
    found = {}
    rungs = json.loads(paths.manifest.read_text())["rungs"]
    for line in paths.records.read_text().splitlines():
        record = json.loads(line)
        if record["event"] == "epoch" and record["epoch"] in rungs:
            values = record["metrics"]["val_accuracy"]["values"]
            found[record["trial"]] = (record["epoch"], statistics.median(values), min(values), max(values))
    return found


def test_figures_on_the_page_equal_those_recomputed_from_the_records(page, searched):
    page.open("leaderboard")
    expected = recomputed(searched)
    ranked = sorted(expected, key=lambda trial: (-expected[trial][0], -expected[trial][1], trial))
    shown = page.table("leaderboard")
    assert [int("".join(c for c in row["trial"] if c.isdigit())) for row in shown] == ranked[:50]
    for row, trial in zip(shown, ranked, strict=False):
        rung, median, low, high = expected[trial]
        assert (row["rung"], row["median"]) == (str(rung), f"{median:.4f}")
        assert row["[min, max]"] == f"[{low:.3f}, {high:.3f}]"
    best, base = expected[ranked[0]], expected[0]
    assert f"Trial {ranked[0]} wins" in page.text("#headline")
    assert f"{best[1]:.4f}" in page.text("#headline")
    assert f"{abs(best[1] - base[1]):.4f} {'above' if best[1] > base[1] else 'below'}" in page.text("#headline")
    trained = sum(1 for line in searched.records.read_text().splitlines() if '"event": "epoch"' in line)
    assert f"{5 * trained} replicate-epochs were trained, of {60 * 27 * 5}" in page.text("#spent")


def test_the_first_screen_says_whether_it_is_seed_noise_what_it_cost_and_what_to_run_next(page, searched):
    assert "of 5 paired seeds" in page.text("#overview")
    assert "CPU-hours" in page.text(".tiles")
    assert "cuts within the seed noise" in page.text(".tiles")
    commands = [code.text for code in page.all("#next code")]
    assert f"export made-up --storage {searched.root.parent} --trial best" in commands[0]


def test_a_header_sorts_both_ways_by_mouse_and_by_keyboard_and_says_so(page):
    page.open("leaderboard")
    header = page.find("#leaderboard-table [data-column='lr']")
    header.click()
    rates = [float(row["lr"]) for row in page.table("leaderboard")]
    assert rates == sorted(rates)
    focused = page.browser.switch_to.active_element
    assert focused.get_attribute("data-column") == "lr"
    focused.send_keys(Keys.ENTER)
    rates = [float(row["lr"]) for row in page.table("leaderboard")]
    assert rates == sorted(rates, reverse=True)
    assert page.find("th:has([data-column='lr'])").get_attribute("aria-sort") == "descending"


def test_trials_without_a_knob_sort_after_all_others_in_either_direction(page):
    page.open("leaderboard")
    for _ in range(2):
        page.find("#leaderboard-table [data-column='sigma']").click()
        column = [row["sigma"] for row in page.table("leaderboard")]
        assert column[0] != "-"
        page.find("#leaderboard [aria-label='next page']").click()
        assert page.table("leaderboard")[-1]["sigma"] == "-"


def test_the_filter_takes_text_and_comparisons_and_counts_what_is_left(page):
    page.open("leaderboard")
    page.type("#leaderboard-filter", "lr<0.01 mode=mix")
    shown = page.table("leaderboard")
    assert shown
    assert all(float(row["lr"]) < 0.01 and row["mode"] == "mix" for row in shown)
    assert f"{len(shown)} shown, 60 in all" in page.text("#leaderboard .pager")
    page.type("#leaderboard-filter", "base")
    assert [row["trial"] for row in page.table("leaderboard")] == ["0base"]


def test_a_long_table_is_paged(page):
    page.open("leaderboard")
    assert len(page.table("leaderboard")) == 50
    page.find("#leaderboard [aria-label='next page']").click()
    assert len(page.table("leaderboard")) == 10
    assert "51 to 60 of 60" in page.text("#leaderboard .pager")


def test_every_tab_draws_its_charts_without_an_error_and_without_the_network(chromium, searched, tmp_path):
    page = opened(chromium, searched, tmp_path)
    assert (tmp_path / "report.html").stat().st_size < 1_000_000
    own = page.browser.current_url.partition("#")[0]
    charts = {}
    for tab in page.tabs():
        page.open(tab)
        charts[tab] = page.drawn(tab)
    page.settle()
    assert charts["overview"] == 1
    assert charts["curves"] == 1
    assert charts["stopping"] == 2
    assert charts["knobs"] == 2 + 6  # importance, parallel coordinates, one a searched knob
    assert charts["family"] == 2  # sigma over the epochs, accuracy on blurred images
    assert page.log() == ([], [own])


def test_the_curve_of_a_trial_that_was_picked_is_drawn_and_tells_its_values_when_pointed_at(page):
    page.open("leaderboard")
    page.find("#leaderboard-table tbody tr:nth-child(2) input").click()
    trial = page.table("leaderboard")[1]["trial"].rstrip("~ base")
    page.open("curves")
    page.drawn("curves")
    legend = [entry.text for entry in page.all("#curves .legendtext")]
    assert f"trial {trial}" in legend
    assert len([name for name in legend if name.startswith("trial ")]) == 1
    point = page.wait(lambda: page.all("#curves .scatterlayer .points path.point"))[3]
    ActionChains(page.browser).move_to_element(point).perform()
    told = page.wait(lambda: page.text("#curves .hovertext"))
    assert told.startswith(f"trial {trial}, epoch 4: 0.")
    assert "[0." in told


def test_tabs_are_walked_with_the_arrow_keys(page):
    page.find("#tab-overview").send_keys(Keys.ARROW_RIGHT)
    assert page.browser.switch_to.active_element.get_attribute("id") == "tab-leaderboard"
    assert page.find("#leaderboard").is_displayed()
    assert not page.find("#overview").is_displayed()
    page.find("#tab-leaderboard").send_keys(Keys.END)
    assert page.find("#tab-manifest").get_attribute("aria-selected") == "true"
    assert [tab.get_attribute("tabindex") for tab in page.all("[role=tab]")].count("0") == 1


def test_what_the_reader_chose_stands_in_the_address_and_comes_back_with_it(page):
    page.open("curves")
    page.find("#theme").click()
    assert set(page.run("return location.hash")[1:].split("&")) == {"tab=curves", "theme=dark"}
    page.run("location.hash = 'tab=knobs&theme=light'")
    page.wait(lambda: page.find("#knobs").is_displayed())
    assert page.run("return document.documentElement.dataset.theme") == "light"
    page.run("history.back()")
    page.wait(lambda: page.find("#curves").is_displayed())
    page.run("location.hash = 'tab=leaderboard&filter=mode%3Dmix&pins=0,3&hide=cost'")
    page.wait(lambda: page.find("#leaderboard").is_displayed())
    rows = page.table("leaderboard")
    assert {row["mode"] for row in rows if not row["trial"].startswith(("0", "3"))} == {"mix"}
    assert {row["trial"].rstrip("~base") for row in rows} >= {"0", "3"}
    assert "cost" not in rows[0]
    page.run("location.hash = 'knobs'")
    page.wait(lambda: page.find("#knobs").is_displayed())


def test_a_filter_that_cannot_hold_says_why(page):
    page.open("leaderboard")
    for asked, said in {
        "lrr<0.1": 'No column is called "lrr"',
        "mode<3": "holds text",
        "lr<small": "is not a number",
        "lr<0": 'No row has "lr<0".',
        "mode=mixx": 'No row has "mode=mixx"; there is all, mix, normal, random-mix, single-step.',
        "lr<0.01 lr>0.01": 'No row has all of "lr<0.01 lr>0.01" at once.',
    }.items():
        page.type("#leaderboard-filter", asked)
        assert said in page.text("#leaderboard .wrong")
    page.type("#leaderboard-filter", "lr<0.1")
    assert page.text("#leaderboard .wrong") == ""


def test_the_csv_holds_the_filtered_rows_and_the_shown_columns_in_full(page, searched):
    page.open("leaderboard")
    page.type("#leaderboard-filter", "mode=mix")
    page.find("#leaderboard .chooser summary").click()
    page.find("#leaderboard .chooser label:nth-child(4) input").click()
    rows = list(csv.DictReader(io.StringIO(page.run("return leaderboard.table.csv()"))))
    assert {row["mode"] for row in rows} == {"mix"}
    assert "median" not in rows[0]
    assert "curve" not in rows[0]
    configs = [json.loads(line) for line in searched.records.read_text().splitlines() if '"event": "trial"' in line]
    rates = {str(record["trial"]): record["config"]["lr"] for record in configs}
    assert all(float(row["lr"]) == rates[row["trial"]] for row in rows)


def test_paper_gets_every_tab_light_with_charts_drawn_and_nothing_cut(page):
    page.find("#theme").click()
    page.run("dispatchEvent(new Event('beforeprint'))")
    assert page.run("return document.documentElement.dataset.theme") == "light"
    plots = "[...document.querySelectorAll('.plot')].filter(p => p.offsetParent !== null)"
    assert page.run(f"return {plots}.length") >= 12
    assert page.run(
        f"return {plots}.every(p => p.querySelector('.main-svg') && p.firstElementChild.offsetWidth <= 960)"
    )
    assert len(page.table("leaderboard")) == 60
    cut = "return [...document.querySelectorAll('main *')].filter(e => e.getBoundingClientRect().right > 961).length"
    assert page.run(cut) == 0
    pdf = base64.b64decode(page.browser.execute_cdp_cmd("Page.printToPDF", {"preferCSSPageSize": True})["data"])
    assert len(re.findall(rb"/Type\s*/Page\b", pdf)) >= 8
    page.run("dispatchEvent(new Event('afterprint'))")
    assert page.run("return document.documentElement.dataset.theme") == "dark"
    assert not page.find("#knobs").is_displayed()


def test_the_axes_of_the_knobs_are_kept_in_part_and_moved(page):
    page.open("knobs")
    page.drawn("knobs")
    shown = page.run("return document.querySelector('#knobs').innerText")
    for mode in ("all", "mix", "normal", "random-mix", "single-step"):
        assert f"{mode} (" in page.run(
            "return [...document.querySelectorAll('#knobs .xtick')].map(e => e.textContent).join(' ')"
        )
    assert "neither knob does alone" in shown
    page.find("[aria-label='move the axis to the right']").click()
    assert page.run("return knobs.ordered[1]") == "mode"
    plot = page.find("#knobs .plot[aria-label^='Parallel']")
    x, top, bottom = page.run(
        "const p = arguments[0], b = p.getBoundingClientRect(), {xaxis, yaxis} = p._fullLayout;"
        "return [xaxis._offset + xaxis.c2p(0) - b.width / 2, yaxis._offset + yaxis.c2p(0.9) - b.height / 2,"
        " yaxis._offset + yaxis.c2p(0.4) - b.height / 2]",
        plot,
    )
    actions = ActionChains(page.browser).move_to_element_with_offset(plot, int(x), int(top)).click_and_hold()
    actions.move_to_element_with_offset(plot, int(x), int(bottom)).release().perform()
    low, high = page.run("return knobs.brushed.get(knobs.ordered[0])")
    assert (low, high) == pytest.approx((0.4, 0.9), abs=0.03)
    page.run("knobs.clear.click()")
    assert page.run("return knobs.brushed.size") == 0


def test_curves_go_by_seconds_or_on_a_logarithmic_axis_that_follows_what_is_shown(page):
    page.run("location.hash = 'tab=curves&by=seconds&axis=log'")
    page.wait(lambda: page.find("#curves").is_displayed())
    page.drawn("curves")
    layout = "return document.querySelector('#curves .plot')._fullLayout"
    page.wait(lambda: page.run(f"{layout}.xaxis.title.text") == "seconds of training")
    assert page.run(f"{layout}.yaxis.type") == "log"
    whole = page.run(f"{layout}.yaxis.range")
    page.run("Plotly.relayout(document.querySelector('#curves .plot'), {'xaxis.range[0]': 8, 'xaxis.range[1]': 13.5})")
    low, high = page.run(f"{layout}.yaxis.range")
    assert whole[0] < low < high <= whole[1] + 0.1


@pytest.mark.parametrize("width", [1280, 400])
def test_nothing_but_tables_and_charts_scrolls_sideways(page, width):
    page.width(width)
    for tab in page.tabs():
        page.open(tab)
        assert page.run("return document.documentElement.scrollWidth <= document.documentElement.clientWidth"), tab
        cut = page.run(
            "return [...document.querySelectorAll('main p, main h2, main .tile')].filter(e => e.offsetParent !== null"
            " && e.getBoundingClientRect().right > innerWidth).map(e => e.textContent)"
        )
        assert cut == [], tab


def test_dark_colours_change_the_charts_as_well(page):
    page.drawn("overview")
    before = page.run("return getComputedStyle(document.querySelector('#overview .xtick text')).fill")
    page.find("#theme").click()
    page.wait(
        lambda: page.run("return getComputedStyle(document.querySelector('#overview .xtick text')).fill") != before
    )


def test_whatever_a_configuration_or_an_error_holds_is_shown_as_text(chromium, tmp_path):
    experiment = Experiment(
        tmp_path, baseline={"lr": 0.1, "note": SCRIPT}, protocol={"dataset": HOSTILE, "selection": "holdout"}
    )
    experiment.session()
    for index in range(3):
        experiment.trial(index, lr=0.1 * (index + 1), note=(SCRIPT, HOSTILE, "plain")[index])
        experiment.train(index, around(0.5 + 0.1 * index), to=3)
    experiment.fail_replicate(2, 1, 3, HOSTILE)
    page = opened(chromium, experiment.paths, tmp_path)
    for tab in page.tabs():
        page.open(tab)
        page.drawn(tab)
    page.settle()
    page.open("leaderboard")
    assert {row["note"] for row in page.table("leaderboard")} == {SCRIPT, HOSTILE, "plain"}
    assert page.table("failures")[0]["first error line"] == HOSTILE
    page.open("knobs")
    assert any(
        text.startswith("<script>")
        for text in page.run("return [...document.querySelectorAll('#knobs .annotation-text')].map(e => e.textContent)")
    )
    assert page.browser.title == "made-up · report"
    assert page.run("return document.querySelectorAll('main img, main script').length") == 0
    errors, asked = page.log()
    assert errors == []
    assert len(asked) == 1


def test_an_experiment_without_a_result_has_a_page_that_says_so(chromium, tmp_path):
    experiment = Experiment(tmp_path)
    experiment.session()
    experiment.trial(0)
    page = opened(chromium, experiment.paths, tmp_path)
    assert page.text("#headline") == "No trial of this experiment has a valid result."
    assert "4 trials" in page.text("#about")
    for tab in page.tabs():
        page.open(tab)
        page.drawn(tab)
    assert page.log()[0] == []


def test_ties_are_marked_and_the_rule_is_stated(chromium, tmp_path):
    experiment = finished(tmp_path)
    experiment.session()
    experiment.trial(4, lr=0.06)
    experiment.complete(4, [0.89, 0.88, 0.90, 0.91, 0.92], test_accuracy=0.8)
    page = opened(chromium, experiment.paths, tmp_path)
    page.open("leaderboard")
    assert [row["trial"] for row in page.table("leaderboard")][:3] == ["1best", "4~", "0base"]
    assert "5 of the 5 paired seeds must agree; five of five is the only outcome" in page.text("#leaderboard .legend")


def test_published_figures_stand_beside_ours_with_their_protocol(chromium, tmp_path):
    when = {"lr": 0.05}
    published = [{"when": when, "metric": "val_accuracy", "value": 0.93, "source": "Somebody 2020", "at": "last"}]
    experiment = finished(tmp_path, published=published, protocol={"dataset": "cifar10", "selection": "test"})
    page = opened(chromium, experiment.paths, tmp_path)
    page.open("published")
    row = page.table("published")[0]
    assert (row["trial"], row["published"], row["ours"], row["difference"]) == ("1", "0.9300", "0.9000", "-0.0300")
    assert "test-set selection, as the paper did" in page.text("#published")
    assert page.drawn("published") == 1


@pytest.mark.slow
def test_a_thousand_trials_of_a_hundred_epochs_fit_a_page_that_still_sorts(chromium, tmp_path):
    paths = generate(tmp_path / "large", trials=1000, epochs=100, grace=100)
    page = opened(chromium, paths, tmp_path)
    assert (tmp_path / "report.html").stat().st_size < 10e6
    page.open("leaderboard")
    page.find("#leaderboard-table [data-column='momentum']").click()
    assert len(page.all("#leaderboard-table tbody tr")) == 50
    first = float(page.table("leaderboard")[0]["momentum"])
    records = [json.loads(line) for line in paths.records.read_text().splitlines() if '"event": "trial"' in line]
    assert first == pytest.approx(min(record["config"]["momentum"] for record in records), rel=1e-3)
    page.open("curves")
    page.drawn("curves")
    assert page.log()[0] == []
