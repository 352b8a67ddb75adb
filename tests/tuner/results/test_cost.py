"""What a search cost: each trial by the processors that it held itself."""

import pytest

from tests.tuner.experiments import Experiment, around, finished, made_up
from tuner.results.cost import cost
from tuner.results.early_stopping import EarlyStopping
from tuner.results.history import History

SECONDS = 2  # an epoch of a made-up trial


def told(folder, budget, rules, *archs, family="blur"):
    """Trials of 9 epochs, one for each arch."""
    budget = {"epochs": 9, "grace": 1, "reduction": 3, "trials": len(archs), "replicates": 5, **budget}
    made = Experiment(folder, family=family, budget=budget, allocations=rules)
    made.session()
    for index, arch in enumerate(archs):
        made.trial(index, arch=arch)
    for index, _ in enumerate(archs):
        made.complete(index, around(0.5))
    return cost(History.load(made.paths))


def rule(cpus, gpus, *archs):
    return {"when": {"arch": list(archs)}, "cpus": cpus, "gpus": gpus}


def test_a_trial_that_the_space_gave_a_whole_card_cost_a_whole_card(tmp_path):
    found = told(tmp_path, {"gpus_per_trial": 0.25}, [rule(None, 1.0, "resnet50")], "small_cnn", "resnet50")
    assert found["unit"] == "GPU-hours"
    assert found["spent"] == found["full"] == pytest.approx(9 * SECONDS * (0.25 + 1) / 3600)


def test_a_trial_that_was_stopped_saved_hours_of_what_it_held(tmp_path):
    budget = {"epochs": 9, "grace": 1, "reduction": 3, "trials": 4, "replicates": 5, "cpus_per_trial": 2}
    rules = [{"when": {"lr": [0.001]}, "cpus": 8, "gpus": None}]  # of the trial stopped at epoch 3
    found = cost(History.load(finished(tmp_path, budget=budget, allocations=rules).paths))
    assert found["unit"] == "CPU-hours"
    assert found["spent"] == pytest.approx(SECONDS * (2 * (9 + 9 + 1) + 8 * 3) / 3600)
    assert found["saved"] == pytest.approx(SECONDS * (2 * 8 + 8 * 6) / 3600)


def test_cards_that_a_rule_alone_gives_make_them_gpu_hours_and_a_trial_without_cost_none(tmp_path):
    found = told(tmp_path, {"gpus_per_trial": 0}, [rule(None, 2.0, "resnet50")], "small_cnn", "resnet50")
    assert (found["unit"], found["spent"]) == ("GPU-hours", pytest.approx(9 * SECONDS * 2 / 3600))


def test_spread_replicates_cost_what_they_hold_together(tmp_path):
    found = told(tmp_path, {"placement": "spread", "cpus_per_trial": 10}, [rule(5, None, "resnet50")], "resnet50")
    assert found["spent"] == pytest.approx(9 * SECONDS * 5 / 3600)


def test_replicates_on_cards_of_their_own_cost_all_of_them(tmp_path):
    found = told(tmp_path, {"placement": "spread", "gpus_per_replicate": 2, "gpus_per_trial": 10}, [], "resnet50")
    assert (found["unit"], found["spent"]) == ("GPU-hours", pytest.approx(9 * SECONDS * 10 / 3600))


def test_the_cost_of_a_family_that_is_no_longer_here_can_be_read(tmp_path):
    found = told(tmp_path, {"cpus_per_trial": 1}, [rule(4, None, "wide")], "narrow", "wide", family="of_old")
    assert found["spent"] == pytest.approx(9 * SECONDS * (1 + 4) / 3600)


def test_before_the_first_trial_the_unit_is_the_budgets(tmp_path):
    found = told(tmp_path, {"gpus_per_trial": 0.5, "trials": 1}, [])
    assert (found["unit"], found["spent"]) == ("GPU-hours", 0)


def test_a_trial_that_had_few_seeds_saved_those_that_never_joined():
    budget = {"epochs": 12, "grace": 1, "reduction": 3, "trials": 2, "replicates": 5, "seeds": [1, 3, 5]}
    history = History(made_up(budget=budget, rungs=[1, 3, 9, 12]), name="made up", live=False)
    for trial in (0, 1):
        history.apply({"event": "trial", "time": 0.0, "trial": trial, "baseline": trial == 0, "config": {}})
    for trial, event, epoch, count in ((0, "epoch", 1, 1), (1, "epoch", 1, 1), (1, "late", 1, 2), (1, "epoch", 2, 3)):
        record = {
            "event": event,
            "time": 0.0,
            "trial": trial,
            "epoch": epoch,
            "replicates_ok": count,
            "rung": 1,
            "first": 1,
        }
        values = {"val_accuracy": {"median": 0.5, "values": [0.5] * count}}
        history.apply(record | {"epoch_seconds": 3600.0 * count, "metrics": values})
    assert cost(history)["spent"] == 1 + 1 + 2 + 3
    for trial, epoch in ((0, 1), (1, 2)):
        history.apply({"event": "end", "time": 0.0, "trial": trial, "status": "stopped", "epoch": epoch, "reason": ""})
    assert cost(history)["saved"] == pytest.approx(2 * 12 * 5 - (1 + 1 + 2 + 3))
    assert EarlyStopping.of(history).replicate_epochs == 1 + 1 + 2 + 3
