"""What a person reads: complete, honest about the protocol, literal, and at most 100 columns wide."""

import csv
import io
import json

import pytest
from rich.console import Console

from tests.tuner.experiments import Experiment, around, finished
from tuner.errors import BadInput
from tuner.records.lock import DriverLock
from tuner.results import leaderboard
from tuner.results.history import History
from tuner.results.progress import duration
from tuner.tables import machine_readable as export
from tuner.tables.failures import failures_view
from tuner.tables.results import results_view
from tuner.tables.status import status_view
from tuner.tables.text import knob, metric, plain
from tuner.tables.trial import log_tail, trial_view

HOSTILE = {"note": "[red]x[/red]", "tag": "<script>alert(1)</script>", "mode": "[/]", "path": "a\x1b[31m\rb\nc"}


def text_of(renderable, width=100):
    console = Console(width=width, file=io.StringIO())
    console.print(renderable)
    return console.file.getvalue()


def results(experiment, top=None):
    return text_of(results_view(leaderboard.load(experiment.paths), top))


def line_of(text, start):
    return next(line for line in text.splitlines() if line.lstrip().startswith(start))


def wide(folder):
    """More knobs, longer values and more digits than fit beside the medians."""
    baseline = {f"a_rather_long_knob_{i}": 0.123456789 * i for i in range(8)}
    experiment = Experiment(folder, baseline=baseline)
    for index in range(4):
        experiment.trial(index, **{name: value + index for name, value in baseline.items()}, word="w" * (60 + index))
        experiment.complete(index, around(0.5 + index / 1000), test_accuracy=0.4)
    return experiment


def test_the_leaderboard_says_over_how_many_epochs_a_stopped_trial_was_ranked(tmp_path):
    made = finished(tmp_path / "one")
    assert "stopped: its median was below the cutoff" in results(made)
    budget = {**made.manifest.budget.content(), "rank_window": 3}
    made = finished(tmp_path / "three", budget=budget)
    assert "stopped: its median of 3 epochs was below the cutoff" in results(made)


def test_the_first_line_says_dataset_protocol_and_that_numbers_are_medians(tmp_path):
    first = results(finished(tmp_path)).splitlines()[0]
    assert first == "digits: selected on a holdout of the training images; every number is a median over 5 seeds"


def test_test_set_selection_is_said_in_every_table(tmp_path):
    experiment = finished(tmp_path, protocol={"dataset": "cifar10", "selection": "test"})
    history = History.load(experiment.paths)
    for view in (results_view(leaderboard.load(experiment.paths)), status_view(history)):
        assert "test-set selection, as the paper did" in text_of(view).splitlines()[0]
    assert "test-set selection, as the paper did" in text_of(trial_view(experiment.paths, "0")).splitlines()[0]


def test_a_single_seed_is_not_called_a_median(tmp_path):
    budget = {"epochs": 9, "reduction": 3, "trials": 1, "replicates": 1}
    experiment = Experiment(tmp_path, budget=budget)
    experiment.trial(0)
    experiment.complete(0, [0.5])
    assert "every number is 1 seed only" in results(experiment)


def test_a_row_shows_median_spread_replicates_rung_epoch_test_and_knob(tmp_path):
    best = line_of(results(finished(tmp_path)), "1 ").split()
    assert best == ["1", "1", "0.9000", "[0.880,", "0.920]", "5", "9", "9", "0.8800", "completed", "0.05"]


def test_the_baseline_and_the_reason_of_a_stop_are_marked(tmp_path):
    text = results(finished(tmp_path))
    assert "0 base" in line_of(text, "2 ")
    assert "stopped <0.8000" in line_of(text, "3 ")
    assert "diverged" in line_of(text, "-  ")


def test_top_shows_the_best_and_still_the_baseline(tmp_path):
    text = results(finished(tmp_path), top=1)
    assert "0 base" in text
    assert "stopped <" not in text


def test_ties_are_marked_and_the_claim_is_stated(tmp_path):
    experiment = Experiment(tmp_path)
    for index, values in enumerate([[0.90, 0.91, 0.92, 0.93, 0.94], [0.89, 0.90, 0.91, 0.92, 0.95]]):
        experiment.trial(index)
        experiment.complete(index, values)
    text = results(experiment)
    assert line_of(text, "2~").split()[1] == "1"
    assert (
        "~ not separated from trial 0 (sign test at two-sided p = 0.0625: 5 of the 5 paired seeds must agree); each "
        "pair by itself, so a trial further down may be tied where one above it is not" in " ".join(text.split())
    )


