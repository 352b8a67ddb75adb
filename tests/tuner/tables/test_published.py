"""Published figures in a plan and beside a space: one line each, and none of runs that are not like them."""

import io
import re

import pytest
from rich.console import Console

import search_spaces
from tests.tuner.experiments import Experiment, around
from tuner.experiment.plan import plan
from tuner.results.history import History
from tuner.results.leaderboard import Leaderboard
from tuner.results.published import figures
from tuner.tables import datasets, spaces
from tuner.tables.plan import plan_view


def printed(view):
    console = Console(width=100, file=io.StringIO())
    console.print(view)
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


def lines_of(lines, value):
    return [line for line in lines if re.match(rf"\s*{re.escape(value)}\b", line)]


@pytest.mark.parametrize(
    ("family", "name", "value", "rest"),
    [
        ("online-norm", "decays", "0.9220", ["h_fwd=1024 h_bwd=16"]),
        ("bn-only", "paper", "0.4840", ["name=cifar_freeze_14"]),
        ("bn-only", "columns", "0.0960", ["depth=14 width=32 trainable_set=none"]),
        ("deconv", "imagenet", "0.9275", ["arch=densenet121d norm=deconv"]),
        ("imagenet", "readme", "0.5098", ["alexnet_v2"]),
    ],
)
def test_a_space_prints_each_of_its_figures_on_a_line(family, name, value, rest):
    lines = printed(spaces.one(family, name))
    assert len(lines_of(lines, value)) == 1
    shown = " ".join(" ".join(lines).split())
    assert all(part in shown for part in rest)


def test_a_plan_prints_the_figures_that_its_trials_will_stand_beside():
    space = search_spaces.load("bn_only", "paper")
    lines = printed(plan_view(plan(space, 0)))
    [line] = lines_of(lines, "0.4840")
    assert "val_accuracy" in line
    assert "last epoch" in line
    assert "[1]" in line
    assert not any("other runs" in line for line in lines)


def test_a_plan_of_unlike_runs_prints_none_and_says_so():
    space = search_spaces.load("bn_only", "paper").with_overrides({"image_size": 8}).with_budget(epochs=1, grace=1)
    lines = printed(plan_view(plan(space, 0)))
    assert not lines_of(lines, "0.4840")
    assert any("24 published figures are of other runs than these" in line for line in lines)


def experiment(tmp_path, **changed):
    """A search over one trial that trained nine epochs, with a figure that names its protocol."""
    when = {"lr": 0.05, "dataset": "digits", "selection": "holdout", "epochs": 9, "image_size": 16}
    row = {"when": {**when, **changed.pop("when", {})}, "metric": "val_accuracy", "value": 0.484, "source": "Table 1"}
    made = Experiment(tmp_path, published=[row], **changed)
    made.session()
    made.trial(0, lr=0.05, image_size=16)
    made.complete(0, around(0.9))
    return made


@pytest.mark.parametrize(
    "when", [{"epochs": 20}, {"image_size": 32}, {"dataset": "cifar10"}, {"selection": "test"}, {"train_images": 1000}]
)
def test_a_figure_of_another_protocol_is_not_even_listed(tmp_path, when):
    assert figures(Leaderboard(History.load(experiment(tmp_path, when=when).paths))) == []


def test_a_figure_of_the_same_protocol_stands_beside_its_trial(tmp_path):
    [figure] = figures(Leaderboard(History.load(experiment(tmp_path).paths)))
    assert (figure.trial, figure.published) == (0, 0.484)


def test_datasets_that_lie_somewhere_are_listed_by_their_kind():
    lines = printed(datasets.listing())
    for kind in ("folder:PATH", "mnist:PATH", "imagenet:PATH", "imagenet16:PATH", "imagenet16-all:PATH"):
        assert any(line.lstrip().startswith(kind) for line in lines)
