"""The words of a command line, for every verb: what is blank, what is no text, whose home is unknown; and their surroundings."""

import os
import re
import shlex
import subprocess
import sys

import pytest
import typer
from rich.console import Console

from tests.tuner.experiments import Experiment, finished
from tuner import cli
from tuner.commands import entry
from tuner.networks import trained
from tuner.tables.grid import Grid, grid
from tuner.tables.text import knob

NO_TEXT = "caf\udce9"  # the Latin-1 bytes of café, as Python passes them on
SCRIPT = "import sys; from tuner import cli; sys.argv[0] = 'tuner'; cli.main()"


def verbs(command=None, words=()):
    """Every verb with the words that call it."""
    command = command or typer.main.get_command(cli.app)
    for name, verb in command.commands.items():
        if hasattr(verb, "commands"):
            yield from verbs(verb, (*words, name))
        else:
            yield (*words, name), verb


def slots():
    """Every argument and option of every verb that takes a word, as a command line with `{}` where that would be."""
    for words, verb in verbs():
        texts = [parameter for parameter in verb.params if not getattr(parameter, "is_flag", False)]
        arguments = [p for p in verb.params if p.param_type_name == "argument" and p.required]
        for parameter in texts:
            line = [*words, *("{}" if argument is parameter else "x" for argument in arguments)]
            if parameter.param_type_name == "option":
                line += [max(parameter.opts, key=len), "{}"]
            elif parameter not in arguments:
                line.append("{}")
            yield pytest.param(line, id=" ".join([*words, parameter.name]))


def test_every_verb_has_a_slot():
    assert len(list(slots())) > 40
    assert {words[0] for words, _ in verbs()} >= {"launch", "status", "replay", "predict", "cluster", "data"}


@pytest.mark.parametrize("line", list(slots()))
def test_a_blank_word_is_a_mistake_wherever_it_stands(tuner, line):
    blank = " " * (len(line) % 2)
    code, _, err = tuner(*(blank if word == "{}" else word for word in line))
    assert code == 2
    assert re.match(r"tuner: (--\S+|the argument \S+) is empty, but must say something; give it", err)
    assert err.count("\n") == 1


@pytest.mark.parametrize("line", list(slots()))
def test_a_word_that_is_not_utf_8_is_one_sentence(tuner, line):
    code, _, err = tuner(*(NO_TEXT if word == "{}" else word for word in line))
    assert (code, err.count("\n")) == (2, 1)
    assert r"tuner: `caf\xe9` on the command line is not UTF-8" in err


@pytest.mark.parametrize(
    "line",
    [
        "status x --storage ~nobody-here/r", "status ~nobody-here/x", "replay ~nobody-here/x.csv", "import-log ~nobody-here/l",
        "plan blur --space ~nobody-here/s.py", "plan blur --set dataset=folder:~nobody-here/x", "evaluate ~nobody-here/x.pt",
        "data check imagenet:~nobody-here/x", "train ~nobody-here/x.yaml", "doctor --storage ~nobody-here/r",
        "launch blur --storage ~nobody-here/r", "compare ~nobody-here/a ~nobody-here/b", "predict ~nobody-here/x.pt y.png",
    ],
)  # fmt: skip
def test_the_home_of_nobody_is_one_sentence_in_every_path(tuner, line):
    code, _, err = tuner(*shlex.split(line))
    assert (code, err.count("\n")) == (2, 1)
    assert "this machine knows no user `nobody-here`; write the path out" in err


def nobody(*arguments, **environment):
    """The command line of a user without home and without name, as `docker --user 54321` makes one."""
    namespace = ["unshare", "--user", "--map-user=54321", "--map-group=54321"]
    if subprocess.run([*namespace, "true"], check=False, capture_output=True).returncode:
        pytest.skip("user namespaces are not allowed here")
    bare = {
        k: v for k, v in os.environ.items() if k not in ("HOME", "USER", "LOGNAME", "LNAME", "USERNAME", "TUNER_DATA")
    }
    command = [*namespace, sys.executable, "-c", SCRIPT, *map(str, arguments)]
    return subprocess.run(command, env=bare | environment, capture_output=True, text=True, check=False)


def test_without_a_home_there_is_no_default_storage_but_all_else(tmp_path):
    done = nobody("data", "list")
    assert done.returncode == 0, done.stderr
    assert "tuner-home-54321/.cache/tuner/data" in done.stdout.replace("\n", "")
    done = nobody("launch", "blur", "--trials", 1)
    said = [
        line for line in done.stdout.splitlines() if not line.startswith("reading the search ")
    ]  # on a slow machine
    assert (done.returncode, said) == (2, [])
    assert done.stderr == (
        "tuner: this user has no home folder, so there is no default storage; give --storage, or set HOME\n"
    )
    experiment = finished(tmp_path)
    tmp_path.chmod(0o755)
    done = nobody("status", experiment.paths.root, HOME="")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("switch", [["-OO"], ["-O"], []], ids=["two", "one", "none"])
