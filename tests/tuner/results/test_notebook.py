"""`tuner.load` and the tables it gives; the notebook of the examples really runs."""

import subprocess
import sys
from pathlib import Path

import pandas
import pytest

from tests.tuner.experiments import Experiment, around, finished
from tuner import load
from tuner.errors import BadInput

NOTEBOOK = Path(__file__).parents[3] / "examples" / "results.ipynb"


def test_an_experiment_is_loaded_by_its_folder_or_by_its_name(tmp_path):
    made = finished(tmp_path)
    assert load(made.paths.root).name == "made-up"
    assert load(str(made.paths.root)).best().trial == 1
    assert load("made-up", storage=tmp_path).best().config["lr"] == 0.05
    with pytest.raises(BadInput, match=r"there is no experiment `made_up` in .*; did you mean `made-up`"):
        load("made_up", storage=tmp_path)


def test_curves_hold_every_epoch_metric_and_replicate(tmp_path):
    curves = load(finished(tmp_path).paths.root).curves()
    assert list(curves.columns) == [
        *("trial", "epoch", "metric", "median", "min", "max", "replicates_ok"),
        *(f"replicate_{index}" for index in range(5)),
    ]
    objective = curves[curves["metric"] == "val_accuracy"]
    assert objective.groupby("trial")["epoch"].max().to_dict() == {0: 9, 1: 9, 2: 3, 3: 1}
    last = objective[(objective["trial"] == 1) & (objective["epoch"] == 9)].iloc[0]
    assert (last["median"], last["min"], last["max"]) == (0.9, 0.88, 0.92)
    assert last[[f"replicate_{index}" for index in range(5)]].tolist() == around(0.9)
    diverged = objective[objective["trial"] == 3].iloc[0]
    assert diverged[["median", "min", "replicate_0"]].isna().all()
    assert curves[curves["metric"] == "test_accuracy"]["median"].tolist() == [0.79, 0.88]


def test_decisions_come_with_value_cutoff_and_reason(tmp_path):
    decisions = load(finished(tmp_path).paths.root).decisions()
    [row] = decisions.to_dict("records")
    assert (row["trial"], row["rung"], row["action"], row["cutoff"]) == (2, 3, "stop", 0.8)
    assert row["reason"].startswith("rung 3")
    assert isinstance(row["time"], pandas.Timestamp)


def test_the_frame_is_the_leaderboard(tmp_path):
    frame = load(finished(tmp_path).paths.root).frame()
    assert frame["trial"].tolist() == [1, 0, 2, 3]
    assert frame["median"].tolist()[:3] == [0.9, 0.8, 0.7]


def test_a_confirmation_is_an_experiment_of_its_own(tmp_path):
    searched = finished(tmp_path)
    assert load(searched.paths.root).confirmation() is None
    confirmed = Experiment(searched.paths.root, folder="confirmation", seed=1, rungs=[9])
    confirmed.session()
    confirmed.trial(1, lr=0.05)
    confirmed.complete(1, around(0.85))
    experiment = load(searched.paths.root)
    assert experiment.confirmation().best().median == 0.85
    assert experiment.best().median == 0.9


def test_an_experiment_that_has_not_begun_has_empty_tables_and_no_best(tmp_path):
    experiment = load(Experiment(tmp_path).paths.root)
    assert experiment.best() is None
    assert len(experiment.curves()) == len(experiment.decisions()) == 0
    assert "no valid trial yet" in repr(experiment)
    assert "<table" in experiment._repr_html_()


def test_what_a_notebook_shows_is_escaped(tmp_path):
    made = Experiment(tmp_path)
    made.session()
    made.trial(0, mode="<script>alert(1)</script>")
    made.trial(1, mode="plain")
    made.complete(0, around(0.8))
    shown = load(made.paths.root)._repr_html_()
    assert "<script>" not in shown
    assert "&lt;script&gt;" in shown


def test_a_torn_last_line_is_left_out_and_a_corrupt_one_is_named(tmp_path):
    made = finished(tmp_path)
    whole = load(made.paths.root).curves()
    made.append('{"event": "epoch", "tri')
    assert load(made.paths.root).curves().equals(whole)
    lines = made.paths.records.read_text().splitlines(keepends=True)
    lines[6] = "no record\n"
    made.paths.records.write_text("".join(lines))
    with pytest.raises(BadInput, match=r"line 7 of .*records.jsonl is not a record"):
        load(made.paths.root)


def test_loading_imports_neither_ray_nor_torch_nor_pandas(tmp_path):
    made = finished(tmp_path)
    code = (
        "import sys, tuner\nexperiment = tuner.load(sys.argv[1])\nexperiment.best()\n"
        "print(sorted({'torch', 'ray', 'pandas'} & set(sys.modules)))\n"
        "experiment.curves()\nprint(sorted({'torch', 'ray'} & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code, made.paths.root], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["[]", "[]"]


def test_the_notebook_of_the_examples_runs_as_it_stands_where_a_search_is(tmp_path, monkeypatch):
    nbclient = pytest.importorskip("nbclient")
    nbformat = pytest.importorskip("nbformat")
    monkeypatch.delenv("EXPERIMENT", raising=False)
    monkeypatch.setenv("TUNER_STORAGE", str(finished(tmp_path).paths.root.parent))
    monkeypatch.setenv("PYTHONPATH", str(NOTEBOOK.parents[1]))
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    nbclient.NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
    outputs = [cell.outputs[-1]["data"] for cell in notebook.cells if cell.cell_type == "code"]
    assert (
        "<b>Experiment made-up: finished, 4 trials, best val_accuracy 0.9000 (trial 1)</b>" in outputs[0]["text/html"]
    )
    assert "0.05" in outputs[1]["text/plain"]
    assert "below the cutoff 0.8" in outputs[3]["text/html"]
