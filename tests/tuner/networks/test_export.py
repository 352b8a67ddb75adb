"""What an export holds and refuses; `test_after_search` exports a real search."""

import csv
import subprocess

import optuna
import pytest
import yaml

from tests.tuner.experiments import Experiment, around, finished
from tuner.errors import BadInput
from tuner.networks import retrain
from tuner.networks.export import export_trial
from tuner.networks.optuna_study import export_study
from tuner.networks.weights import export_weights, median_replicate
from tuner.records import manifest, output
from tuner.results.history import History
from tuner.results.notebook import Experiment as Notebook


def test_the_file_holds_what_decides_the_median_and_where_it_comes_from(tmp_path):
    code = {"commit": "abc", "clean": True}
    data = {"dataset": "digits", "fingerprints": {"8": "f00"}}
    made = finished(tmp_path, code=code, data=data, processor="fast", versions={"torch": "2.11"})
    file = tmp_path / "best.yaml"
    export_trial(made.paths, "best", file)
    exported = retrain.read(file)
    assert (exported.family, exported.seed, exported.replicates, exported.device) == ("blur", 0, 5, "cpu")
    assert exported.config == {"lr": 0.05, "mode": "normal", "epochs": 9}
    assert exported.recorded.model_dump() == {
        "metric": "val_accuracy",
        "epoch": 9,
        "median": 0.9,
        "values": around(0.9),
    }
    origin = exported.manifest
    assert (origin["experiment"], origin["trial"], origin["command"]) == ("made-up", 1, "tuner launch blur")
    assert (origin["code"], origin["data"], origin["versions"]) == (code, data, {"torch": "2.11"})
    assert list(retrain.Retraining(exported).notes())[-1] == f"note: torch was 2.11 and is {installed('torch')}"


def installed(package):
    return manifest.surroundings()["versions"][package]


def test_knobs_of_any_type_survive_the_file(tmp_path):
    made = Experiment(tmp_path)
    made.session()
    config = {"mode": 'it\'s: "odd"\n# yes', "none": None, "list": [1, 2.5], "tiny": 1e-30, "flag": True, "word": "no"}
    made.trial(0, **config)
    made.complete(0, around(0.5))
    export_trial(made.paths, "0", tmp_path / "odd.yaml")
    assert retrain.read(tmp_path / "odd.yaml").config == {**made.manifest.baseline, **config}


@pytest.mark.parametrize(
    ("which", "name", "sentence"),
    [
        ("7", "x.yaml", r"`7` is not a trial of `made-up`; give its number \(0 to 3\), `best` or `baseline`"),
        ("best", "x.json", "the file is x.json, but must end in .yaml"),
        ("best", "nowhere/x.yaml", "cannot write .*nowhere/x.yaml"),
        ("best", ".", "must end in .yaml"),
    ],
)
def test_an_export_that_cannot_be_is_refused(tmp_path, which, name, sentence):
    made = finished(tmp_path)
    with pytest.raises(BadInput, match=sentence):
        export_trial(made.paths, which, tmp_path / name)
    assert [path.name for path in tmp_path.iterdir()] == ["made-up"]


def test_without_a_finished_trial_there_is_no_best_no_study_and_no_weights(tmp_path):
    made = Experiment(tmp_path)
    made.session()
    made.trial(0)
    with pytest.raises(BadInput, match="`made-up` has no valid trial yet, so none is the best"):
        export_trial(made.paths, "best", tmp_path / "x.yaml")
    with pytest.raises(BadInput, match="trial 0 of `made-up` has recorded no epoch yet"):
        export_trial(made.paths, "0", tmp_path / "x.yaml")
    with pytest.raises(BadInput, match="no checkpoint is left of trial 0"):
        export_weights(made.paths, "0", tmp_path / "x.safetensors")
    with pytest.raises(BadInput, match="`made-up` has no finished trial yet, so a study would be empty"):
        export_study(made.paths, tmp_path / "x.db")
    assert [path.name for path in tmp_path.iterdir()] == ["made-up"]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (None, "cannot read"),
        ("a: [", "cannot read"),
        ("just words", "is not an exported trial"),
        ("format: 1\nfamily: blur", "is not an exported trial"),
    ],
)
def test_a_file_that_no_export_wrote_is_refused_in_one_sentence(tmp_path, text, sentence):
    file = tmp_path / "x.yaml"
    if text is not None:
        file.write_text(text)
    with pytest.raises(BadInput, match=sentence) as caught:
        retrain.read(file)
    assert "\n" not in str(caught.value)


