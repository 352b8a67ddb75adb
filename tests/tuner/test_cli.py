"""The command line: every mistake is one sentence and exit code 2, and reading never costs an import of torch."""

import json
import re
import shlex
import subprocess
import sys

import pytest
import typer
from typer.testing import CliRunner

from tests.tuner.experiments import Experiment, finished
from tuner.cli import app
from tuner.rules import asha

MISTAKES = {
    "not a number": (["launch", "blur", "--set", "lr=nan"], "`lr` is nan, but must be a number"),
    "a number for a list": (["launch", "blur", "--set", "evaluation_sigmas=3"], "write it as (1,2)"),
    "a dry run of a bad name": (["launch", "blur", "--dry-run", "--name", "a/b"], "the experiment name is 'a/b'"),
    "train with a negative seed": (["train", "blur", "--seed", "-1"], "--seed is -1"),
    "train on images too small": (["train", "blur", "--set", "arch=vgg16"], "cannot take images of 16x16"),
    "unknown family": (["launch", "blurr"], "did you mean `blur`"),
    "unknown space": (["launch", "blur", "--space", "smok"], "did you mean `smoke`"),
    "unknown knob": (["launch", "blur", "--set", "sigmaa=1"], "did you mean `sigma`"),
    "knob out of range": (["launch", "blur", "--set", "lr=-1"], "`lr` is -1"),
    "range out of range": (["launch", "blur", "--set", "lr=loguniform(1e-3,100)"], "`lr`"),
    "unreadable setting": (["launch", "blur", "--set", "lr=choice("], "cannot be read"),
    "no setting": (["launch", "blur", "--set", "lr"], "is not of the form knob=value"),
    "grace beyond epochs": (["launch", "blur", "--grace", "12"], "`grace` is 12, but must be at most `epochs` (9)"),
    "reduction of one": (["launch", "blur", "--reduction", "1"], "`reduction` is 1"),
    "unknown rule": (
        ["launch", "blur", "--rule", "hyperband"],
        "`rule` is 'hyperband', but must be one of asha, promotion",
    ),
    "rule as a knob": (["launch", "blur", "--set", "rule=promotion"], "part of the budget; use --rule"),
    "no replicates": (["launch", "blur", "--replicates", "0"], "`replicates` is 0"),
    "no trials": (["launch", "blur", "--trials", "0"], "`trials` is 0"),
    "no epochs": (["launch", "blur", "--epochs", "0"], "`epochs` is 0"),
    "slash in the name": (["launch", "blur", "--name", "a/b"], "the experiment name is 'a/b'"),
    "long name": (["launch", "blur", "--name", "x" * 300], "has 300 characters, but must have at most 100"),
    "dots as a name": (["launch", "blur", "--name", ".."], "the experiment name is '..'"),
    "unknown dataset": (["launch", "blur", "--set", "dataset=digit"], "did you mean `digits`"),
    "almost a bucket": (["launch", "blur", "--storage", "s3:/bucket/x"], "the storage begins with s3:/, but must be"),
    "a bucket of another kind": (
        ["status", "x", "--storage", "gs://bucket"],
        "the storage begins with gs:/, but must be",
    ),
    "nobody at the endpoint": (
        ["results", "x", "--storage", "s3://bucket"],
        "S3 does not answer at http://127.0.0.1:1 ",
    ),
    "a storage that is a file": (["launch", "blur", "--storage", "/dev/null/x"], "cannot write to /dev/null/x"),
    "no such space file": (["launch", "blur", "--space", "nowhere.py"], "nowhere.py"),
    "negative seed": (["launch", "blur", "--seed", "-1"], "seed"),
    "no concurrency": (["launch", "blur", "--max-concurrent", "0"], "concurrent"),
    "unknown experiment": (["resume", "nothing"], "there is no experiment `nothing`"),
    "status of nothing": (["status", "nothing"], "there is no experiment `nothing`"),
    "report of nothing": (["report", "nothing"], "there is no experiment `nothing`"),
    "dashboard of what can never be": (["dashboard", "not hing"], "the experiment name is 'not hing', but must hold"),
    "dashboard in no storage": (["dashboard", "--storage", "/nowhere"], "there is no folder /nowhere"),
    "results of nothing": (["results", "nothing"], "there is no experiment `nothing`"),
    "confirm nothing": (["confirm", "nothing"], "there is no experiment `nothing`"),
    "export nothing": (["export", "nothing"], "there is no experiment `nothing`"),
    "compare nothing": (["compare", "nothing", "nothing"], "there is no experiment `nothing`"),
    "replay nothing": (["replay", "nothing"], "there is no experiment `nothing`"),
    "train no file": (["train", "nothing.yaml"], "cannot read nothing.yaml"),
    "a strategy that is none": (
        ["launch", "blur", "--strategy", "fastest"],
        "`strategy` is 'fastest', but must be one of auto, serial, graph; set --strategy",
    ),
    "train by a strategy that is none": (
        ["train", "blur", "--strategy", "fastest"],
        "`strategy` is 'fastest', but must be one of auto, serial, graph; choose one",
    ),
    "a strategy as a knob": (["launch", "blur", "--set", "strategy=graph"], "use --strategy"),
    "a precision that is none": (["launch", "blur", "--set", "precision=fp16"], "`precision` is 'fp16', but must be"),
    "train a file with options": (["train", "x.yaml", "--seed", "1"], "no option can be given beside it"),
    "rank window of none": (["launch", "blur", "--rank-window", "0"], "`rank_window` is 0"),
    "train a range": (["train", "blur", "--set", "lr=uniform(0.1,0.2)"], "`lr` is a range"),
    "train unknown knob": (["train", "blur", "--set", "sigmaa=1"], "`sigmaa` is not a knob of this family"),
    "train without replicates": (["train", "blur", "--replicates", "0"], "--replicates is 0"),
    "train on missing data": (["train", "blur", "--set", "dataset=folder:/nowhere"], "/nowhere"),
    "train an unknown network": (["train", "blur", "--set", "arch=resnet_18"], "did you mean `resnet18`"),
    "fetch what needs no download": (["data", "fetch", "digits"], "digits needs no download"),
    "check an unknown dataset": (["data", "check", "cifar"], "did you mean `cifar10`"),
    "show an unknown space": (["spaces", "blur", "paperr"], "did you mean `paper`"),
}


