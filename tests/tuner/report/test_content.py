"""What the page says, in its rooms: the verdict, the cuts within seed noise, the hours, the thinning, the importances."""

import io
from pathlib import Path

import pytest
from rich.console import Console

from tests.tuner.experiments import Experiment, around, finished
from tuner.leaderboard import Leaderboard
from tuner.report import curves, details, importance, interaction, knobs, stopping, trials, verdict
from tuner.report.glossary import GLOSSARY
from tuner.results import cost
from tuner.results.history import History
from tuner.tables.results import results_view


def board(experiment):
    return Leaderboard(History.load(experiment.paths))


def first_screen(experiment):
    return verdict.verdict(board(experiment), experiment.paths)


def pair(folder, ours, **changes):
    """A baseline at 0.80 and one other trial with these values, both to the full budget."""
    experiment = Experiment(folder, **changes)
    experiment.session()
    experiment.trial(0)
    experiment.trial(1, lr=0.05)
    experiment.complete(0, around(0.80))
    experiment.complete(1, ours)
    experiment.session("end")
    return experiment


def test_the_winner_is_told_with_its_lead_over_the_baseline(tmp_path):
    told = first_screen(finished(tmp_path))
    assert told["headline"] == "Trial 1 wins with a median val_accuracy of 0.9000, 0.1000 above the baseline"
    assert told["evidence"][0].startswith(
        "5 of 5 paired seeds favour it over the baseline (sign test, two-sided p = 0.0625)"
    )
    assert told["evidence"][0].endswith("more than seed noise.")
    assert told["changed"] == [{"name": "lr", "value": "0.05", "baseline": "0.01"}]
    assert told["commands"][0]["command"].endswith("--trial best")


def test_four_of_five_seeds_are_told_to_be_no_more_than_noise(tmp_path):
    told = first_screen(pair(tmp_path, [0.77, 0.80, 0.81, 0.82, 0.83]))
    assert told["headline"].startswith("Trial 1 wins")
    assert "4 of 5 paired seeds" in told["evidence"][0]
    assert "not more than seed noise; 5 would be needed" in told["evidence"][0]
    assert told["evidence"][1] == "Not separated from it by the paired seeds: trial 0 (baseline)."


def test_all_five_seeds_are_no_more_than_noise_for_the_best_of_many_trials(tmp_path):
    """In the page and in the terminal alike, and never while only one trial was compared."""
    experiment = pair(tmp_path, around(0.90))
    assert first_screen(experiment)["evidence"][0].endswith(": more than seed noise.")
    for index in (2, 3):
        experiment.trial(index, lr=0.1 * index)
        experiment.stop(index, around(0.70), cutoff=0.75)
    told = first_screen(experiment)["evidence"][0]
    assert told.endswith(
        "best of 3 trials that were compared with it; corrected for these looks (Bonferroni), p = 0.1875: "
        "these seeds alone do not show that it is more than seed noise."
    )
    console = Console(width=100, record=True, file=io.StringIO())
    console.print(results_view(board(experiment)))
    assert f"trial 1: {told}" in " ".join(console.export_text().split())


def test_where_smaller_is_better_the_lead_points_down(tmp_path):
    told = first_screen(pair(tmp_path, around(0.60), objective={"metric": "val_loss", "mode": "min"}))
    assert told["headline"] == "Trial 1 wins with a median val_loss of 0.6000, 0.2000 below the baseline"
    assert told["evidence"][0].endswith("more than seed noise.")


def test_a_search_that_has_not_finished_has_a_leader_and_no_winner(tmp_path):
    experiment = Experiment(tmp_path)
    experiment.session()
    experiment.trial(0)
    experiment.train(0, around(0.8), to=3)
    assert first_screen(experiment)["headline"] == "The baseline (trial 0) leads with a median val_accuracy of 0.8000"


def test_seeds_are_compared_at_one_epoch(tmp_path):
    """Trial 2 was stopped at epoch 3 and has nothing to show at the winner's."""
    told = first_screen(finished(tmp_path))
    assert [(seed["trial"], seed["median"]) for seed in told["seeds"]] == [(1, 0.90), (0, 0.80)]


