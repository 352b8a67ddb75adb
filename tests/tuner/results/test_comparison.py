"""Two experiments compared over shared configurations, and no further."""

import csv
import io
import json

import pytest
from rich.console import Console

from tests.tuner.experiments import Experiment, around, finished
from tuner.errors import BadInput
from tuner.results import comparison
from tuner.results.history import History
from tuner.tables.comparison import comparison_view


def other(storage, lrs=(0.01, 0.05, 0.3), medians=(0.82, 0.85, 0.5), **changes):
    made = Experiment(storage, folder="other", **changes)
    made.session()
    for index, (lr, median) in enumerate(zip(lrs, medians, strict=True)):
        made.trial(index, lr=lr)
        made.complete(index, around(median))
    made.session("end")
    return made


def histories(first, second):
    return History.load(first.paths), History.load(second.paths)


def test_medians_are_paired_by_configuration_at_the_last_epoch_both_have(tmp_path):
    found = comparison.compare(*histories(finished(tmp_path), other(tmp_path, lrs=(0.01, 0.001, 0.05))))
    assert [(pair.a.trial, pair.b.trial, pair.epoch) for pair in found.pairs] == [(0, 0, 9), (1, 2, 9), (2, 1, 3)]
    assert [round(pair.difference, 4) for pair in found.pairs] == [0.02, -0.4, 0.15]
    assert (found.only_a, found.only_b, found.better) == (1, 0, 2)
    assert round(found.median_difference, 4) == 0.02
    assert [pair.separated for pair in found.pairs] == [True, True, True]


def test_other_seeds_are_not_paired_so_nothing_is_separated(tmp_path):
    found = comparison.compare(*histories(finished(tmp_path), other(tmp_path, seed=1)))
    assert not found.paired
    assert {pair.separated for pair in found.pairs} == {None}
    assert "the seeds are not the same" in text_of(found)


def test_smaller_is_better_for_a_loss(tmp_path):
    objective = {"metric": "val_loss", "mode": "min"}
    first = other(tmp_path / "a", medians=(0.5, 0.5, 0.5), objective=objective)
    second = other(tmp_path / "b", medians=(0.4, 0.6, 0.6), objective=objective)
    assert comparison.compare(*histories(first, second)).better == 1


def test_a_diverged_trial_has_no_difference(tmp_path):
    found = comparison.compare(*histories(finished(tmp_path), other(tmp_path, lrs=(0.01, 0.05, 5.0))))
    assert found.pairs[2].difference is None
    assert len(found.differences) == 2


def test_the_table_fits_and_shows_the_knobs_that_vary(tmp_path):
    text = text_of(comparison.compare(*histories(finished(tmp_path), other(tmp_path))))
    lines = text.splitlines()
    assert max(map(len, lines)) <= 100
    assert "A: made-up" in lines[0]
    assert any(
        " ".join(line.split()) == "1 1 9 0.9000 [0.880, 0.920] 0.8500 [0.830, 0.870] -0.0500* 0.05" for line in lines
    )
    assert lines[-1] == "B is better in 1 of 2; the median difference is -0.0150"


def test_knobs_that_do_not_fit_beside_the_medians_stand_below(tmp_path):
    made = []
    for folder in ("a", "b"):
        experiment = Experiment(tmp_path, folder=folder)
        experiment.session()
        for index in range(2):
            experiment.trial(index, **{f"a_rather_long_knob_{number}": index + number for number in range(6)})
            experiment.complete(index, around(0.5))
        made.append(experiment)
    lines = text_of(comparison.compare(*histories(*made))).splitlines()
    assert max(map(len, lines)) <= 100
    assert any("a_rather_long_knob_5=6" in line for line in lines)


def text_of(found):
    console = Console(width=100)
    with console.capture() as capture:
        console.print(comparison_view(found))
    return "\n".join(line.rstrip() for line in capture.get().splitlines())


def test_json_and_csv_say_the_same(tmp_path):
    found = comparison.compare(*histories(finished(tmp_path), other(tmp_path)))
    content = json.loads(comparison.to_json(found))
    rows = list(csv.DictReader(io.StringIO(comparison.to_csv(found))))
    assert [row["a_trial"] for row in rows] == [str(pair["a"]["trial"]) for pair in content["pairs"]] == ["0", "1"]
    assert [float(row["difference"]) for row in rows] == [pair["difference"] for pair in content["pairs"]]
    assert rows[1]["config/lr"] == "0.05"
    assert content["better"] == 1


def test_what_cannot_be_compared_is_refused_with_the_reason(tmp_path):
    first = finished(tmp_path)
    with pytest.raises(BadInput, match="`made-up` is judged by val_accuracy and `other` by val_loss"):
        comparison.compare(*histories(first, other(tmp_path / "1", objective={"metric": "val_loss", "mode": "min"})))
    with pytest.raises(BadInput, match=r"share no configuration that both have trained: they differ in lr$"):
        comparison.compare(*histories(first, other(tmp_path / "2", lrs=(0.2, 0.3, 0.4))))
    empty = Experiment(tmp_path, folder="empty")
    with pytest.raises(BadInput, match="one of them has trained nothing yet"):
        comparison.compare(*histories(first, empty))


def test_data_that_differ_are_said(tmp_path):
    first = finished(tmp_path, data={"fingerprints": {"8": "a"}})
    second = other(tmp_path, data={"fingerprints": {"8": "b"}})
    assert "the data differ" in text_of(comparison.compare(*histories(first, second)))
