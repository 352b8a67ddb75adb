"""The examples: as short as the README says, and run as a user runs them, with our wheel and without our source tree."""

import importlib.util
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import venv
import zipfile
from pathlib import Path

import pytest

from search_spaces.own_code import load_experiment
from tests.tuner.cluster.head import has_started
from tuner.cluster import package
from tuner.results import leaderboard

ROOT = Path(__file__).parent.parent
EXAMPLES = ROOT / "examples"
# file -> most lines that are not blank
MOST_LINES = {"own_network.py": 30, "own_loop.py": 45, "own_sklearn.py": 25}


@pytest.mark.parametrize(("name", "most"), MOST_LINES.items())
def test_an_example_is_as_short_as_is_said(name, most):
    lines = [line for line in (EXAMPLES / name).read_text().splitlines() if line.strip()]
    assert len(lines) <= most
    said = re.search(rf"\[`{name}`\]\(examples/{name}\), (\d+) lines", (ROOT / "README.md").read_text())
    assert said, f"the README does not say how long {name} is"
    assert int(said[1]) == len(lines)


@pytest.mark.parametrize("name", MOST_LINES)
def test_an_example_can_be_launched(name):
    space = load_experiment(EXAMPLES / name)
    assert space.problems() == []
    assert space.configurations(0, space.budget.trials)


def test_a_wheel_holds_what_a_search_needs_and_no_tests(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    assert {"tuner/report/static/page.html", "trainables/config/own/loading.py", "search_spaces/own_code.py"} <= set(
        names
    )
    assert not [name for name in names if name.startswith(("tests/", "benchmarks/"))]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    return package.build(tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def clean(wheel, tmp_path_factory):
    """An environment with our wheel and what it depends on, and not this source tree."""
    place = tmp_path_factory.mktemp("clean")
    venv.create(place, with_pip=False)
    site = next((place / "lib").glob("python*")) / "site-packages"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    # A line of a .pth file adds a folder and nothing of the .pth files in it: of no editable installation.
    folders = {
        str(Path(importlib.util.find_spec(name).origin).parents[1]) for name in ("ray", "rich", "torch", "sklearn")
    }
    (site / "shared.pth").write_text("\n".join(sorted(folders)) + "\n")
    python = str(place / "bin" / "python")
    environment = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "VIRTUAL_ENV")}
    asked = [python, "-c", "import tuner; print(tuner.__file__)"]
    where = subprocess.run(asked, cwd=place, env=environment, capture_output=True, text=True, check=True)
    assert where.stdout.strip().startswith(str(site))
    return python, environment


@pytest.fixture(scope="module")
def tuner(clean):
    """`tuner ...` there, as a process of its own."""
    python, environment = clean

    def command(*words, cwd, **options):
        return subprocess.Popen([python, "-m", "tuner", *words], cwd=cwd, env=environment, text=True, **options)

    return command


@pytest.fixture(scope="module")
def ray_there(clean):
    """The address of a Ray whose workers are those of the clean environment."""
    python, environment = clean
    folder = tempfile.mkdtemp(prefix="te-")  # short: Ray's sockets have long names
    command = [python, "-m", "ray.scripts.scripts", "start", "--head", "--block", "--port=0", "--num-cpus=2"]
    command += ["--include-dashboard=false", "--object-store-memory=100000000", f"--temp-dir={folder}/r"]
    log = Path(folder) / "log.txt"
    with log.open("w") as file:
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=file, stderr=file)
    try:
        assert has_started(process, log), log.read_text()
        yield re.search(r"--address='([\d.]+:\d+)'", log.read_text())[1]
    finally:
        process.terminate()
        process.wait(timeout=60)
        shutil.rmtree(folder, ignore_errors=True)


def said(tuner, *words, cwd, code=0):
    with tuner(*words, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        output, _ = process.communicate(timeout=600)
    assert process.returncode == code, output
    return output


def medians(root):
    return [(row.trial, row.median, row.values, row.status) for row in leaderboard.load(root).rows]


def kill_at(process, log, sign):
    """SIGKILL to a search as soon as it has said something."""
    for _ in range(1200):
        if sign in log.read_text():
            process.send_signal(signal.SIGKILL)
            process.wait()
            return
        assert process.poll() is None, log.read_text()
        time.sleep(0.25)
    raise AssertionError(log.read_text())


@pytest.mark.slow
@pytest.mark.searches
@pytest.mark.skipif(sys.platform != "linux", reason="Ray's processes are found as on Linux")
@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.long] if name == "own_loop.py" else []) for name in MOST_LINES]
)
def test_an_example_survives_a_kill_and_comes_out_bit_for_bit(tuner, tmp_path, name, request):
    # One has a private Ray for each of its searches, as a user's; the others save the time that takes.
    there = () if name == "own_network.py" else ("--address", request.getfixturevalue("ray_there"))
    (tmp_path / name).write_bytes((EXAMPLES / name).read_bytes())
    # One trial at a time: of two the order of arrival is part of the rule.
    asked = ["--storage", "s", "--trials", "3", "--replicates", "3", "--max-concurrent", "1", *there]
    log = tmp_path / "log.txt"
    with log.open("w") as file:
        launched = tuner(
            *("launch", name, *asked, "--name", "killed", "--checkpoint-every", "0"),
            cwd=tmp_path,
            stdout=file,
            stderr=file,
        )
        kill_at(launched, log, "rung 3")
    said(tuner, "resume", name, "--storage", "s", "--max-concurrent", "1", *there, cwd=tmp_path)
    said(tuner, "launch", name, *asked, "--name", "whole", cwd=tmp_path)
    assert medians(tmp_path / "s" / "killed") == medians(tmp_path / "s" / "whole")
    assert "separated" in said(tuner, "confirm", "killed", "--storage", "s", "--top", "1", *there, cwd=tmp_path)
    said(tuner, "export", "killed", "--storage", "s", "-o", "best.yaml", cwd=tmp_path)
    assert "the recorded median bit for bit" in said(tuner, "train", "best.yaml", cwd=tmp_path)
    said(tuner, "report", "killed", "--storage", "s", "-o", "report.html", cwd=tmp_path)
    assert (tmp_path / "report.html").stat().st_size > 100_000


@pytest.mark.slow
@pytest.mark.searches
def test_the_notebook_goes_from_the_first_line_to_the_report(tmp_path, monkeypatch):
    nbclient, nbformat = pytest.importorskip("nbclient"), pytest.importorskip("nbformat")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("STORAGE", str(tmp_path / "s"))
    notebook = nbformat.read(EXAMPLES / "own_model.ipynb", as_version=4)
    nbclient.NotebookClient(notebook, timeout=600, kernel_name="python3").execute()
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    shown = "\n".join(str(output.get("data", {}).get("text/html", "")) for output in outputs)
    assert "<pre>" in shown  # the table that renewed itself
    assert "<b>Experiment wine: finished, 8 trials, best error" in shown
    assert (tmp_path / "wine.html").stat().st_size > 100_000
