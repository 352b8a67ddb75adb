"""What to do next follows from how the search stands."""

import pytest

from tests.tuner.experiments import Experiment, around, finished
from tuner.leaderboard import load
from tuner.report.verdict import verdict
from tuner.results.next_step import next_steps


def labels(paths):
    return [step.label for step in next_steps(load(paths), paths)]


def test_a_winner_is_confirmed_and_then_no_longer(tmp_path):
    paths = finished(tmp_path).paths
    assert labels(paths) == ["Retrain the winner", "Confirm it on fresh seeds"]
    assert next_steps(load(paths), paths)[1].command == f"tuner confirm made-up --storage {tmp_path} --top 3"
    confirmation = Experiment(paths.root, folder="confirmation")
    confirmation.session()
    assert labels(paths) == ["Retrain the winner", "Continue the confirmation"]
    for index, median in enumerate((0.8, 0.88)):
        confirmation.trial(index)
        confirmation.complete(index, around(median))
    confirmation.session("end")
    assert labels(paths) == ["Retrain the winner"]
    assert verdict(load(paths), paths)["commands"] == [
        {"label": "Retrain the winner", "command": f"tuner export made-up --storage {tmp_path} --trial best"}
    ]


@pytest.mark.parametrize("outcome", ["interrupted", "failed"])
def test_an_ended_search_is_continued_and_its_best_trial_leads(tmp_path, outcome):
    made = Experiment(tmp_path)
    made.session()
    for index in range(2):
        made.trial(index, lr=0.1 + index)
        made.train(index, around(0.5 + index / 10), to=3)
    made.session("end", outcome=outcome)
    assert labels(made.paths) == ["Continue the search", "Retrain the best trial so far", "Confirm it on fresh seeds"]
    assert verdict(load(made.paths), made.paths)["headline"].startswith("Trial 1 leads with")


def test_no_trial_wins_before_one_has_reached_the_full_budget(tmp_path):
    made = Experiment(tmp_path)
    made.session()
    for index in range(2):
        made.trial(index, lr=0.1 + index)
        made.stop(index, around(0.5 + index / 10))
    made.session("end")
    assert verdict(load(made.paths), made.paths)["headline"].startswith("Trial 1 leads with")
    assert "Retrain the winner" not in labels(made.paths)


def test_a_baseline_that_wins_needs_no_confirmation(tmp_path):
    made = Experiment(tmp_path)
    made.session()
    made.trial(0)
    made.trial(1, lr=0.3)
    made.complete(0, around(0.9))
    made.complete(1, around(0.5))
    made.session("end")
    assert labels(made.paths) == ["Retrain the winner", "See what was searched"]
    assert verdict(load(made.paths), made.paths)["headline"].startswith("The baseline (trial 0) wins")


def test_without_a_valid_trial_a_search_can_only_be_continued(tmp_path):
    made = Experiment(tmp_path)
    made.session()
    made.trial(0)
    assert labels(made.paths) == ["Continue the search"]


def test_results_print_the_steps_whole(tuner, tmp_path):
    paths = finished(tmp_path / ("long-" * 20)).paths
    _, shown, _ = tuner("results", paths.root)
    assert shown.splitlines()[-2:] == [
        f"Retrain the winner: tuner export made-up --storage {paths.root.parent} --trial best",
        f"Confirm it on fresh seeds: tuner confirm made-up --storage {paths.root.parent} --top 3",
    ]
