"""The view of a running search: one line for each event without a terminal, one small table on it."""

import io
import time

from rich.console import Console

from tests.tuner.experiments import Experiment, around, finished
from tuner.tables.live import LiveView


def view_of(experiment, records=None, **console):
    """What a view printed that was fed these records (all of them by default), and the view, still open."""
    file = io.StringIO()
    view = LiveView(experiment.manifest, Console(file=file, width=100, **console))
    for record in experiment.records if records is None else records:
        view.update(record)
    return file, view


def lines(experiment, **console):
    file, view = view_of(experiment, **console)
    view.close()
    return [line[10:] for line in file.getvalue().splitlines()]  # after the clock


def test_without_a_terminal_each_ended_trial_and_each_failure_has_one_plain_line(tmp_path):
    told = lines(finished(tmp_path, start=time.time() + 1))
    assert told[:3] == [
        "trial 0 completed at epoch 9: val_accuracy 0.8000 (1 of 4 ended)",
        "trial 1 completed at epoch 9: val_accuracy 0.9000 (2 of 4 ended)",
        "trial 2 stopped at epoch 3: rung 3: 0.7 below the cutoff 0.8 (top 1/3 of 4) (3 of 4 ended)",
    ]
    assert told[3] == "trial 3 lost replicate 0 at epoch 1: NonFinite: the loss is nan in replicate 0"
    assert told[-1].startswith("trial 3 diverged at epoch 1: no majority")
    assert len(told) == 9


def test_a_decision_to_go_on_has_a_line_and_one_to_stop_is_told_by_the_end(tmp_path):
    experiment = Experiment(tmp_path, start=time.time() + 1)
    experiment.trial(0)
    experiment.train(0, around(0.7), to=1)
    experiment.decide(0, 1, "continue", 0.6)
    experiment.decide(0, 3, "stop", 0.8)
    assert lines(experiment) == ["trial 0 goes on: rung 1: 0.7 not below the cutoff 0.6 (top 1/3 of 4)"]


def test_a_lost_worker_is_told_with_its_message_as_plain_text(tmp_path):
    experiment = Experiment(tmp_path, start=time.time() + 1)
    experiment.trial(0)
    experiment.write("error", trial=0, message="[red]gone\x1b[0m\nfor good", traceback="")
    assert lines(experiment) == ["trial 0 lost its worker: [red]gone\\x1b[0m for good"]


def test_records_of_earlier_sessions_are_not_told_again(tmp_path):
    assert lines(finished(tmp_path)) == []


def test_a_record_without_a_time_happened_now(tmp_path):
    experiment = Experiment(tmp_path)
    experiment.trial(0)
    end = {"event": "end", "trial": 0, "status": "failed", "epoch": 0, "reason": "no worker"}
    file, _ = view_of(experiment, [*experiment.records, end])
    assert "trial 0 failed at epoch 0: no worker (1 of 4 ended)" in file.getvalue()


def test_on_a_terminal_the_table_shows_counts_best_time_and_the_running_trials(tmp_path):
    experiment = Experiment(tmp_path, start=time.time() - 100, protocol={"dataset": "digits", "selection": "test"})
    experiment.session()
    experiment.trial(0)
    experiment.trial(1)
    experiment.train(0, around(0.6), to=4)
    experiment.stop(1, around(0.4), at=1)
    file, view = view_of(experiment, force_terminal=True, color_system=None)
    view.update({"event": "start", "trial": 1, "epoch": 1})
    view.close()
    told = file.getvalue()
    assert "test-set selection, as the paper did" in told
    assert "made-up: 4 trials: 2 pending, 2 running" in told
    assert "best so far: trial 0, val_accuracy 0.6000 [0.580, 0.620] at epoch 3" in told
    assert "so far, about" in told
    row = next(line for line in told.splitlines() if "0 base" in line)
    assert row.split() == ["0", "base", "4/9", "0.6000", "[0.580,", "0.620]", "5", "3"]


def test_the_table_fits_the_screen_however_many_trials_run(tmp_path):
    experiment = Experiment(tmp_path, start=time.time() + 1)
    for index in range(40):
        experiment.trial(index)
        experiment.write("start", trial=index, epoch=0)
    file, view = view_of(experiment, force_terminal=True, color_system=None, height=40)
    view.close()
    assert "and 28 more" in file.getvalue()
    assert max(len(line) for line in file.getvalue().splitlines()) <= 120


def test_closing_twice_or_before_the_first_record_does_nothing(tmp_path):
    file, view = view_of(Experiment(tmp_path), [], force_terminal=True)
    view.close()
    view.close()
    assert file.getvalue() == ""