def test_python_may_leave_out_docstrings(switch):
    command = [sys.executable, *switch, "-m", "tuner", "spaces", "blur", "smoke"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "loguniform(0.001, 0.1)" in done.stdout


@pytest.mark.parametrize("value", ["0", "-5", "", "wide", "²", "40.5", "9" * 30])
def test_a_width_that_is_none_is_forgotten(monkeypatch, value):
    monkeypatch.setenv("COLUMNS", value)
    entry.settle_width()
    assert "COLUMNS" not in os.environ
    monkeypatch.setenv("COLUMNS", "40")
    entry.settle_width()
    assert os.environ["COLUMNS"] == "40"


def test_output_of_another_encoding_is_no_reason_to_end(tmp_path):
    experiment = finished(tmp_path)
    environment = os.environ | {"PYTHONIOENCODING": "ascii", "COLUMNS": "²"}
    command = [sys.executable, "-c", SCRIPT, "show", str(experiment.paths.root), "best"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "0.9000" in done.stdout


METRIC = re.compile(r"\d\.\d{3,4}")
NUMBERS = re.compile(r"\d[\d.,]*")
READING = [
    ["results", "NAME"], ["status", "NAME"], ["show", "NAME", "best"], ["compare", "NAME", "NAME"], ["replay", "NAME"],
    ["spaces"], ["spaces", "blur", "smoke"], ["data", "list"], ["plan", "blur", "--trials", "12"],
]  # fmt: skip


@pytest.mark.parametrize("words", READING, ids=" ".join)
def test_no_number_is_cut_or_lost_however_narrow_the_screen(tuner, tmp_path, monkeypatch, words):
    from tests.tuner import conftest

    experiment = finished(tmp_path)
    words = [str(experiment.paths.root) if word == "NAME" else word for word in words]
    complete = None
    for width in (200, 160, 100, 80, 60, 50, 40, 33, 27, 20):
        monkeypatch.setattr(conftest, "WIDTH", width)
        code, out, err = tuner(*words)
        assert code == 0, err
        assert "…" not in out
        shown = sorted(set(NUMBERS.findall(out.replace(str(tmp_path), ""))))
        complete = complete or shown
        lost = [number for number in complete if number not in shown]
        # Below 40 columns a list of numbers that is one long word is broken, as any word is; medians never are.
        assert [number for number in lost if width >= 40 or METRIC.fullmatch(number)] == []


def test_a_table_that_does_not_fit_is_a_paragraph_a_row():
    table = grid(
        ["trial", "median", "status"], [["1", "0.1234", "stopped <0.4471"], ["12", "0.2", "done"]], left=["status"]
    )
    assert isinstance(table, Grid)
    console = Console(width=20, record=True, quiet=False, file=open(os.devnull, "w"))  # noqa: SIM115
    console.print(table)
    assert console.export_text().split("\n\n") == [
        "trial 1\nmedian 0.1234\nstatus\nstopped <0.4471",
        "trial 12  median 0.2\nstatus done\n",
    ]


def test_a_long_list_is_cut_between_its_numbers():
    assert knob((0.125, 0.25, 0.375, 0.5, 0.625, 0.75)) == "(0.125,0.25,0.375,0.5,…)"
    assert knob(123456789012345678901234567890) == "123456789012345678901234567890"
    assert knob("x" * 30) == "x" * 23 + "…"


def test_every_command_that_status_prints_finds_the_experiment(tuner, tmp_path):
    experiment = Experiment(tmp_path / "it's here", folder="cut-off")
    experiment.session()
    experiment.trial(0)
    experiment.complete(0, [0.5] * 5)
    experiment.fail_replicate(0, 0, 1)
    experiment.session("end", "interrupted")
    code, out, _ = tuner("status", "cut-off", "--storage", experiment.paths.root.parent)
    assert code == 0
    commands = [shlex.split(command) for command in re.findall(r"`tuner (.*?)`", out)]
    assert [command[0] for command in commands] == ["resume", "show"]
    for command in commands:
        code, _, err = tuner("status", command[1], *command[2:4])
        assert code == 0, err


def test_no_two_pictures_of_one_command_share_a_file(tmp_path):
    images = [
        "a/cat.jpg",
        "b/cat.jpg",
        "b/cat.png",
        "dog.png",
        "dog.png",
        "x/b/cat.jpg",
        "c/dog.predicted.png",
        "b-cat.jpg",
    ]
    found = trained._pictures(images, tmp_path)
    assert list(found) == list(dict.fromkeys(images))
    assert len(set(found.values())) == len(found)
    assert found["a/cat.jpg"] == tmp_path / "a-cat.jpg.predicted.png"
    assert trained._pictures(["a/cat.jpg"], tmp_path) == {"a/cat.jpg": tmp_path / "cat.predicted.png"}


def test_a_picture_never_takes_the_place_of_an_image_that_is_asked_about(tmp_path):
    images = [str(tmp_path / "x.png"), str(tmp_path / "x.predicted.png")]
    assert not set(map(str, trained._pictures(images, tmp_path).values())) & set(images)


@pytest.mark.parametrize("windows", [["50"], ["5", "10"]])
def test_a_window_longer_than_the_curves_is_refused_with_the_rule(tuner, tmp_path, windows):
    experiment = finished(tmp_path)
    code, out, err = tuner(
        "replay", experiment.paths.root, *(word for window in windows for word in ("--window", window))
    )
    assert (code, out) == (2, "")
    assert f"--window is {windows[-1]}, but must be at most 9, the epochs of the longest curve; lower it" in err


@pytest.mark.parametrize("words", [["plan", "blur"], ["launch", "blur", "--dry-run"], ["launch", "blur"]], ids=" ".join)
def test_a_dataset_that_is_missing_is_said_before_ray_starts(tuner, monkeypatch, tmp_path, words):
    from tuner.machines import ray_session

    monkeypatch.setattr(ray_session, "connected", lambda address: pytest.fail("Ray was reached"))
    monkeypatch.setenv("TUNER_DATA", str(tmp_path))
    code, out, err = tuner(*words, "--set", "dataset=cifar10", "--set", "image_size=32")
    assert code == 2
    assert "16 trials of 5 replicates" in out  # the plan itself is shown
    assert "run `tuner data fetch cifar10`" in err
    assert not (tmp_path / "home").exists()


def test_with_an_address_the_data_are_a_question_to_the_nodes(tuner):
    for words in (["plan", "blur"], ["launch", "blur", "--dry-run"]):
        code, out, _ = tuner(*words, "--address", "auto", "--set", "dataset=folder:/on/the/nodes")
        assert code == 0
        assert "whether folder:/on/the/nodes is there, and the same on every node, is asked of the nodes" in out


def test_a_rank_window_longer_than_the_budget_is_said(tuner):
    code, out, _ = tuner("plan", "blur", "--rank-window", 50)
    assert code == 0
    assert "the rank window of 50 epochs is longer than the 9 that are trained" in " ".join(out.split())


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["import-log", "{}"], "(Is a directory); give a log"),
        (["replay", "{}.csv"], "(No such file or directory); give a CSV"),
        (["train", "{}.yaml"], "(No such file or directory); give a file"),
        (["report", "NAME", "-o", "{}/no/x"], "(No such file or directory); choose another path"),
        (["predict", "{}", "x"], "is a folder; give the file of a checkpoint"),
        (["status", "y" * 300], "(File name too long); repair the path"),
    ],
)
def test_the_number_of_an_error_is_no_word(tuner, tmp_path, words, sentence):
    experiment = finished(tmp_path)
    stands_for = {"NAME": str(experiment.paths.root)}
    code, _, err = tuner(*(stands_for.get(word, word.format(tmp_path)) for word in words))
    assert (code, err.count("\n")) == (2, 1)
    assert sentence in err
    assert "Errno" not in err