def test_the_median_replicate_is_the_living_one_nearest_to_the_median(tmp_path):
    made = Experiment(tmp_path, budget={"epochs": 9, "grace": 1, "reduction": 3, "trials": 1, "replicates": 4})
    made.session()
    made.trial(0)
    made.write("start", trial=0, epoch=0)
    made.epoch(0, 1, [0.1, 0.9, 0.5, 0.6])
    made.epoch(0, 2, [None, 0.9, 0.5, 0.4])
    history = History.load(made.paths)
    trial = history.trial(0)
    assert median_replicate(history, trial, 2) == 2
    assert (
        trial.values(1)[median_replicate(history, trial, 1)] == 0.6
    )  # the made-up median takes the upper of the middle


def test_a_study_holds_complete_pruned_and_failed_trials_with_their_medians(tmp_path):
    made = finished(tmp_path)
    said = export_study(made.paths, tmp_path / "study.db")
    assert said.startswith("wrote 4 trials to the study `made-up`; look at it with:")
    study = optuna.load_study(study_name="made-up", storage=f"sqlite:///{tmp_path / 'study.db'}")
    state = optuna.trial.TrialState
    assert [trial.state for trial in study.trials] == [state.COMPLETE, state.COMPLETE, state.PRUNED, state.FAIL]
    assert study.direction == optuna.study.StudyDirection.MAXIMIZE
    assert (study.best_value, study.best_params) == (0.9, {"lr": 0.05})
    assert study.best_trial.user_attrs["replicates"] == around(0.9)
    assert study.trials[2].intermediate_values == {1: 0.7, 2: 0.7, 3: 0.7}
    assert list(study.trials[3].intermediate_values) == [1]
    assert study.user_attrs["config/mode"] == "normal"
    for start, trial in zip((0.01, 0.05, 0.001, 5.0), study.trials, strict=True):
        assert trial.params["lr"] == start
        assert trial.datetime_start < trial.datetime_complete
    assert study.trials[0].distributions["lr"].log
    optuna.visualization.plot_intermediate_values(study)
    optuna.visualization.plot_parallel_coordinate(study)
    with pytest.raises(BadInput, match="already holds a study `made-up`"):
        export_study(made.paths, tmp_path / "study.db")


def test_a_study_holds_knobs_that_only_some_trials_have_and_lists(tmp_path):
    made = Experiment(tmp_path)
    made.session()
    for index, more in enumerate([{}, {"sigma": 2, "sigmas": [1, 2]}, {"sigma": 3, "sigmas": [4]}]):
        made.trial(index, **more)
        made.complete(index, around(0.5))
    export_study(made.paths, tmp_path / "study.db")
    study = optuna.load_study(study_name="made-up", storage=f"sqlite:///{tmp_path / 'study.db'}")
    assert [trial.params for trial in study.trials] == [
        {},
        {"sigma": 2, "sigmas": "[1, 2]"},
        {"sigma": 3, "sigmas": "[4]"},
    ]


def test_a_file_that_is_no_database_is_refused_and_kept(tmp_path):
    made = finished(tmp_path)
    other = tmp_path / "notes.txt"
    other.write_text("not a database, but somebody's notes" * 100)
    with pytest.raises(BadInput, match=r"cannot write a study into .*notes.txt"):
        export_study(made.paths, other)
    assert other.read_text().startswith("not a database")


def test_output_is_written_whole_or_not_at_all(tmp_path):
    assert output.write(tmp_path / "a.txt", b"one").read_bytes() == b"one"
    assert output.write(tmp_path / "a.txt", b"two").read_bytes() == b"two"
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]
    with pytest.raises(BadInput, match="it is a folder; name a file in it"):
        output.write(tmp_path, b"")
    with pytest.raises(BadInput, match=r"cannot write .*b \(Not a directory\); choose another path"):
        output.write(tmp_path / "a.txt" / "b", b"")


def test_the_manifest_names_the_commit_and_whether_the_code_is_as_committed(tmp_path, monkeypatch):
    def git(*arguments):
        subprocess.run(["git", "-C", str(tmp_path), *arguments], check=True, capture_output=True)

    monkeypatch.setattr(manifest, "__file__", str(tmp_path / "tuner" / "records" / "manifest.py"))
    assert manifest.code() == {"commit": None, "clean": None}
    git("init")
    (tmp_path / "a.py").write_text("")
    git("add", ".")
    git("-c", "user.name=n", "-c", "user.email=e@example.org", "commit", "-m", "first")
    code = manifest.code()
    assert len(code["commit"]) == 40
    assert code["clean"] is True
    (tmp_path / "a.py").write_text("changed")
    assert manifest.code() == {"commit": code["commit"], "clean": False}