@pytest.mark.parametrize(("cutoff", "noisy"), [(0.719, True), (0.72, True), (0.721, False)])
def test_a_cut_is_within_the_seed_noise_if_a_replicate_reached_the_cutoff(tmp_path, cutoff, noisy):
    experiment = Experiment(tmp_path)
    experiment.trial(0)
    experiment.stop(0, around(0.70), cutoff=cutoff)
    told = stopping.stopping(board(experiment))
    assert (told["cuts"], told["noisy"]) == (1, int(noisy))
    assert told["rungs"][1] == {
        "epoch": 3,
        "entered": 1,
        "kept": 0,
        "stopped": 1,
        "waiting": 0,
        "lost": 0,
        "cutoff": cutoff,
        "noisy": int(noisy),
    }


def test_a_cut_of_a_loss_is_noisy_if_the_smallest_replicate_reached_the_cutoff(tmp_path):
    experiment = Experiment(tmp_path, objective={"metric": "val_loss", "mode": "min"})
    experiment.trial(0)
    experiment.trial(1)
    experiment.stop(0, around(0.70), cutoff=0.685)
    experiment.stop(1, around(0.70), cutoff=0.675)
    assert [decision["noisy"] for decision in stopping.stopping(board(experiment))["decisions"]] == [True, False]


def test_hours_are_those_of_the_processors_held_and_saved_ones_are_at_the_trials_own_pace(tmp_path):
    """Two completed trials of 9 epochs, one stopped at 3, one diverged at 1, at 2 s an epoch and a quarter of a GPU."""
    budget = {"epochs": 9, "grace": 1, "reduction": 3, "trials": 4, "replicates": 5, "gpus_per_trial": 0.25}
    told = cost.cost(History.load(finished(tmp_path, budget=budget).paths))
    assert told["unit"] == "GPU-hours"
    assert told["spent"] == pytest.approx((9 + 9 + 3 + 1) * 2 * 0.25 / 3600)
    assert told["saved"] == pytest.approx((6 + 8) * 2 * 0.25 / 3600)
    assert told["full"] == pytest.approx(4 * 9 * 2 * 0.25 / 3600)


def test_curves_are_thinned_by_the_smallest_stride_that_fits_and_keep_rungs_and_ends(tmp_path, monkeypatch):
    monkeypatch.setattr(curves, "OBJECTIVE_POINTS", 12)
    (told,) = curves.curves(History.load(finished(tmp_path).paths))
    assert told["metric"] == "val_accuracy"
    assert told["stride"] == 3
    assert told["trials"][1]["epochs"] == [1, 3, 6, 9]
    assert told["trials"][2]["epochs"] == [1, 3]
    assert told["trials"][1]["medians"] == [0.9] * 4
    assert told["trials"][1]["lows"] == [0.88] * 4
    assert told["trials"][3]["medians"] == [None]
    assert told["seconds"][1] == [2.0, 6.0, 12.0, 18.0]


def test_metrics_that_are_reported_only_at_the_end_have_no_curve(tmp_path):
    assert [curve["metric"] for curve in curves.curves(History.load(finished(tmp_path).paths))] == ["val_accuracy"]


def drawn(folder, count=40):
    """Trials whose objective is a step in lr, while momentum does nothing; text and absent values are there as well."""
    experiment = Experiment(folder, baseline={"lr": 0.5, "momentum": 0.5, "mode": "a"})
    experiment.session()
    for index in range(count):
        lr, momentum = (index % 8 + 1) / 8, (index * 7 % 10) / 10
        extra = {"mode": "b", "sigma": 1.0} if index % 2 else {}
        experiment.trial(index, lr=lr, momentum=momentum, **extra)
        experiment.train(index, around(0.5 + 0.4 * (lr > 0.5) + 0.001 * momentum), to=1)
    return experiment


def test_the_knob_that_decides_is_the_most_important_and_the_others_stay_near_nothing(tmp_path):
    (measured,) = importance.importances(knobs.knobs(board(drawn(tmp_path))))
    assert (measured["epoch"], measured["trials"]) == (1, 40)
    assert measured["r2"] > 0.9
    ranked = measured["knobs"]
    assert ranked[0]["name"] == "lr"
    assert ranked[0]["low"] <= ranked[0]["median"] <= ranked[0]["high"]
    assert ranked[0]["median"] > 0.5
    assert all(abs(knob["median"]) < 0.1 for knob in ranked[1:])
    assert {knob["name"] for knob in ranked} == {"lr", "momentum", "mode", "sigma"}


