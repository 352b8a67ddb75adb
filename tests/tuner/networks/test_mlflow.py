"""A search in MLflow: what its client and the API of its own pages read back, and what is refused before anything is made."""

import socket
import sys

import pytest

from tests.tuner.experiments import Experiment, around, finished
from tuner.networks.mlflow_runs import of_replicates
from tuner.records import labels
from tuner.results.history import History


@pytest.fixture
def mlflow():
    return pytest.importorskip("mlflow", reason="MLflow's client is not installed; pip install '.[mlflow]'")


def exported(tuner, made, to):
    code, out, err = tuner("export", made.paths.name, "--storage", made.paths.root.parent, "--mlflow", to)
    assert (code, err) == (0, "")
    return out


def runs_of(client, experiment):
    """Every run by its trial and replicate, `-` for the trial's own."""
    found = client.search_runs([experiment], max_results=1000)
    runs = {(run.data.tags["tuner.trial"], run.data.tags["tuner.replicate"]): run for run in found}
    assert len(runs) == len(found)
    return runs


def curve(client, run, metric):
    """Step, value and time in milliseconds of every point."""
    points = client.get_metric_history(run.info.run_id, metric)
    return sorted((point.step, point.value, point.timestamp) for point in points)


def recorded(made, trial, metric, number):
    """The same from the records."""
    return sorted(
        (record["epoch"], number(record["metrics"][metric]), round(record["time"] * 1000))
        for record in made.records
        if record["event"] in ("epoch", "late") and record["trial"] == trial and metric in record["metrics"]
        if number(record["metrics"][metric]) is not None
    )


