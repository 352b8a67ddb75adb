"""Looking needs no right to write: an experiment of a colleague, read by every verb that reads."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.tuner.experiments import finished
from tests.tuner.report.test_dashboard import SECONDS, address_in, fetched
from tuner.tensorboard import writer as tensorboard

NOBODY = 65534
# Runs each line of arguments in turn, and says the exit codes.
EVERY_VERB = """
import json, sys
from tuner import cli
codes = []
for arguments in json.loads(sys.argv[1]):
    sys.argv = ["tuner", *arguments]
    try:
        cli.main()
        codes.append(0)
    except SystemExit as ended:
        codes.append(ended.code or 0)
print("CODES", json.dumps(codes))
"""


@pytest.fixture
def colleague(tmp_path):
    """An experiment that this user may read only, and the words before a command that take root's rights to write."""
    experiment = finished(tmp_path / "theirs")
    tensorboard.rebuild(experiment.paths)
    everything = [tmp_path / "theirs", *(tmp_path / "theirs").rglob("*")]
    for path in everything:
        path.chmod(0o555 if path.is_dir() else 0o444)
    yield experiment, _without_rights(everything)
    for path in everything:
        path.chmod(0o755 if path.is_dir() else 0o644)


def _without_rights(paths):
    if os.getuid() != 0:
        return []
    if shutil.which("setpriv") is None:
        pytest.skip("root may write everywhere, and there is no setpriv to take that away")
    for path in paths:
        os.chown(path, NOBODY, NOBODY)
    return ["setpriv", "--bounding-set", "-dac_override,-dac_read_search,-fowner,-chown"]


def files(root):
    return sorted(path.relative_to(root) for path in Path(root).rglob("*"))


def test_every_verb_that_reads_reads_an_experiment_that_may_not_be_written(tmp_path, colleague):
    experiment, less = colleague
    name = str(experiment.paths.root)
    before = files(name)
    lines = [
        ["status", name], ["status", name, "--json"], ["results", name], ["results", name, "--csv"], ["show", name, "best"],
        ["compare", name, name], ["replay", name], ["export", name, "-o", str(tmp_path / "x.yaml")],
        ["export", name, "--optuna", str(tmp_path / "x.db")], ["report", name, "-o", str(tmp_path / "x.html")],
    ]  # fmt: skip
    command = [*less, sys.executable, "-c", EVERY_VERB, json.dumps(lines)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout.splitlines()[-1] == f"CODES {json.dumps([0] * len(lines))}", done.stderr
    lines = [["report", name, "-o", f"{name}/x.html"], ["export", name, "-o", f"{name}/x.yaml"]]
    done = subprocess.run([*command[:-1], json.dumps(lines)], capture_output=True, text=True, check=False)
    assert done.stdout.splitlines()[-1] == "CODES [2, 2]", done.stderr
    assert done.stderr.count("(Permission denied); choose another path") == 2
    done = subprocess.run([*command[:-1], json.dumps([["confirm", name]])], capture_output=True, text=True, check=False)
    assert done.stdout.splitlines()[-1] == "CODES [4]", done.stderr
    assert "(Permission denied); once it can be, continue with `tuner confirm made-up --storage" in done.stderr
    assert files(name) == before


@pytest.mark.slow
def test_a_dashboard_of_a_colleague_has_its_event_files_elsewhere(tmp_path, colleague):
    experiment, less = colleague
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    command = [*less, sys.executable, "-m", "tuner", "dashboard", str(experiment.paths.root), "--port", "16700"]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1", "TMPDIR": str(temporary)}
    before = files(experiment.paths.root)
    served = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    try:
        said = ""
        while "TensorBoard:" not in said:
            line = served.stdout.readline()
            assert line, said
            said += line
        assert "event files cannot be written in" in said
        assert "(Permission denied)" in said
        board = address_in(said.splitlines()[-1])
        assert "00001" in json.loads(fetched(board + "data/runs"))
    finally:
        served.send_signal(signal.SIGINT)
        assert served.wait(SECONDS) == 0
    assert files(experiment.paths.root) == before
    assert not list(temporary.glob("tuner-*"))
