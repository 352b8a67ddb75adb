"""The ranking: rung, then median; nothing broken ranks above what works; ties are what the seeds cannot tell."""

import math
import subprocess
import sys

import pytest

from tests.tuner.experiments import Experiment, around, finished
from tuner.errors import BadInput
from tuner.results import leaderboard


def ranked(experiment):
    return [row.trial for row in leaderboard.load(experiment.paths).rows]


def test_trials_rank_by_rung_then_median(tmp_path):
    experiment = Experiment(tmp_path)
    for index in range(5):
        experiment.trial(index, lr=index + 1.0)
    experiment.complete(0, around(0.5))
    experiment.stop(1, around(0.9), at=3)
    experiment.complete(2, around(0.6))
    experiment.stop(3, around(0.95), at=1)
    experiment.stop(4, around(0.91), at=3)
    assert ranked(experiment) == [2, 0, 4, 1, 3]


def test_smaller_is_better_when_the_objective_says_min(tmp_path):
    experiment = Experiment(tmp_path, objective={"metric": "val_loss", "mode": "min"})
    for index, loss in enumerate([0.5, 0.3, 0.9]):
        experiment.trial(index)
        experiment.complete(index, around(loss))
    assert ranked(experiment) == [1, 0, 2]


def test_a_running_trial_is_ranked_on_the_rung_it_passed_not_on_training_longer(tmp_path):
    experiment = Experiment(tmp_path)
    experiment.trial(0)
    experiment.trial(1)
    experiment.stop(0, around(0.6), at=3)
    experiment.train(1, around(0.5), to=3)
    experiment.epoch(1, 4, around(0.99))
    board = leaderboard.load(experiment.paths)
    assert [row.trial for row in board.rows] == [0, 1]
    assert (board.rows[1].median, board.rows[1].rung, board.rows[1].epoch) == (0.5, 3, 4)


@pytest.mark.parametrize("status", ["diverged", "failed"])
def test_a_broken_trial_never_ranks_above_a_finite_one(tmp_path, status):
    experiment = Experiment(tmp_path)
    experiment.trial(0)
    experiment.trial(1)
    experiment.stop(0, around(0.1), at=1)
    experiment.train(1, around(0.9), to=8)
    if status == "diverged":
        experiment.epoch(1, 9, [None] * 5)
    experiment.end(1, status, 9)
    board = leaderboard.load(experiment.paths)
    assert [row.trial for row in board.rows] == [0, 1]
    assert board.best.trial == 0


def test_a_trial_whose_last_median_is_not_finite_is_no_result_before_it_is_ended(tmp_path):
    experiment = Experiment(tmp_path)
    experiment.trial(0)
    experiment.trial(1)
    experiment.stop(0, around(0.1), at=1)
    experiment.train(1, around(0.9), to=3)
    experiment.epoch(1, 4, [0.99, None, None, None, None])
    assert ranked(experiment) == [0, 1]


def test_four_of_five_crashed_replicates_never_look_good(tmp_path):
    experiment = Experiment(tmp_path)
    experiment.trial(0)
    experiment.trial(1)
    experiment.complete(0, around(0.2))
    experiment.complete(1, [0.99, None, None, None, None])
    board = leaderboard.load(experiment.paths)
    assert board.best.trial == 0
    assert board.rows[1].median is None
    assert math.isnan(board.frame()["median"][1])


def test_two_of_five_crashed_replicates_pull_the_median_down(tmp_path):
    experiment = Experiment(tmp_path)
    experiment.trial(0)
    experiment.complete(0, [0.9, 0.8, 0.7, None, None])
    row = leaderboard.load(experiment.paths).rows[0]
    assert (row.median, row.replicates_ok) == (0.7, 3)


@pytest.mark.parametrize("how", ["absent", "pending", "stopped", "diverged"])
def test_the_baseline_is_always_on_the_leaderboard(tmp_path, how):
    experiment = Experiment(tmp_path)
    if how != "absent":
        experiment.trial(0)
    experiment.trial(1, lr=0.5)
    experiment.complete(1, around(0.9))
    if how == "stopped":
        experiment.stop(0, around(0.5), at=1)
    if how == "diverged":
        experiment.train(0, [None] * 5, to=1)
        experiment.end(0, "diverged", 1)
    board = leaderboard.load(experiment.paths)
    assert [row.trial for row in board.rows if row.baseline] == [0]
    assert [row.trial for row in board.top(1)] == [1, 0]
    assert board.rows[-1].status == {"absent": "pending"}.get(how, how)