def test_the_yaml_is_plain(tmp_path):
    made = finished(tmp_path)
    export_trial(made.paths, "baseline", tmp_path / "base.yaml")
    text = (tmp_path / "base.yaml").read_text()
    assert text.startswith("# Trial 0 of made-up; retrain it with: tuner train ")
    assert "!!" not in text
    assert yaml.safe_load(text)["recorded"]["median"] == 0.8


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("seed", -1, "`seed` is -1, but must be at least 0"),
        ("replicates", 10**12, "`replicates` is 1000000000000, but must be at most 1000"),
        ("threads", "many", "`threads` is 'many', but must be a whole number"),
        ("device", "tpu", "`device` is 'tpu', but must be cpu or cuda"),
        (
            "recorded",
            {"metric": "m", "epoch": 1, "median": float("nan"), "values": []},
            "`recorded.median` is NaN, but",
        ),
        ("manifest", {"data": "none"}, "`manifest` is not of its form: `data` is 'none', but must be an object"),
    ],
)
def test_an_exported_trial_of_the_wrong_form_is_named_by_its_field(tmp_path, key, value, said):
    whole = {"format": 1, "family": "blur", "config": {}, "seed": 0, "replicates": 5, "device": "cpu", "threads": 1}
    whole |= {"recorded": {"metric": "m", "epoch": 1, "median": 0.5, "values": [0.5]}, "manifest": {}}
    path = tmp_path / "trial.yaml"
    path.write_text(yaml.safe_dump(whole | {key: value}))
    with pytest.raises(BadInput) as caught:
        retrain.read(path)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("budget", "rules", "decides"),
    [
        ({"cpus_per_trial": 10}, [], ("cpu", 10)),
        ({"cpus_per_trial": 10, "placement": "spread"}, [], ("cpu", 2)),
        ({"cpus_per_trial": 3, "placement": "spread"}, [], ("cpu", 1)),
        ({"cpus_per_trial": 1}, [{"when": {"lr": [0.05]}, "cpus": 4, "gpus": None}], ("cpu", 4)),
        ({"cpus_per_trial": 1}, [{"when": {"lr": [0.01]}, "cpus": 4, "gpus": None}], ("cpu", 1)),
        ({"cpus_per_trial": 1}, [{"when": {"lr": [0.05]}, "cpus": None, "gpus": 1}], ("cuda", 1)),
        ({"gpus_per_trial": 1}, [{"when": {"lr": [0.05]}, "cpus": 2, "gpus": 0}], ("cpu", 2)),
        ({"cpus_per_trial": 4, "gpus_per_replicate": 2, "gpus_per_trial": 2}, [], ("cuda", 2)),
    ],
)
def test_threads_and_device_are_those_of_the_worker_that_trained_a_replicate(tmp_path, budget, rules, decides):
    whole = {"epochs": 9, "grace": 1, "reduction": 3, "trials": 4, "replicates": 5, **budget}
    export_trial(finished(tmp_path, budget=whole, allocations=rules).paths, "best", tmp_path / "best.yaml")
    exported = retrain.read(tmp_path / "best.yaml")
    assert (exported.device, exported.threads) == decides


def test_curves_are_a_row_for_each_trial_epoch_and_metric(tmp_path, tuner):
    made = finished(tmp_path)
    code, out, _ = tuner("export", made.paths.root, "--curves", tmp_path / "curves.csv")
    rows = list(csv.DictReader((tmp_path / "curves.csv").open()))
    assert (code, out) == (
        0,
        f"wrote {tmp_path}/curves.csv: {len({row['trial'] for row in rows})} trials, {len(rows)} rows\n",
    )
    expected = Notebook(made.paths).curves()
    assert list(rows[0]) == list(expected.columns)
    assert [(row["trial"], row["epoch"], row["metric"]) for row in rows] == [
        (str(trial), str(epoch), metric)
        for trial, epoch, metric in expected[["trial", "epoch", "metric"]].itertuples(index=False)
    ]
    [best] = [row for row in rows if (row["trial"], row["epoch"], row["metric"]) == ("1", "9", "val_accuracy")]
    assert [float(best[f"replicate_{index}"]) for index in range(5)] == around(0.9)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--curves", "x.csv", "--weights"), "--weights and --curves are two exports; ask for one after the other"),
        (("--curves", "x.csv", "-o", "y.csv"), "--output and --curves name two files, but one is written"),
        (("--epoch", "best"), "--epoch says of which epoch the weights are; give --weights as well"),
        (("--weights", "--epoch", "9"), "--epoch is 9, but must be best or last"),
        (("--curves", "nowhere/x.csv"), "cannot write"),
    ],
)
def test_exports_that_contradict_each_other_write_nothing(tmp_path, tuner, options, sentence):
    made = finished(tmp_path)
    code, out, err = tuner("export", made.paths.root, *options)
    assert (code, out) == (2, "")
    assert sentence in err