def test_published_figures_stand_beside_ours(tmp_path):
    published = [
        {"when": {"lr": 0.05}, "metric": "val_accuracy", "value": 0.93, "source": "Table 2"},
        {"when": {"lr": 0.3}, "metric": "test_accuracy", "value": 0.95, "source": "Table 3"},
    ]
    text = results(finished(tmp_path, published=published))
    assert line_of(text, "1  val_accuracy").split() == [
        "1",
        "val_accuracy",
        "0.9000",
        "[0.880,",
        "0.920]",
        "9",
        "0.9300",
        "lr=0.05",
        "Table",
        "2",
    ]
    assert line_of(text, "-  test_accuracy").split()[2] == "-"


def test_a_figure_published_at_the_best_epoch_stands_beside_the_best_of_our_median_curve(tmp_path):
    accuracy = {"when": {"lr": 0.05}, "metric": "val_accuracy", "value": 0.923, "source": "Table 3", "at": "best"}
    experiment = Experiment(tmp_path, published=[accuracy, accuracy | {"metric": "val_loss", "value": 0.3}])
    experiment.session()
    for index in range(2):
        experiment.trial(index, lr=(0.01, 0.05)[index])
        experiment.write("start", trial=index, epoch=0)
        for epoch in range(1, 10):
            # Accuracy is best at epoch 4, where single replicates reach 0.95 at others; loss is best at epoch 7.
            values = around(0.92) if epoch == 4 else [0.90, 0.90, 0.90, 0.91, 0.95]
            experiment.epoch(index, epoch, values, val_loss=0.25 if epoch == 7 else 0.5)
        experiment.end(index, "completed", 9)
    text = results(experiment)
    assert line_of(text, "1  val_accuracy").split()[2:6] == ["0.9200", "[0.900,", "0.940]", "4"]
    assert line_of(text, "1  val_loss").split()[2:6] == ["0.2500", "[0.250,", "0.250]", "7"]


def test_early_stopping_is_reported_with_what_it_saved(tmp_path):
    text = results(finished(tmp_path))
    assert line_of(text, "3        3").split() == ["3", "3", "2", "1", "0"]
    assert "105 replicate-epochs trained, of 180 had the same trials run to the full budget: 42% saved" in text


def sized(folder):
    """A search whose family shows a number of each trial beside the medians."""
    experiment = Experiment(folder, shown_scalars=["n_trainable", "absent"])
    for index, size in enumerate([1120, 11_093_130]):
        experiment.trial(index, lr=(0.01, 0.05)[index])
        experiment.scalars[index] = {"n_trainable": size, "lr_effective": 0.02}
        experiment.complete(index, around(0.80 + index / 10))
    return experiment


def test_numbers_the_family_shows_stand_beside_the_medians_in_full(tmp_path):
    text = results(sized(tmp_path))
    heading = line_of(text, "#").split()
    assert heading[heading.index("n_trainable") - 1] == "epoch"
    assert "11093130" in line_of(text, "1 ").split()
    assert "1120" in line_of(text, "2 ").split()
    assert "lr_effective" not in text
    assert "absent" not in text


def test_every_number_of_the_family_is_exported(tmp_path):
    board = leaderboard.load(sized(tmp_path).paths)
    [best, _] = csv.DictReader(io.StringIO(export.to_csv(board)))
    assert (best["scalar/n_trainable"], best["scalar/lr_effective"]) == ("11093130.0", "0.02")
    assert json.loads(export.to_json(board))["trials"][0]["scalars"] == {
        "n_trainable": 11_093_130,
        "lr_effective": 0.02,
    }


def test_knobs_that_do_not_fit_a_column_each_come_below_in_full(tmp_path):
    text = results(wide(tmp_path))
    for index in range(8):
        assert f"a_rather_long_knob_{index}=" in text


@pytest.mark.parametrize("build", [finished, wide])
def test_every_view_fits_100_columns_without_cutting_a_cell(tmp_path, build):
    experiment = build(tmp_path)
    history = History.load(experiment.paths)
    for view in (results_view(leaderboard.load(experiment.paths)), status_view(history)):
        wider = text_of(view, 400)
        assert max(map(len, text_of(view, 100).splitlines())) <= 100
        # A line that is a row of the table is the same at any width: nothing in it was cut or wrapped.
        rows = [line.rstrip() for line in wider.splitlines() if "completed  " in line or "0.8000" in line]
        assert all(row in text_of(view, 100) for row in rows if len(row) <= 100)
    assert max(map(len, text_of(trial_view(experiment.paths, "1")).splitlines())) <= 100