@pytest.mark.parametrize(("arguments", "sentence"), MISTAKES.values(), ids=MISTAKES.keys())
def test_a_mistake_is_one_sentence_and_exit_code_2_and_starts_nothing(tuner, tmp_path, arguments, sentence):
    code, out, err = tuner(*arguments)
    assert code == 2
    # A network whose size is known once it is built may take a slow machine long enough for a sign of life.
    err = "".join(line for line in err.splitlines(keepends=True) if not line.startswith("training epoch 1 ... "))
    assert err.startswith("tuner: ")
    assert sentence in err
    assert err.count("\n") == 1
    assert "Traceback" not in out + err
    assert not (tmp_path / "home" / "ray_results").exists()


def test_every_mistake_of_a_request_is_listed_at_once(tuner):
    code, _, err = tuner("launch", "blur", "--grace", 12, "--trials", 0, "--set", "lr=-1", "--set", "batch_size=0")
    assert code == 2
    for name in ("`grace`", "`trials`", "`lr`", "`batch_size`"):
        assert name in err


def test_a_dry_run_prints_the_plan_and_writes_nothing(tuner, tmp_path):
    code, out, _ = tuner("launch", "blur", "--dry-run", "--trials", 12)
    assert code == 0
    assert "12 trials of 5 replicates" in out
    assert not (tmp_path / "home" / "ray_results").exists()


def test_plan_warns_of_a_rung_before_the_switch(tuner):
    code, out, _ = tuner("plan", "blur", "--space", "smoke", "--set", "mode=single-step")
    assert code == 0
    assert "--grace" in out


def test_training_that_ends_without_a_median_is_exit_code_1_and_a_sentence(tuner):
    settings = ("lr=10", "weight_decay=1", "momentum=0.99", "image_size=8", "train_images=200", "batch_size=4")
    words = [word for setting in settings for word in ("--set", setting)]
    code, out, err = tuner("train", "blur", "--epochs", 2, "--replicates", 3, *words)
    assert code == 1
    assert re.search(
        r"^tuner: [23] of 3 replicates failed by epoch [12], so the configuration has no median; .*\n$", err
    )
    assert out.count("NonFinite") >= 2