@pytest.mark.slow
def test_every_trial_and_replicate_is_a_run_and_a_later_export_renews_it(tuner, tmp_path, monkeypatch, mlflow):
    made = finished(tmp_path)
    labels.write_note(made.paths, "the first try")
    labels.write_tags(made.paths, ["paper", "v1"])
    made.session()
    made.trial(4, lr=0.2, note=[1, 2])
    made.train(4, around(0.6), to=2)
    said = exported(tuner, made, tmp_path / "mlflow")
    assert said.splitlines()[-2].startswith(
        "5 trials and 25 replicates are runs of the MLflow experiment `made-up`; look at it with"
    )

    client = mlflow.MlflowClient(f"sqlite:///{tmp_path / 'mlflow' / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("made-up")
    assert experiment.tags.items() >= {
        ("tuner.storage", str(tmp_path)),
        ("tuner.family", "blur"),
        ("tuner.objective", "max val_accuracy"),
        ("tuner.seed", "0"),
        ("tuner.command", "tuner launch blur"),
        ("tuner.note", "the first try"),
        ("tuner.tags", "paper, v1"),
    }
    runs = runs_of(client, experiment.experiment_id)
    states = {trial: runs[str(trial), "-"].info.status for trial in range(5)}
    assert states == {0: "FINISHED", 1: "FINISHED", 2: "KILLED", 3: "FAILED", 4: "KILLED"}
    for trial in range(5):
        parent = runs[str(trial), "-"]
        config = next(r["config"] for r in made.records if r["event"] == "trial" and r["trial"] == trial)
        assert {knob: str(value) for knob, value in config.items()} == parent.data.params
        assert curve(client, parent, "val_accuracy") == recorded(made, trial, "val_accuracy", lambda one: one["median"])
        assert curve(client, parent, "test_accuracy") == recorded(
            made, trial, "test_accuracy", lambda one: one["median"]
        )
        for replicate in range(5):
            run = runs[str(trial), str(replicate)]
            assert run.data.tags["mlflow.parentRunId"] == parent.info.run_id
            values = recorded(made, trial, "val_accuracy", lambda one, at=replicate: one["values"][at])
            assert curve(client, run, "val_accuracy") == values
            assert run.info.status == states[trial]
    stopped = runs["2", "-"].data.tags
    assert (stopped["tuner.status"], stopped["tuner.rung"], stopped["tuner.baseline"]) == ("stopped", "3", "false")
    assert stopped["tuner.reason"].startswith("rung 3: 0.7 below the cutoff 0.8")
    assert "the loss is nan in replicate 2" in runs["3", "2"].data.tags["tuner.reason"]
    assert runs["0", "-"].data.tags["tuner.baseline"] == "true"

    labels.write_tags(made.paths, remove=["v1"])
    for epoch in range(3, 10):
        made.epoch(4, epoch, around(0.6))
    made.end(4, "completed", 9, "full budget")
    exported(tuner, made, tmp_path / "mlflow")
    again = runs_of(client, experiment.experiment_id)
    assert {key: run.info.run_id for key, run in again.items()} == {key: run.info.run_id for key, run in runs.items()}
    for key, number in (("-", lambda one: one["median"]), ("3", lambda one: one["values"][3])):
        assert curve(client, again["4", key], "val_accuracy") == recorded(made, 4, "val_accuracy", number)
    assert (again["4", "-"].info.status, again["4", "-"].data.tags["tuner.tags"]) == ("FINISHED", "paper")
    assert again["4", "-"].info.end_time == round(made.records[-1]["time"] * 1000)
    assert again["1", "-"].info.start_time < curve(client, again["1", "-"], "val_accuracy")[0][2]
    other = finished(tmp_path / "elsewhere", created="2020-01-01T00:00:00+00:00")
    code, _, err = tuner("export", "made-up", "--storage", other.paths.root.parent, "--mlflow", tmp_path / "mlflow")
    assert (code, err.count("\n")) == (2, 1)
    assert "is not of this search; rename it there, or name another store" in err
    assert len(runs_of(client, experiment.experiment_id)) == len(runs)
    the_pages_read_the_same(monkeypatch, tmp_path, made, again)


def the_pages_read_the_same(monkeypatch, tmp_path, made, runs):
    """The API that MLflow's pages call, asked over HTTP's forms."""
    pytest.importorskip("flask", reason="MLflow's pages need Flask")
    from mlflow import server

    monkeypatch.setenv(server.BACKEND_STORE_URI_ENV_VAR, f"sqlite:///{tmp_path / 'mlflow' / 'mlflow.db'}")
    pages = server.app.test_client()
    named = pages.get("/ajax-api/2.0/mlflow/experiments/get-by-name?experiment_name=made-up").json["experiment"]
    filtered = {
        "experiment_ids": [named["experiment_id"]],
        "filter": "params.lr = '0.05' and tags.`tuner.replicate` = '-'",
    }
    (best,) = pages.post("/ajax-api/2.0/mlflow/runs/search", json=filtered).json["runs"]
    assert best["info"]["run_id"] == runs["1", "-"].info.run_id
    asked = f"run_id={best['info']['run_id']}&metric_key=val_accuracy"
    points = pages.get(f"/ajax-api/2.0/mlflow/metrics/get-history?{asked}").json["metrics"]
    shown = sorted((point["step"], point["value"], point["timestamp"]) for point in points)
    assert shown == recorded(made, 1, "val_accuracy", lambda one: one["median"])


def test_seeds_that_joined_at_a_rung_have_the_epochs_by_which_they_caught_up(tmp_path):
    budget = {"epochs": 9, "grace": 1, "reduction": 3, "trials": 1, "replicates": 5, "seeds": [1, 3, 5]}
    made = Experiment(tmp_path, budget=budget)
    made.session()
    made.trial(0)
    made.train(0, [0.5], to=1)
    caught_up = {"val_accuracy": {"median": None, "values": [0.6, None]}}
    made.write("late", trial=0, epoch=1, rung=1, first=1, metrics=caught_up, replicates_ok=1)
    made.epoch(0, 2, [0.7, 0.8, None])
    trial = History.load(made.paths).trial(0)
    curves = {run.key[1]: [(value, epoch) for _, value, _, epoch in run.points] for run in of_replicates(trial)}
    assert curves == {"0": [(0.5, 1), (0.7, 2)], "1": [(0.6, 1), (0.8, 2)], "2": []}


@pytest.mark.parametrize(
    ("to", "sentence"),
    [
        (
            "ftp://host/runs",
            "--mlflow is ftp://host/runs, but must be a folder (its mlflow.db is made), or a tracking URI",
        ),
        ("localhost:5000", "--mlflow is localhost:5000, but must be a folder"),
        ("http://", "--mlflow is http://, but must be"),
        ("http://host:port", "--mlflow is http://host:port, but must be"),
        ("sqlite://", "--mlflow is sqlite://, but must be"),
        ("file:runs", "--mlflow is file:runs, but must be"),
        ("s3://me:hidden@bucket", "--mlflow is s3://***@bucket, but must be"),
        (__file__, "which is no folder; name a folder, or a database as sqlite:///"),
    ],
)
def test_what_is_no_store_is_refused(tuner, tmp_path, to, sentence):
    made = finished(tmp_path)
    code, _, err = tuner("export", made.paths.name, "--storage", tmp_path, "--mlflow", to)
    assert (code, err.count("\n")) == (2, 1)
    assert sentence in err
    assert [path.name for path in tmp_path.iterdir()] == ["made-up"]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (
            ["--trial", "3"],
            "--mlflow exports all trials, so --trial 3 cannot be given beside it; leave one of them out",
        ),
        (["--curves", "c.csv"], "--curves and --mlflow are two exports"),
        (["-o", "x.yaml"], "--output and --mlflow name two files"),
        (["--epoch", "3"], "--epoch says of which epoch the weights are"),
    ],
)
def test_what_cannot_stand_beside_it_is_refused(tuner, tmp_path, words, sentence):
    made = finished(tmp_path)
    code, _, err = tuner("export", made.paths.name, "--storage", tmp_path, "--mlflow", tmp_path / "m", *words)
    assert (code, err.count("\n")) == (2, 1)
    assert sentence in err
    assert not (tmp_path / "m").exists()