def test_trials_that_five_of_five_seeds_cannot_tell_from_the_best_are_tied_with_it(tmp_path):
    experiment = Experiment(tmp_path)
    best = [0.90, 0.91, 0.92, 0.93, 0.94]
    below_in_four = [0.89, 0.90, 0.91, 0.92, 0.95]
    below_in_all = [0.89, 0.90, 0.91, 0.92, 0.93]
    for index, values in enumerate([best, below_in_four, below_in_all]):
        experiment.trial(index)
        experiment.complete(index, values)
    experiment.trial(3)
    experiment.stop(3, best, at=3)
    rows = {row.trial: row for row in leaderboard.load(experiment.paths).rows}
    assert {trial: row.tied_with_best for trial, row in rows.items()} == {0: False, 1: True, 2: False, 3: False}
    assert [trial for trial, row in rows.items() if row.incumbent] == [0]


def test_with_fewer_than_five_replicates_every_trial_of_the_rung_is_tied(tmp_path):
    experiment = Experiment(tmp_path, budget={"epochs": 9, "reduction": 3, "trials": 2, "replicates": 3})
    experiment.trial(0)
    experiment.trial(1)
    experiment.complete(0, [0.9, 0.9, 0.9])
    experiment.complete(1, [0.1, 0.1, 0.1])
    assert leaderboard.load(experiment.paths).rows[1].tied_with_best


def test_before_the_first_rung_trials_are_tied_by_the_epoch_both_reported(tmp_path):
    experiment = Experiment(tmp_path, rungs=[3, 9])
    experiment.trial(0)
    experiment.trial(1)
    experiment.train(0, around(0.5), to=1)
    experiment.train(1, around(0.3), to=1)
    experiment.epoch(1, 2, around(0.9))
    board = leaderboard.load(experiment.paths)
    assert (board.best.trial, board.rows[1].tied_with_best) == (1, False)


def test_an_experiment_in_which_nothing_finished_has_rows_and_no_best(tmp_path):
    experiment = Experiment(tmp_path)
    experiment.trial(0)
    experiment.trial(1)
    board = leaderboard.load(experiment.paths)
    assert board.best is None
    assert [row.status for row in board.rows] == ["pending", "pending"]
    assert board.frame()["median"].isna().all()


def test_the_frame_has_one_row_a_trial_with_replicates_metrics_and_knobs(tmp_path):
    frame = leaderboard.load(finished(tmp_path).paths).frame()
    assert list(frame["trial"]) == [1, 0, 2, 3]
    assert list(frame["rank"]) == [1, 2, 3, 4]
    best = frame.iloc[0]
    assert (best["median"], best["min"], best["max"]) == (0.9, 0.88, 0.92)
    assert [best[f"replicate_{i}"] for i in range(5)] == around(0.9)
    assert (best["test_accuracy"], best["config/lr"], best["config/mode"]) == (0.88, 0.05, "normal")
    assert (best["seconds"], best["replicates_ok"], best["status"]) == (18.0, 5, "completed")
    assert list(frame["baseline"]) == [False, True, False, False]
    assert math.isnan(frame["test_accuracy"][2])


def test_load_takes_a_folder_as_text_and_refuses_one_that_holds_no_experiment(tmp_path):
    experiment = finished(tmp_path)
    assert leaderboard.load(str(experiment.paths.root)).best.trial == 1
    with pytest.raises(BadInput, match=r"manifest\.json"):
        leaderboard.load(tmp_path)


def test_reading_results_imports_neither_torch_nor_ray_nor_pandas(tmp_path):
    experiment = finished(tmp_path)
    program = (
        "import sys\n"
        "import tuner.tables.live\n"
        "from rich.console import Console\n"
        "from tuner import leaderboard\n"
        "from tuner.records.paths import ExperimentPaths\n"
        "from tuner.tables import failures, machine_readable, results, status, trial\n"
        f"paths = ExperimentPaths(__import__('pathlib').Path({str(experiment.paths.root)!r}))\n"
        "board = leaderboard.load(paths)\n"
        "Console(width=100).print(results.results_view(board), status.status_view(board.history))\n"
        "Console(width=100).print(trial.trial_view(paths, 'best'), failures.failures_view(paths))\n"
        "machine_readable.to_json(board), machine_readable.to_csv(board)\n"
        "heavy = {'torch', 'ray', 'pandas', 'numpy', 'tensorboard'} & set(sys.modules)\n"
        "sys.exit(f'imported {heavy}' if heavy else 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
