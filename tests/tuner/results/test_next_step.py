"""What to do next follows from how the search stands."""

import random

import pytest
from ray import tune

import search_spaces
from search_spaces.domains import ranges
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


def searched(
    folder, *, ranges=None, command="tuner launch blur smoke --name first --set lr=loguniform(0.001,0.1)", **best
):
    """A finished search whose trial 1 wins with these knobs."""
    made = Experiment(folder, ranges=ranges or {}, command=command, rebuildable=True)
    made.session()
    made.trial(0)
    made.trial(1, **best)
    made.complete(0, around(0.8))
    made.complete(1, around(0.9))
    made.session("end")
    return made.paths


@pytest.mark.parametrize(
    ("domain", "value", "wider"),
    [
        (["loguniform", 0.001, 0.1], 0.098, "loguniform(0.001,1)"),
        (["loguniform", 0.001, 0.1], 0.00101, "loguniform(0.0001,0.1)"),
        (["uniform", 0.1, 0.3], 0.299, "uniform(0.1,0.4)"),
        (["choice", 0.01, 0.1, 0.02], 0.1, "choice(0.01,0.1,0.02,0.5)"),
    ],
)
def test_a_winner_at_the_end_of_a_range_is_searched_wider(tmp_path, domain, value, wider):
    paths = searched(tmp_path, ranges={"lr": domain}, lr=value)
    step = next_steps(load(paths), paths)[-1]
    assert step.label.startswith(f"Search wider, since of the winner lr {value:g} is at the ")
    assert step.command == f"tuner launch blur smoke --set 'lr={wider}'"
    assert verdict(load(paths), paths)["commands"][-1] == {"label": step.label, "command": step.command}


@pytest.mark.parametrize(
    ("domain", "best"),
    [
        (["loguniform", 0.001, 0.1], {"lr": 0.05}),  # in the middle
        (["choice", 0.1, 0.05], {"lr": 0.1}),  # two values have no order worth a word
        (["choice", "normal", "blur", "curriculum"], {"mode": "blur"}),
    ],
)
def test_a_winner_elsewhere_and_a_manifest_without_ranges_ask_for_nothing(tmp_path, domain, best):
    paths = searched(tmp_path / "a", ranges={next(iter(best)): domain}, **best)
    assert labels(paths) == ["Retrain the winner", "Confirm it on fresh seeds"]
    paths = searched(tmp_path / "b", lr=0.0999)
    assert labels(paths) == ["Retrain the winner", "Confirm it on fresh seeds"]


def test_only_values_that_the_family_takes_are_searched(tmp_path):
    paths = searched(tmp_path, ranges={"momentum": ["uniform", 0.5, 0.99]}, momentum=0.985)
    assert all("momentum" not in step.command for step in next_steps(load(paths), paths))


def test_a_space_says_its_ranges_and_a_launch_keeps_them():
    space = search_spaces.load("blur", "smoke")
    kept = ranges(space.parameters)
    assert set(kept) <= set(space.parameters)
    assert all(isinstance(said[0], str) and len(said) > 2 for said in kept.values())
    assert ranges({"lr": tune.loguniform(0.001, 0.1), "b": tune.choice([1, 2]), "c": 3}) == {
        "lr": ["loguniform", 0.001, 0.1],
        "b": ["choice", 1, 2],
    }


def test_where_the_winner_leads_by_no_more_than_picking_flatters_nothing_is_left_to_gain(tmp_path):
    made = Experiment(tmp_path)
    made.session()
    for index in range(4):
        made.trial(index, lr=0.01 + index)
    # The medians are 0.80 and 0.801, the best of them on seeds that say nothing.
    for index, values in enumerate(([0.76, 0.78, 0.80, 0.82, 0.84], [0.84, 0.75, 0.801, 0.83, 0.77])):
        made.complete(index, values)
    for index in (2, 3):
        made.complete(index, [0.80, 0.70, 0.79, 0.85, 0.75])
    made.session("end")
    board = load(made.paths)
    assert not board.best.baseline
    [step] = next_steps(board, made.paths)
    assert step.label.startswith("Stop here, the winner leads the baseline by ")
    assert step.command.endswith("--trial baseline")


def test_fresh_seeds_that_find_nothing_better_end_it_and_stand_beside_the_selection(tmp_path):
    paths = finished(tmp_path).paths
    confirmation = Experiment(paths.root, folder="confirmation")
    confirmation.session()
    for index, median in enumerate((0.8, 0.795)):
        confirmation.trial(index)
        confirmation.complete(index, around(median))
    confirmation.session("end")
    assert labels(paths) == ["Stop here, fresh seeds do not separate any trial from the baseline: keep the baseline"]
    [base, winner] = verdict(load(paths), paths)["confirmation"]
    assert (base["trial"], base["selection"], base["fresh"], base["change"]) == (0, 0.8, 0.8, 0.0)
    assert (winner["selection"], winner["fresh"]) == (0.9, 0.795)
    assert winner["change"] == pytest.approx(-0.105)


def noisy_at_first(folder):
    """Trials that one epoch tells nothing of, and that differ clearly from the third on; none was stopped by chance alone."""
    made = Experiment(folder, command="tuner launch blur search --grace 1 --storage s", rungs=[1, 3, 9])
    made.session()
    draw = random.Random(3)
    for index in range(12):
        made.trial(index, lr=0.01 + index)
        made.write("start", trial=index, epoch=0)
        for epoch in range(1, 10):
            spread = 0.2 if epoch < 3 else 0.001
            made.epoch(
                index,
                epoch,
                [
                    round(0.5 + 0.03 * (7 * index % 12) * (epoch > 2) + draw.uniform(-spread, spread), 4)
                    for _ in range(5)
                ],
            )
        made.end(index, "completed", 9)
    made.session("end")
    return made.paths


def test_many_cuts_within_seed_noise_ask_for_the_grace_that_replay_says_is_better(tmp_path):
    paths = noisy_at_first(tmp_path)
    [step] = [step for step in next_steps(load(paths), paths) if step.label.startswith("Cut less by chance")]
    assert step.command == "tuner launch blur search --storage s --grace 3"
    assert "replayed with --grace 3, 0 of" in step.label