def test_a_folder_that_is_not_utf_8_is_one_sentence_and_no_stranger_in_a_storage(tuner, tmp_path, monkeypatch):
    experiment = finished(tmp_path)
    strange = tmp_path / NO_TEXT
    strange.mkdir()
    (strange / "manifest.json").write_text("{}")
    code, _, err = tuner("status", "caf", "--storage", tmp_path)
    assert (code, err.count("\n")) == (2, 1)
    monkeypatch.chdir(strange)
    assert tuner("status", experiment.paths.name, "--storage", tmp_path)[0] == 0
    for line in (["status", "x", "--storage", "here"], ["plan", "blur", "--set", "dataset=folder:here"]):
        code, _, err = tuner(*line)
        assert (code, err.count("\n")) == (2, 1)
        assert "which is not UTF-8" in err


@pytest.mark.parametrize(
    "words", [["status"], ["results"], ["show", "baseline"], ["report"], ["results", "--json"], ["status", "--csv"]]
)
def test_records_that_are_empty_are_an_experiment_that_has_not_begun(tuner, tmp_path, monkeypatch, words):
    monkeypatch.chdir(tmp_path)
    experiment = Experiment(tmp_path)
    experiment.paths.records.write_text("")
    code, _, err = tuner(words[0], experiment.paths.root, *words[1:])
    assert (code, err) == (0, "")


def test_documents_that_are_empty_are_one_sentence(tuner, tmp_path):
    lines = {
        "x.log": ["import-log", "{}"], "x.yaml": ["train", "{}"], "x.csv": ["replay", "{}"],
        "x.py": ["plan", "blur", "--space", "{}"], "c.yaml": ["cluster", "check", "{}"],
        "x.pt": ["evaluate", "{}", "--family", "blur"],
    }  # fmt: skip
    for name, words in lines.items():
        (tmp_path / name).write_text("")
        code, _, err = tuner(*(word.format(tmp_path / name) for word in words))
        assert (code, err.count("\n")) == (2, 1), words
        assert name in err


def test_two_experiments_of_one_name_are_told_apart_by_their_folders(tuner, tmp_path):
    first, second = finished(tmp_path / "a"), finished(tmp_path / "b")
    code, out, _ = tuner("compare", first.paths.root, second.paths.root)
    assert code == 0
    joined = out.replace("\n", "")
    assert f"A: {first.paths.root}" in joined
    assert f"B: {second.paths.root}" in joined
