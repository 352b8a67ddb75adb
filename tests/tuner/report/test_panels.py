"""The panels of the families: drawn from what the records hold, and saying what they wait for where they hold nothing."""

import pytest

from tests.tuner.experiments import Experiment, around
from trainables import families
from tuner.leaderboard import Leaderboard
from tuner.report import panels
from tuner.results.history import History


def figures(experiment):
    panel = panels.panel(Leaderboard(History.load(experiment.paths)))
    return {figure["title"]: figure for figure in panel["figures"]}


def searched(folder, family, configs, values=None, **changes):
    """One completed trial a configuration, medians 0.50, 0.51, ... unless given; `changes` go to the manifest."""
    experiment = Experiment(folder, family=family, baseline=configs[0], **changes)
    experiment.session()
    for index, config in enumerate(configs):
        experiment.trial(index, **config)
    for index in range(len(configs)):
        median = values[index] if values else 0.5 + 0.01 * index
        experiment.complete(index, around(median), **changes.get("last", {}))
    experiment.session("end")
    return experiment


def test_every_family_that_can_be_launched_has_a_panel():
    assert set(families.names()) <= set(panels.PANELS)


@pytest.mark.parametrize("family", sorted(panels.PANELS))
def test_a_panel_without_trials_says_so_and_draws_nothing(tmp_path, family):
    shown = figures(Experiment(tmp_path, family=family))
    assert shown
    assert all(figure["data"] == [] and figure["note"] for figure in shown.values())


def test_a_family_without_a_panel_has_none(tmp_path):
    experiment = Experiment(tmp_path, family="my_own")
    assert panels.panel(Leaderboard(History.load(experiment.paths))) is None


def test_blur_shows_the_schedule_and_the_accuracy_at_each_evaluation_sigma(tmp_path):
    experiment = Experiment(tmp_path, baseline={"mode": "single-step", "sigma": 2.0, "epochs": 9})
    experiment.trial(0)
    experiment.train(0, around(0.9), to=8)
    experiment.epoch(0, 9, around(0.9), val_accuracy_sigma_0=0.9, val_accuracy_sigma_8=0.3, val_accuracy_sigma_1=0.8)
    experiment.end(0, "completed", 9)
    shown = figures(experiment)
    schedule = shown["Sigma over the epochs"]["data"][0]
    assert list(zip(schedule["x"], schedule["y"], strict=True)) == [(e, 2.0 if e <= 4 else 0.0) for e in range(1, 10)]
    robust = shown["Accuracy on blurred images"]["data"][0]
    assert (robust["x"], robust["y"]) == ([0.0, 1.0, 8.0], [0.9, 0.8, 0.3])


def test_online_norm_shows_the_best_trial_in_each_cell_of_the_two_horizons(tmp_path):
    configs = [
        {"norm_mode": "batch"},
        {"norm_mode": "online", "h_fwd": 1024, "h_bwd": 128},
        {"norm_mode": "online", "afwd": 1 - 1 / 16, "abkw": 1 - 1 / 4},
        {"norm_mode": "online", "h_fwd": 1024, "h_bwd": 128, "lr": 0.2},
    ]
    experiment = searched(tmp_path, "online-norm", configs)
    shown = figures(experiment)
    heat = shown["The two horizons"]["data"][0]
    assert (heat["x"], heat["y"]) == (["16", "1024"], ["4", "128"])
    assert heat["z"] == [[0.52, None], [None, 0.53]]
    assert heat["customdata"][1][1] == "trial 3"
    norms = shown["The norms"]["data"][0]
    assert dict(zip(norms["x"], norms["y"], strict=True)) == {"batch": 0.5, "online": 0.53}


def test_deconv_shows_bn_against_nd_for_each_network_and_the_published_cells_of_this_budget(tmp_path):
    configs = [{"arch": arch, "norm": norm} for arch in ("vgg16", "resnet") for norm in ("deconv", "bn")]
    published = [
        {
            "when": {"arch": "vgg16", "dataset": "digits", "norm": "bn", "epochs": epochs},
            "metric": "val_accuracy",
            "value": value,
            "source": "table",
        }
        for epochs, value in ((9, 0.77), (20, 0.9))
    ]
    shown = figures(searched(tmp_path, "deconv", configs, [0.8, 0.7, 0.6, 0.65], published=published))
    bars = {
        trace["name"]: dict(zip(trace["x"], trace["y"], strict=True))
        for trace in shown["BN against ND at the full budget"]["data"]
    }
    assert bars == {
        "BN": {"vgg16": 0.7, "resnet": 0.65},
        "ND": {"vgg16": 0.8, "resnet": 0.6},
        "BN, published": {"vgg16": 0.77},
    }
    leads = {trace["name"]: trace["y"][-1] for trace in shown["The lead of ND"]["data"]}
    assert leads == pytest.approx({"vgg16": 0.1, "resnet": -0.05})


def test_bn_only_shows_accuracy_by_depth_and_width_and_a_histogram_that_holds_all_gammas(tmp_path):
    experiment = Experiment(tmp_path, family="bn_only", baseline={"depth": 14, "trainable_set": "bn"})
    experiment.session()
    for index, config in enumerate([{}, {"depth": 8}, {"name": "cifar_freeze_14_2"}, {"trainable_set": "all"}]):
        experiment.trial(index, **config)
    quantiles = {"min": -1.0, "q05": -0.5, "q25": 0.0, "q50": 0.25, "q75": 0.5, "q95": 1.0, "max": 2.0}
    for index in range(4):
        experiment.complete(index, around(0.5 + 0.01 * index), **{f"gamma_{name}": v for name, v in quantiles.items()})
    shown = figures(experiment)
    by_depth = {trace["name"]: (trace["x"], trace["y"]) for trace in shown["Accuracy against depth"]["data"]}
    assert by_depth["bn, width 1"] == ([8, 14], [0.51, 0.5])
    assert by_depth["bn, width 2"] == ([14], [0.52])
    by_width = {trace["name"]: (trace["x"], trace["y"]) for trace in shown["Accuracy against width"]["data"]}
    assert by_width["bn, depth 14"] == ([1, 2], [0.5, 0.52])
    trace = shown["Histogram of gamma"]["data"][0]
    edges, densities = trace["x"], trace["y"]
    assert sum(
        d * (right - left) for d, left, right in zip(densities, edges, edges[1:], strict=False)
    ) == pytest.approx(1)


def test_imagenet_shows_the_learning_rate_of_every_epoch_as_recorded(tmp_path):
    (figure,) = figures(searched(tmp_path, "imagenet", [{"lr": 0.01}])).values()
    assert (figure["data"][0]["x"], figure["data"][0]["y"]) == (list(range(1, 10)), [0.01] * 9)