@pytest.mark.parametrize("option", ["--curves", "--optuna"])
def test_an_export_of_all_trials_takes_no_trial(tuner, tmp_path, option):
    made = finished(tmp_path)
    code, _, err = tuner("export", made.paths.name, "--storage", tmp_path, option, tmp_path / "x", "--trial", "best")
    assert (code, err.count("\n")) == (2, 1)
    assert f"{option} exports all trials, so --trial best cannot be given beside it" in err


def test_without_records_there_is_nothing_to_export(tuner, tmp_path):
    made = Experiment(tmp_path)
    made.session()
    made.trial(0)
    code, _, err = tuner("export", made.paths.name, "--storage", tmp_path, "--mlflow", tmp_path / "m")
    assert (code, err.count("\n")) == (2, 1)
    assert "`made-up` has no records of a trial yet, so MLflow would show nothing; let it train first" in err
    assert not (tmp_path / "m").exists()


def test_without_the_client_the_command_that_installs_it_is_said(tuner, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "mlflow", None)
    made = finished(tmp_path)
    code, _, err = tuner("export", made.paths.name, "--storage", tmp_path, "--mlflow", tmp_path / "m")
    assert (code, err.count("\n")) == (2, 1)
    assert "MLflow's client is not installed; run `pip install 'mlflow-skinny>=3.5'`" in err
    assert not (tmp_path / "m").exists()


@pytest.mark.parametrize("uri", ["http://127.0.0.1:{}", "postgresql://me:secret@127.0.0.1:{}/runs"])
def test_a_server_that_does_not_answer_is_named_without_its_password(tuner, tmp_path, monkeypatch, mlflow, uri):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    made = finished(tmp_path)
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # nobody listens there, and nobody else can
        told = uri.format(closed.getsockname()[1])
        code, _, err = tuner("export", made.paths.name, "--storage", tmp_path, "--mlflow", told)
    assert (code, err.count("\n")) == (2, 1)
    assert f"cannot write to MLflow's store {told.replace('me:secret', '***')} (Connection refused)" in err


def test_a_file_that_is_no_database_is_refused_and_kept(tuner, tmp_path, mlflow):
    made = finished(tmp_path)
    other = tmp_path / "notes.txt"
    other.write_text("not a database, but somebody's notes" * 100)
    code, _, err = tuner("export", made.paths.name, "--storage", tmp_path, "--mlflow", f"sqlite:///{other}")
    assert (code, err.count("\n")) == (2, 1)
    assert "notes.txt (file is not a database)" in err
    assert other.read_text().startswith("not a database")
