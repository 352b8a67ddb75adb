"""The batch script: sound shell, with everything that was asked for and nothing that others on a node could meet."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.test_docs import commands, options_of
from trainables.process import child_process
from tuner.cluster.slurm import asked as asking
from tuner.cluster.slurm import script as scripts

ROOT = Path(__file__).parents[4]
READING = ["blur", "--space", "search", "--name", "first", "--storage", "/shared/results"]
READING += ["--nodes", "2", "--gpus-per-node", "4", "--time", "24:00:00"]


EXAMPLES = Path(__file__).parents[4] / "examples"


@pytest.fixture
def script(tuner, monkeypatch):
    """`tuner slurm script ...` where there is no Slurm: (exit code, standard output, standard error)."""
    monkeypatch.setattr(asking, "look", lambda: None)
    return lambda *arguments: tuner("slurm", "script", *arguments)


def directives(text):
    return dict(re.findall(r"^#SBATCH (--[\w-]+)=(.*)$", text, re.MULTILINE))


def launch(text):
    """The words of the search inside."""
    [line] = re.findall(r"^ +python -m (tuner launch .*)$", text, re.MULTILINE)
    return line


def sound(text):
    """The script, which shell and its linter find nothing against."""
    done = subprocess.run(["bash", "-n"], input=text, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    if shutil.which("shellcheck"):
        linted = subprocess.run(
            ["shellcheck", "--severity=warning", "-"], input=text, capture_output=True, text=True, check=False
        )
        assert linted.returncode == 0, linted.stdout
    return text


def test_the_script_of_the_page_is_sound_and_asks_for_what_was_asked(script):
    code, text, _ = script(*READING)
    assert code == 0
    assert directives(sound(text)) == {
        "--job-name": "first",
        "--comment": "tuner:/shared/results/first",
        "--output": "/shared/results/first.slurm-%j.log",
        "--open-mode": "append",
        "--nodes": "2",
        "--ntasks-per-node": "1",
        "--cpus-per-task": "32",  # sixteen trials of two CPUs and a quarter of a card
        "--gpus-per-node": "4",
        "--time": "24:00:00",
        "--signal": "B:USR1@120",
        "--export": "ALL",
    }
    assert "\n#SBATCH --requeue\n" in text
    expected = (
        "tuner launch blur --space search --name first --storage /shared/results --address auto --seed 0 --or-resume"
    )
    assert launch(text) == expected
    assert "@" not in re.sub(r"B:USR1@\d+|\$@|\{@:2\}", "", text)  # nothing was left to be filled in


def test_every_option_of_a_job_reaches_slurm(script):
    more = ["--partition", "gpu", "--account", "lab", "--qos", "long", "--constraint", "ib&(a|b)", "--mem", "64G"]
    more += ["--cpus-per-node", "40", "--warning", "300", "--max-restarts", "7", "--output", "/shared/logs/%x-%j.out"]
    more += ["--sbatch=--exclusive", "--sbatch=--reservation=course"]
    code, text, _ = script(*READING, *more)
    assert code == 0
    found = directives(sound(text))
    assert found["--partition"] == "gpu"
    assert found["--account"] == "lab"
    assert found["--qos"] == "long"
    assert found["--constraint"] == "'ib&(a|b)'"
    assert found["--mem"] == "64G"
    assert found["--cpus-per-task"] == "40"
    assert found["--signal"] == "B:USR1@300"
    assert found["--output"] == "/shared/logs/%x-%j.out"
    assert found["--reservation"] == "course"
    assert "\n#SBATCH --exclusive\n" in text
    assert "progress first /shared/results 7;" in text
    assert "SECONDS + 280" in text


def test_every_option_of_a_search_reaches_the_search(script):
    more = ["--trials", "9", "--replicates", "3", "--set", "lr=loguniform(1e-3, 1e-1)", "--gpus-per-trial", "0.5"]
    more += ["--data", "/shared/data", "--max-concurrent", "6", "--checkpoint-every", "30", "--step-timeout", "900"]
    code, text, _ = script(*READING, *more)
    assert code == 0
    words = launch(sound(text))
    for said in (
        "--trials 9",
        "--replicates 3",
        "'lr=loguniform(1e-3, 1e-1)'",
        "--gpus-per-trial 0.5",
        "--data /shared/data",
    ):
        assert said in words
    assert words.endswith("--max-concurrent 6 --checkpoint-every 30.0 --step-timeout 900.0")


def test_whoever_asks_for_gpus_trains_on_them(script):
    code, text, _ = script("blur", "--name", "small", "--storage", "/shared/results", "--gpus-per-node", "2")
    assert code == 0
    assert "--gpus-per-trial 1.0" in launch(text)
    assert directives(text)["--cpus-per-task"] == "2"


def test_without_gpus_a_node_has_the_cpus_of_eight_trials_at_most(script):
    _, text, _ = script("blur", "--name", "small", "--storage", "/shared/results", "--trials", "50")
    assert directives(text)["--cpus-per-task"] == "8"
    assert "--gpus-per-node" not in directives(text)


def test_names_with_spaces_and_percent_signs_stay_what_they_are(script):
    code, text, _ = script("blur", "--name", "n", "--storage", "/shared/my 100%j results")
    assert code == 0
    assert directives(sound(text))["--output"] == "'/shared/my 100%%j results/n.slurm-%j.log'"
    assert "--storage '/shared/my 100%j results'" in launch(text)


def test_a_bucket_is_a_storage_and_the_log_lies_where_the_job_was_submitted(script):
    code, text, _ = script("blur", "--name", "n", "--storage", "s3://bucket/results")
    assert code == 0
    assert directives(sound(text))["--output"] == "n.slurm-%j.log"


def test_a_space_of_ones_own_is_named_by_its_absolute_path(script, tmp_path, monkeypatch):
    (tmp_path / "mine.py").write_text("from search_spaces.blur import smoke as space\n")
    monkeypatch.chdir(tmp_path)
    code, text, err = script("blur", "--space", "mine.py", "--name", "n", "--storage", "/shared/results")
    assert code == 0, err
    assert f"--space {tmp_path}/mine.py" in launch(text)


def test_own_code_is_named_by_the_absolute_path_of_its_file(script, monkeypatch):
    monkeypatch.chdir(EXAMPLES.parent)
    code, text, err = script("examples/own_loop.py", "--name", "n", "--storage", "/shared/results")
    assert code == 0, err
    assert f"tuner launch {EXAMPLES}/own_loop.py " in launch(text)


def test_no_port_is_fixed_no_address_is_open_and_no_token_is_written_down(script):
    _, text, _ = script(*READING)
    assert not re.search(r"\b(6379|8265|10001|52365|0\.0\.0\.0)\b", text)
    assert "RAY_AUTH_MODE=token" in text
    assert not re.search(r"\b[0-9a-f]{32,}\b", text)
    assert "ray stop" not in text  # which would end every Ray of this user on the node


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        (["--storage", "results"], "--storage is results, a folder from here, which is another one on the cluster"),
        (["--storage", "/tmp/results"], "--storage is /tmp/results, but /tmp is every machine's own"),
        (["--storage", "s3://B"], "the bucket of the storage is `B`"),
        (["--name", "a b"], "the experiment name is 'a b'"),
        (["--set", "dataset=folder:here"], "names a folder from here"),
        (["--gpus-per-node", "0"], "a trial asks for 0.25 GPUs, but the job has none; give --gpus-per-node"),
        (["--gpus-per-trial", "8"], "a trial asks for 2 CPUs and 8 GPUs on one node"),
        (["--gpus-per-trial", "0"], "but --gpus-per-trial is 0, so no trial would use them"),
        (["--cpus-per-node", "1"], "a trial asks for 2 CPUs"),
        (["--time", "60s"], "--time is 60s, but must be as Slurm writes it"),
        (["--nodes", "0"], "`nodes` is 0, but must be at least 1"),
        (["--trials", "0"], "`trials` is 0"),
        (["--sbatch", "exclusive"], "--sbatch is 'exclusive', but must be an option of sbatch"),
        (["--checkpoint-every", "-1"], "the checkpoint interval is -1 s"),
        (["--data", "data"], "--data is data, a folder from here"),
    ],
)
def test_what_cannot_be_is_refused_in_one_sentence_before_anything_is_printed(script, changed, sentence):
    code, out, err = script(*READING, *changed)
    assert (code, out) == (2, "")
    assert sentence in " ".join(err.split())


@pytest.mark.parametrize(
    ("left_out", "sentence"), [("--name", "--name is missing, but"), ("--storage", "--storage is missing, but")]
)
def test_what_must_be_given_is_asked_for(script, left_out, sentence):
    at = READING.index(left_out)
    code, out, err = script(*READING[:at], *READING[at + 2 :])
    assert (code, out) == (2, "")
    assert sentence in err


def test_where_there_is_no_slurm_nothing_is_submitted(tuner, monkeypatch):
    monkeypatch.setenv("PATH", "/nonexistent")
    code, out, err = tuner("slurm", "submit", *READING)
    assert (code, out) == (2, "")
    assert "there is no Slurm on this machine" in err


def test_the_file_for_reading_is_what_the_command_prints(script, monkeypatch):
    monkeypatch.setattr(scripts.sys, "executable", "/shared/tuner/.venv/bin/python")
    monkeypatch.setattr(child_process, "ROOT", "/shared/tuner")
    code, text, _ = script(*READING)
    assert code == 0
    assert (ROOT / "deploy" / "slurm.sh").read_text() == text


@pytest.mark.parametrize("words", commands((ROOT / "docs" / "slurm.md").read_text()), ids=" ".join)
def test_a_command_of_the_page_exists_with_its_options(words):
    assert {word.partition("=")[0] for word in words if word.startswith("--")} <= options_of(words)


def test_the_package_brings_the_script():
    assert '"tuner.cluster.slurm" = ["batch.sh"]' in (ROOT / "pyproject.toml").read_text()
    assert sys.version_info >= (3, 11)  # PYTHONSAFEPATH