def test_two_knobs_that_count_only_together_are_told_to_and_two_that_add_up_are_not():
    rows = tuple((float(a), float(b), float(n % 5)) for n, (a, b) in enumerate([(0, 0), (0, 1), (1, 0), (1, 1)] * 20))
    either = interaction.together(rows, tuple(float(a != b) for a, b, _ in rows), (0, 1))
    assert either["values"] == [[0.0, 1.0], [0.0, 1.0]]
    assert either["means"] == [pytest.approx([0, 1], abs=0.05), pytest.approx([1, 0], abs=0.05)]
    assert either["share"] > 0.95
    assert interaction.together(rows, tuple(a + b for a, b, _ in rows), (0, 1))["share"] < 0.05


def test_the_knobs_open_at_the_rung_whose_forest_explains_most_and_else_where_trials_are_enough():
    seen = {"first": 1, "rungs": [{"epoch": 1}, {"epoch": 3}, {"epoch": 9}]}
    explained = [{"epoch": 1, "r2": 0.2}, {"epoch": 3, "r2": -0.1}, {"epoch": 9, "r2": 0.6}]
    assert importance.opens_at(seen, explained) == 2
    assert importance.opens_at(seen, [{"epoch": 1, "r2": 0.0}]) == 1
    assert importance.opens_at(seen, []) == 1


def test_a_tie_far_down_is_explained_by_the_seeds_on_which_the_best_is_ahead(tmp_path):
    experiment = finished(tmp_path)
    experiment.trial(4, lr=0.06)
    experiment.complete(4, [0.89, 0.88, 0.90, 0.91, 0.92])
    rows = {row["trial"]: row for row in trials.trials(board(experiment))["rows"]}
    assert [rows[trial]["behind"] for trial in (1, 4, 0, 2)] == [None, "1 of 5", "5 of 5", None]
    assert [rows[trial]["tied"] for trial in (4, 0)] == [True, False]


def test_the_words_of_the_page_are_those_of_the_map():
    told = " ".join((Path(__file__).parents[3] / "ARCHITECTURE.md").read_text().split())
    for word, meaning in GLOSSARY.items():
        assert f"**{word.capitalize()}**: {meaning}" in told


def test_no_importance_is_claimed_from_a_handful_of_trials_or_equal_ones(tmp_path):
    assert importance.importances(knobs.knobs(board(finished(tmp_path / "few")))) == []
    experiment = Experiment(tmp_path / "equal")
    for index in range(12):
        experiment.trial(index, lr=0.1 * (index + 1), momentum=0.1 * index)
        experiment.train(index, around(0.5), to=1)
    assert importance.importances(knobs.knobs(board(experiment))) == []


def test_the_rung_shown_first_is_the_highest_with_twenty_trials():
    assert [knobs.first_rung(counts) for counts in ([81, 27, 9], [16, 5], [])] == [1, 0, None]


def test_knobs_that_span_decades_are_read_on_a_logarithmic_axis(tmp_path):
    experiment = Experiment(tmp_path)
    for index, lr in enumerate([1e-3, 1e-2, 1e-1]):
        experiment.trial(index, lr=lr, depth=index)
        experiment.train(index, around(0.5), to=1)
    assert {axis["name"]: axis["log"] for axis in knobs.knobs(board(experiment))["axes"]} == {
        "lr": True,
        "depth": False,
    }


def test_a_knob_with_one_value_that_is_no_number_sorts_as_text(tmp_path):
    experiment = Experiment(tmp_path, baseline={"size": 16})
    experiment.trial(0)
    experiment.trial(1, size=None)
    told = trials.trials(board(experiment))
    assert told["knobs"] == [{"name": "size", "numeric": False, "varies": True}]
    assert sorted(row["knobs"][0] for row in told["rows"]) == ["16", "none"]


def test_failures_are_told_with_the_first_line_of_their_error(tmp_path):
    experiment = Experiment(tmp_path)
    experiment.session()
    experiment.trial(0)
    experiment.train(0, [0.5, 0.5, 0.5, 0.5, None], to=1)
    experiment.fail_replicate(0, 4, 1, "\nRuntimeError: out of memory\nat line 3")
    experiment.write("error", trial=0, message="the worker died")
    history = History.load(experiment.paths)
    told = details.failures(history, details.tracebacks(history))
    assert [failure["message"] for failure in told] == ["RuntimeError: out of memory", "the worker died"]
    assert [failure["kind"] for failure in told] == ["raised", "worker lost"]
