"""Searches beside each other: winners, fresh seeds, and the cost to reach a figure, recomputed from the records."""

import json

import pytest
from rich.console import Console

from tests.tuner.experiments import Experiment, around, finished
from tuner.errors import BadInput
from tuner.results import cost
from tuner.results.cost_to_reach import cost_to_reach
from tuner.results.history import History
from tuner.results.searches_compared import levels, searches, told
from tuner.tables.searches_compared import searches_view


def loaded(*experiments):
    return [(History.load(experiment.paths), experiment.paths) for experiment in experiments]


def other(folder, **changes):
    """A search of two trials, the second of which is at 0.82 from its first epoch on."""
    experiment = Experiment(folder, folder="other", **changes)
    experiment.session()
    for index, median in enumerate((0.75, 0.82)):
        experiment.trial(index, lr=0.3 * (index + 1))
        experiment.complete(index, around(median))
    experiment.session("end")
    return experiment


def test_the_steps_are_the_best_median_so_far_against_all_that_had_been_spent(tmp_path):
    """At 2 s an epoch: trial 0 stands at 0.80 for 9 epochs, then comes trial 1 with 0.90; 2 and 3 are worse."""
    history = History.load(finished(tmp_path).paths)
    reached = cost_to_reach(history)
    hours = cost.cost(history)
    assert [(step.trial, step.epoch, step.median) for step in reached.steps] == [(0, 1, 0.80), (1, 1, 0.90)]
    assert [step.replicate_epochs for step in reached.steps] == [5, (9 + 1) * 5]
    assert reached.steps[1].hours == pytest.approx(hours["spent"] * (9 + 1) / (9 + 9 + 3 + 1))
    assert reached.replicate_epochs == sum(trial.replicate_epochs for trial in history.trials) == (9 + 9 + 3) * 5
    assert (reached.hours, reached.unit) == (pytest.approx(hours["spent"]), hours["unit"])
    assert reached.first(0.85, "max") == reached.steps[1]
    assert reached.first(0.80, "max") == reached.steps[0]
    assert reached.first(0.91, "max") is None


def test_what_is_trained_again_costs_hours_and_reaches_nothing(tmp_path):
    experiment = Experiment(tmp_path)
    experiment.session()
    experiment.trial(0)
    experiment.train(0, around(0.5), to=2)
    experiment.epoch(0, 2, around(0.9), event="repeat")
    history = History.load(experiment.paths)
    reached = cost_to_reach(history)
    assert reached.hours == pytest.approx(3 * reached.steps[0].hours) == pytest.approx(cost.cost(history)["spent"])
    assert (reached.replicate_epochs, len(reached.steps)) == (10, 1)


def test_of_a_loss_the_smallest_median_counts(tmp_path):
    objective = {"metric": "val_loss", "mode": "min"}
    found = searches(loaded(other(tmp_path, objective=objective)))
    assert [step.median for step in found[0].reached.steps] == [0.75]
    assert found[0].reached.first(0.8, "min").trial == 0
    assert found[0].best.trial == 0


def test_each_search_has_its_winner_its_band_and_what_fresh_seeds_say(tmp_path):
    first, second = finished(tmp_path), other(tmp_path)
    fresh = Experiment(first.paths.root, folder="confirmation", seed=1)
    fresh.session()
    for index, median in enumerate((0.79, 0.88)):
        fresh.trial(index, lr=(0.01, 0.05)[index])
        fresh.complete(index, around(median))
    fresh.session("end")
    found = searches(loaded(first, second))
    assert [(one.best.trial, one.best.median, one.best.low, one.best.high) for one in found] == [
        (1, 0.90, 0.88, 0.92),
        (1, 0.82, 0.80, 0.84),
    ]
    assert [(one.confirmed, one.confirmed_low, one.confirmed_high) for one in found] == [
        (0.88, 0.86, 0.90),
        (None, None, None),
    ]
    assert [one.baseline for one in found] == [0.80, 0.75]
    easy, hard = levels(found)
    assert (easy.median, easy.of, [cost[0] for cost in easy.costs]) == (0.82, "other", [50, 50])
    assert (hard.median, hard.of, hard.costs[1]) == (0.90, "made-up", None)
    console = Console(width=100)
    with console.capture() as capture:
        console.print(searches_view(found))
    lines = capture.get().splitlines()
    assert max(map(len, lines)) <= 100
    row = next(line.split() for line in lines if line.strip().startswith("made-up"))
    assert row[:8] == ["made-up", "4", "trial", "1", "0.9000", "[0.880,", "0.920]", "0.8800"]
    assert any("0.9000" in line and "never" in line for line in lines)


def test_searches_of_other_objectives_are_refused(tmp_path):
    objective = {"metric": "val_loss", "mode": "min"}
    with pytest.raises(BadInput, match="`made-up` is judged by val_accuracy and `other` by val_loss"):
        searches(loaded(finished(tmp_path), other(tmp_path, objective=objective)))


def test_the_json_of_a_comparison_holds_winners_steps_and_costs_beside_what_it_held(tuner, tmp_path):
    """The same figures as the table and the page show, from the same records."""
    second = Experiment(tmp_path, folder="other")
    second.session()
    second.trial(0)
    second.complete(0, around(0.82))
    made = [finished(tmp_path), second]
    code, out, _ = tuner("compare", "made-up", "other", "--json", "--storage", tmp_path)
    content = json.loads(out)
    assert code == 0
    assert {"pairs", "better", "median_difference", "only_a", "only_b"} <= content.keys()
    found = searches(loaded(*made))
    assert {name: content[name] for name in ("searches", "to_reach")} == json.loads(json.dumps(told(found)))
    first, other_one = content["searches"]
    assert (first["name"], first["winner"]["trial"], first["winner"]["median"]) == ("made-up", 1, 0.90)
    assert first["winner"]["baseline"] == 0.80
    assert first["fresh_seeds"] is None
    assert [step["replicate_epochs"] for step in first["steps"]] == [5, 50]
    assert (first["replicate_epochs"], other_one["winner"]["median"]) == (105, 0.82)
    assert [(level["median"], level["of"]) for level in content["to_reach"]] == [(0.82, "other"), (0.90, "made-up")]
    assert content["to_reach"][1]["costs"][0]["replicate_epochs"] == 50
    assert content["to_reach"][1]["costs"][1] is None


def test_searches_that_share_no_configuration_are_compared_in_json_too(tuner, tmp_path):
    first, second = finished(tmp_path), other(tmp_path)
    code, out, said = tuner("compare", "made-up", "other", "--json", "--storage", tmp_path)
    content = json.loads(out)
    assert (code, said) == (0, "")
    assert content["nothing_shared"].startswith("`made-up` and `other` share no configuration that both have trained")
    assert (content["pairs"], content["only_a"], content["only_b"], content["better"]) == ([], 4, 2, 0)
    assert content["median_difference"] is None
    assert {name: content[name] for name in ("searches", "to_reach")} == json.loads(
        json.dumps(told(searches(loaded(first, second))))
    )
    code, out, said = tuner("compare", "made-up", "other", "--csv", "--storage", tmp_path)
    assert (code, len(out.splitlines())) == (0, 1)
    assert said.startswith("`made-up` and `other` share no configuration")
