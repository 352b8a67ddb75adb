"""Searches compared on a served page: its figures are those of the records, and what cannot be compared is said."""

import urllib.error
import urllib.request

import pytest

from tests.tuner.experiments import Experiment, around, finished
from tests.tuner.report.page import Page
from tests.tuner.report.serving import served
from tuner.report import compare_page


@pytest.fixture(scope="module")
def storage(tmp_path_factory):
    """Two searches with two configurations in common, a third that shares none, a fourth judged by its loss."""
    folder = tmp_path_factory.mktemp("storage")
    fresh = Experiment(finished(folder).paths.root, folder="confirmation", seed=1)
    fresh.session()
    fresh.trial(1, lr=0.05)
    fresh.complete(1, around(0.88))
    fresh.session("end")
    for name, lrs, objective in (
        ("other", (0.01, 0.05), "val_accuracy"),
        ("apart", (0.2, 0.3), "val_accuracy"),
        ("loss", (0.01, 0.05), "val_loss"),
    ):
        mode = "min" if objective == "val_loss" else "max"
        made = Experiment(folder, folder=name, objective={"metric": objective, "mode": mode})
        made.session()
        for index, lr in enumerate(lrs):
            made.trial(index, lr=lr)
            made.complete(index, around(0.82 + 0.03 * index))
        made.session("end")
    return folder


@pytest.fixture(scope="module")
def address(storage):
    with served(storage) as address:
        yield address


def test_winners_costs_and_shared_configurations_stand_beside_each_other(chromium, address):
    page = Page(chromium, f"{address}compare?names=made-up,other,apart", ready="#winners-table tbody tr")
    first, second, third = page.table("winners")
    assert (first["search"], first["winner"], first["median"], first["[min, max]"]) == (
        "made-up",
        "1",
        "0.9000",
        "[0.880, 0.920]",
    )
    assert (second["median"], third["median"], second["baseline"]) == ("0.8500", "0.8500", "0.8200")
    assert [row["fresh seeds"] for row in (first, second, third)] == ["0.8800 [0.860, 0.900]", "-", "-"]
    assert (first["replicate-epochs"], second["replicate-epochs"]) == ("105", "90")
    easy, hard = page.table("levels")
    assert (easy["val_accuracy"], easy["the best of"]) == ("0.8500", "other, apart")
    # After 9 epochs of the baseline the first one of trial 1, five replicates each; of `other` likewise.
    assert easy["made-up"].startswith("50 replicate-epochs, ")
    assert easy["other"].startswith("50 replicate-epochs, ")
    assert (hard["val_accuracy"], hard["other"], hard["apart"]) == ("0.9000", "never", "never")
    shared = page.table("shared-0")
    assert [(row["median made-up"], row["median other"], row["difference"], row["lr"]) for row in shared] == [
        ("0.8000", "0.8200", "+0.0200*", "0.01"),
        ("0.9000", "0.8500", "-0.0500*", "0.05"),
    ]
    assert "share no configuration" in page.text("#comparison section:last-of-type")
    assert page.drawn("comparison") == 2
    page.find("#cost-axis").send_keys("h")
    assert page.violations() == []
    assert page.log()[0] == []
    assert page.find("#winners-table a[href*='#trial']").get_attribute("href") == f"{address}search/made-up/#trial=1"


def refused(address, names):
    with pytest.raises(urllib.error.HTTPError) as refusal:
        urllib.request.urlopen(f"{address}compare?names={names}", timeout=30)
    return refusal.value.code, refusal.value.read().decode()


def test_what_cannot_be_compared_is_told_in_a_sentence(address):
    assert refused(address, "made-up")[0] == 400
    assert "2 to 8 can be compared" in refused(address, "made-up,made-up")[1]
    assert refused(address, "made-up,nothing")[0] == 404
    status, sentence = refused(address, "made-up,loss")
    assert (status, "is judged by val_accuracy and `loss` by val_loss" in sentence) == (400, True)


def test_the_steps_on_the_page_end_at_what_the_search_spent(storage):
    from tuner.records.paths import ExperimentPaths
    from tuner.results import cost
    from tuner.results.history import History

    paths = [ExperimentPaths(storage / name) for name in ("made-up", "other")]
    for search, place in zip(compare_page.content(paths)["searches"], paths, strict=True):
        assert search["hours"] == pytest.approx(cost.cost(History.load(place))["spent"])
        assert search["steps"][-1]["median"] == search["winner"]["median"]
        for spent in ("replicate_epochs", "hours"):
            assert search["steps"][-1][spent] <= search[spent]