def test_markup_and_escape_codes_are_shown_as_text_wherever_they_come_from(tmp_path):
    published = [{"when": {}, "metric": "val_accuracy", "value": 0.5, "source": "[i]Table[/i] \x1b[1m2"}]
    experiment = Experiment(tmp_path, published=published)
    experiment.trial(0)
    experiment.trial(1, **HOSTILE)
    for index in (0, 1):
        experiment.train(index, around(0.5), to=1)
        experiment.fail_replicate(index, 0, 1, message="KeyError: [bold]k[/bold]\x1b[2J")
        experiment.end(index, "failed", 1, "[blink]no[/blink]")
    experiment.paths.trial(1).mkdir(parents=True)
    experiment.paths.trial_log(1).write_bytes(b"epoch 1\r\x1b[32mgreen [red]log[/red] \xff\n")
    told = results(experiment) + text_of(trial_view(experiment.paths, "1")) + text_of(failures_view(experiment.paths))
    for literal in (
        "[red]x[/red]",
        "<script>",
        "[blink]no[/blink]",
        "[bold]k[/bold]",
        "[red]log[/red]",
        "[i]Table[/i]",
    ):
        assert literal in told
    assert not {"\x1b", "\r"} & set(told)
    assert r"a\x1b[31m\rb\nc" in told


def test_an_experiment_with_no_finished_trial_says_so(tmp_path):
    experiment = Experiment(tmp_path)
    experiment.trial(0)
    experiment.trial(1)
    assert "No trial has a valid result." in results(experiment)
    assert "no valid result yet" in text_of(status_view(History.load(experiment.paths)))
    assert "pending" in text_of(trial_view(experiment.paths, "baseline"))
    assert json.loads(export.to_json(leaderboard.load(experiment.paths)))["best"] is None
    assert failures_view(experiment.paths).plain == "No trial has a valid result, and no failure was recorded."


def test_status_of_a_running_search_shows_what_runs_and_the_time_left(tmp_path):
    experiment = Experiment(tmp_path)
    experiment.session()
    started = experiment.records[-1]["time"]
    experiment.trial(0)
    experiment.trial(1)
    experiment.train(0, around(0.5), to=4)
    with DriverLock(experiment.paths.lock):
        text = text_of(status_view(History.load(experiment.paths), now=started + 100))
    assert "running, process 4242 on node: 1 min 40 s so far, about " in text
    assert line_of(text, "0 base").split() == ["0", "base", "4/9", "0.5000", "[0.480,", "0.520]", "5", "3"]
    assert "running, 4 trials: 3 pending, 1 running" in text


def test_status_of_an_interrupted_search_says_how_to_continue(tmp_path):
    experiment = Experiment(tmp_path)
    experiment.session()
    experiment.trial(0)
    experiment.train(0, around(0.5), to=4)
    text = text_of(status_view(History.load(experiment.paths)))
    assert "interrupted after 1 min 0 s in 1 session; continue with `tuner resume made-up`" in text


def test_status_names_the_first_failure_and_where_to_read_on(tmp_path):
    text = text_of(status_view(History.load(finished(tmp_path).paths)), 200)
    assert (
        "5 failures, the first in trial 3: NonFinite: the loss is nan in replicate 0 (see `tuner show made-up 3`)"
        in text
    )


def test_show_has_configuration_curve_decisions_failures_and_log(tmp_path):
    experiment = finished(tmp_path)
    experiment.paths.trial(2).mkdir(parents=True)
    experiment.paths.trial_log(2).write_text("\n".join(f"line {number}" for number in range(100)))
    stopped = text_of(trial_view(experiment.paths, "2"))
    assert line_of(stopped, "lr  ").split() == ["lr", "0.001", "0.01"]
    assert line_of(stopped, "3* ").split() == ["3*", "0.7000", "[0.680,", "0.720]", "5", "0.01", "2.0", "s"]
    assert line_of(stopped, "stop  ").split(maxsplit=1)[1] == "rung 3: 0.7 below the cutoff 0.8 (top 1/3 of 4)"
    assert "line 99" in stopped
    assert "line 79\n" not in stopped
    diverged = text_of(trial_view(experiment.paths, "3"))
    assert "replicate 4, epoch 1, raised: NonFinite: the loss is nan in replicate 4" in diverged
    assert diverged.count("Traceback (most recent call last)") == 1