def test_training_without_ray_prints_each_epoch(tuner):
    code, out, _ = tuner(
        "train", "blur", "--epochs", 2, "--replicates", 3, "--set", "image_size=8", "--set", "train_images=80"
    )
    assert code == 0
    assert "epoch 1: val_accuracy" in out
    assert "epoch 2: val_accuracy" in out
    assert "test_accuracy" in out


def test_training_one_configuration_needs_no_ray():
    code = (
        "import sys\nsys.modules['ray'] = None\nfrom tuner import cli\n"
        "sys.argv = 'tuner train blur --epochs 1 --replicates 1 --set image_size=8 --set train_images=80'.split()\n"
        "cli.main()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "epoch 1: val_accuracy" in done.stdout, done.stderr


def test_one_space_is_shown_with_every_knob(tuner):
    from trainables.config.blur import BlurConfig

    code, out, _ = tuner("spaces", "blur", "smoke")
    assert code == 0
    for knob in BlurConfig.model_fields:
        assert knob in out
    assert "loguniform(0.001, 0.1)" in out
    assert all(len(line) <= 100 for line in out.splitlines())


def test_results_of_a_finished_experiment_as_table_json_and_csv(tuner, tmp_path):
    experiment = finished(tmp_path)
    name, storage = experiment.paths.name, experiment.paths.root.parent
    code, table, _ = tuner("results", name, "--storage", storage)
    assert code == 0
    assert "base" in table
    code, text, _ = tuner("results", name, "--storage", storage, "--json")
    assert code == 0
    assert json.loads(text)
    code, text, _ = tuner("results", name, "--storage", storage, "--csv", "--top", 1)
    assert code == 0
    assert text.startswith("rank,")


def test_status_as_json_and_csv(tuner, tmp_path):
    experiment = finished(tmp_path)
    storage = experiment.paths.root.parent
    code, text, _ = tuner("status", experiment.paths.name, "--storage", storage, "--json")
    assert code == 0
    content = json.loads(text)
    assert content["counts"]["stopped"] == 1
    assert (content["best"], content["state"], content["seconds_left"]) == (1, "finished", None)
    code, text, _ = tuner("status", experiment.paths.name, "--storage", storage, "--csv")
    assert code == 0
    assert text.splitlines()[3] == ("2,False,stopped,3,3,0.7,5,6.0,rung 3: 0.7 below the cutoff 0.8 (top 1/3 of 4)")


def test_an_export_prints_the_command_and_a_comparison_its_table(tuner, tmp_path):
    experiment = finished(tmp_path)
    name, storage = experiment.paths.name, experiment.paths.root.parent
    code, out, _ = tuner("export", name, "--storage", storage, "-o", tmp_path / "best.yaml")
    assert code == 0
    assert out.splitlines()[1] == f"tuner train {tmp_path / 'best.yaml'}"
    code, _, err = tuner("export", name, "--storage", storage, "--weights", "--optuna", tmp_path / "s.db")
    assert code == 2
    assert "--weights and --optuna are two exports" in err
    code, out, _ = tuner("compare", name, name, "--storage", storage)
    assert code == 0
    assert "4 shared configurations" in out
    code, out, _ = tuner("compare", name, name, "--storage", storage, "--csv")
    assert out.startswith("a_trial,a_status,a_median")


def test_a_plan_says_what_trials_are_ranked_by(tuner):
    code, out, _ = tuner("plan", "blur", "--rank-window", 3)
    assert code == 0
    assert "ranked by the median of 3 epochs" in " ".join(out.split())
    code, out, _ = tuner("spaces", "bn_only", "search")
    assert code == 0
    assert "(ranked by the median of 5 epochs)" in " ".join(out.split())


def test_report_writes_the_file_it_names_and_suggests_the_nearest_experiment(tuner, tmp_path, monkeypatch):
    finished(tmp_path)
    monkeypatch.chdir(tmp_path)
    code, out, _ = tuner("report", "made-up", "--storage", tmp_path)
    assert (code, out.strip()) == (0, f"report of made-up: {tmp_path / 'made-up.html'}")
    assert (tmp_path / "made-up.html").stat().st_size > 5e5
    code, _, error = tuner("report", "mad-up", "--storage", tmp_path)
    assert code == 2
    assert "did you mean `made-up`?" in error


def test_verify_decides_everything_again(tuner, tmp_path):
    experiment = Experiment(tmp_path)
    experiment.session()
    for index, (value, action, cutoff) in enumerate(
        [(0.5, "continue", None), (0.6, "continue", 0.5), (0.4, "stop", 0.55)]
    ):
        experiment.trial(index)
        experiment.write(
            "decision", trial=index, epoch=1, rung=1, action=action, value=value, cutoff=cutoff, of=index + 1, reason=""
        )
    arguments = ["results", experiment.paths.name, "--storage", experiment.paths.root.parent, "--verify"]
    code, out, err = tuner(*arguments)
    assert code == 1
    assert "trial 2 at rung 1: recorded stop with cutoff 0.55 of 3, but the rule says stop, 0.5666" in err
    text = experiment.paths.records.read_text().replace(
        '"cutoff": 0.55', f'"cutoff": {asha.decide([0.5, 0.6], 0.4, 3).cutoff!r}'
    )
    experiment.paths.records.write_text(text)
    code, out, err = tuner(*arguments)
    assert code == 0, err
    assert "all 3 decisions of made-up follow from the recorded order of arrival" in out


def test_the_commands_it_prints_work_from_anywhere(tuner, tmp_path):
    experiment = finished(tmp_path / "some where")
    code, _, err = tuner("stop", experiment.paths.name, "--storage", experiment.paths.root.parent)
    assert code == 2
    [command] = re.findall(r"see `tuner (.*)`", err)
    code, out, _ = tuner(*shlex.split(command))
    assert code == 0
    assert "made-up" in out


def test_doctor_finds_a_storage_that_cannot_be_used(tuner, tmp_path):
    code, out, _ = tuner("doctor", "--storage", tmp_path, "--dataset", "cifar10")
    assert code == 2
    assert "ok     storage" in out
    assert "FAILED dataset" in out
    assert "tuner data fetch cifar10" in out
    code, out, _ = tuner("doctor", "--storage", tmp_path)
    assert code == 0
    assert "dataset  digits: 1,442 training and 355 test images of 10 classes, 16x16" in out


@pytest.mark.parametrize(
    "command",
    [
        ["--help"],
        ["results", "NAME"],
        ["status", "NAME"],
        ["show", "NAME", "best"],
        ["compare", "NAME", "NAME"],
        ["export", "NAME", "-o", "OUT.yaml"],
    ],
)
def test_help_and_reading_import_neither_torch_nor_ray_nor_s3(tmp_path, command):
    experiment = finished(tmp_path)
    stands_for = {"NAME": str(experiment.paths.root), "OUT.yaml": str(tmp_path / "out.yaml")}
    arguments = [stands_for.get(word, word) for word in command]
    code = (
        "import sys\nfrom tuner import cli\nsys.argv = ['tuner', *sys.argv[1:]]\n"
        "try:\n    cli.main()\nexcept SystemExit:\n    pass\n"
        "print('HEAVY', sorted({'torch', 'ray', 'pandas', 'tensorboard', 'boto3', 'pyarrow'} & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "HEAVY []", done.stderr


def test_plan_imports_no_torch():
    code = (
        "import sys\nfrom tuner import cli\nsys.argv = ['tuner', 'plan', 'blur']\n"
        "try:\n    cli.main()\nexcept SystemExit:\n    pass\nprint('TORCH', 'torch' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "TORCH False"


@pytest.mark.parametrize("verb", ["launch", "resume", "confirm", "replay", "train", "report"])
def test_help_shows_every_default_that_is_said(verb, monkeypatch):
    monkeypatch.setenv("COLUMNS", "400")
    command = typer.main.get_command(app).commands[verb]
    said = [
        default for it in command.params for default in re.findall(r"default: [^]]+", getattr(it, "help", "") or "")
    ]
    assert said
    shown = CliRunner().invoke(app, [verb, "--help"]).output
    assert [default for default in said if f"[{default}]" not in shown] == []