def test_show_takes_best_and_baseline_and_refuses_what_is_no_trial(tmp_path):
    experiment = finished(tmp_path)
    assert "trial 1: completed" in text_of(trial_view(experiment.paths, "best"))
    assert "trial 0 (baseline): completed" in text_of(trial_view(experiment.paths, "baseline"))
    for which in ("7", "-1", "first", "²"):
        with pytest.raises(BadInput, match=r"is not a trial of `made-up`; give its number \(0 to 3\), `best` or"):
            trial_view(experiment.paths, which)


def test_show_best_is_refused_while_nothing_is_valid(tmp_path):
    experiment = Experiment(tmp_path)
    with pytest.raises(BadInput, match="no valid trial yet"):
        trial_view(experiment.paths, "best")


def test_the_first_failure_is_told_once_with_its_traceback(tmp_path):
    experiment = Experiment(tmp_path)
    experiment.trial(0)
    experiment.trial(1)
    experiment.write("error", trial=1, message="RuntimeError: second", traceback="Traceback 2")
    experiment.fail_replicate(0, 0, 1, message="ValueError: third")
    experiment.write("error", trial=0, message="RuntimeError: fourth", traceback="Traceback 4")
    told = text_of(failures_view(experiment.paths))
    assert "3 failures, the first in trial 1: RuntimeError: second" in told
    assert "Traceback 2" in told
    assert "Traceback 4" not in told


def test_the_log_tail_of_a_huge_log_is_its_last_lines(tmp_path):
    log = tmp_path / "log.txt"
    log.write_text("".join(f"line {number}\n" for number in range(100_000)))
    assert log_tail(log, 3) == ["line 99997", "line 99998", "line 99999"]
    assert log_tail(tmp_path / "none.txt") == []


def test_json_has_stable_keys_and_null_where_there_is_no_number(tmp_path):
    content = json.loads(export.to_json(leaderboard.load(finished(tmp_path).paths)))
    assert (content["experiment"], content["best"], content["state"]) == ("made-up", 1, "finished")
    assert [set(trial) == set(content["trials"][0]) for trial in content["trials"]] == [True] * 4
    diverged = content["trials"][3]
    assert (diverged["median"], diverged["min"], diverged["values"]) == (None, None, [None] * 5)
    assert content["trials"][0]["config"] == {"lr": 0.05, "mode": "normal", "epochs": 9}
    assert content["early_stopping"]["rungs"][1] == {"epoch": 3, "entered": 3, "kept": 2, "stopped": 1, "lost": 0}


def test_csv_has_a_header_and_a_line_for_each_trial_of_the_top_and_the_baseline(tmp_path):
    experiment = finished(tmp_path, baseline={"lr": 0.01, "note": 'a,"b"', "sigmas": [0, 1]})
    rows = list(csv.DictReader(io.StringIO(export.to_csv(leaderboard.load(experiment.paths), top=1))))
    assert [row["trial"] for row in rows] == ["1", "0"]
    assert (rows[0]["median"], rows[0]["replicate_4"], rows[0]["test_accuracy"]) == ("0.9", "0.92", "0.88")
    assert (rows[0]["config/note"], rows[0]["config/sigmas"]) == ('a,"b"', "[0, 1]")


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "none"),
        (True, "true"),
        (0.05, "0.05"),
        (1e-05, "1e-5"),
        (0.123456, "0.1235"),
        (1234567.0, "1.235e6"),
        (64, "64"),
        ([0.0, 1.5, None], "(0,1.5,none)"),
        ("a" * 30, "a" * 23 + "…"),
    ],
)
def test_a_knob_is_compact_whatever_its_type(value, shown):
    assert knob(value) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0.2, "0 s"), (59.6, "1 min 0 s"), (200, "3 min 20 s"), (7500, "2 h 5 min"), (370_800, "4 d 7 h"), (-3, "0 s")],
)
def test_a_duration_has_its_two_largest_units(seconds, shown):
    assert duration(seconds) == shown


def test_a_metric_without_a_finite_value_is_a_dash():
    assert [metric(value) for value in (None, float("nan"), float("-inf"), 0.5, 12345.6)] == [
        *["-"] * 3,
        "0.5000",
        "1.23e+04",
    ]


def test_text_that_reverses_writing_or_rings_is_made_visible():
    assert plain("a\u202eb\x07\tc") == r"a\u202eb\x07" + "    c"


def test_a_metric_of_any_scale_can_be_read():
    values = (1e-7, 0.00042, 0.0123, 87.53, 1400.0, 320000.0, 3.217e5 + 0.5, -1e-9, 0.0)
    assert [metric(value) for value in values] == [
        *("1e-07", "0.00042", "0.0123", "87.5300", "1400", "320000", "3.22e+05", "-1e-09", "0.0000"),
    ]
