"""The recipes of ARCHITECTURE.md, followed to the letter in a copy of the project."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FAMILIES = "trainables/families.py", "_CONFIGS = {"
DATASETS = "trainables/config/dataset_kinds.py", "KINDS: Mapping[str, Kind] = {"


def recipe(title):
    """The code blocks of a section."""
    text = (ROOT / "ARCHITECTURE.md").read_text()
    (section,) = re.findall(rf"^## {title}\n(.*?)(?=^## |\Z)", text, re.DOTALL | re.MULTILINE)
    return re.findall(r"^```python\n(.*?)^```", section, re.DOTALL | re.MULTILINE)


@pytest.fixture
def project(tmp_path):
    """A copy of the three packages."""
    for package in ("tuner", "trainables", "search_spaces"):
        shutil.copytree(ROOT / package, tmp_path / "copy" / package, ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path / "copy"


def run(project, *arguments):
    """What a command of the copy prints; it must succeed."""
    environment = {**os.environ, "PYTHONPATH": str(project), "COLUMNS": "100"}
    environment.pop("RAY_AUTH_MODE", None)  # a private Ray protects itself
    done = subprocess.run(
        [sys.executable, *map(str, arguments)],
        cwd=project,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def follow(project, title, registry):
    """Write the files of a recipe, each named in its first line, and its last block into a table; how many files."""
    *files, line = recipe(title)
    for content in files:
        path = project / content.splitlines()[0].removeprefix("# ")
        assert not path.exists()
        path.write_text(content)
    name, table = registry
    before = (project / name).read_text()
    after = before.replace(f"{table}\n", f"{table}\n{line}", 1)
    assert after != before
    (project / name).write_text(after)
    return len(files)


def add_family(project):
    return follow(project, "Adding a family", FAMILIES)


@pytest.mark.slow
def test_a_family_takes_three_files_and_a_line_and_is_then_known_everywhere(project):
    assert add_family(project) == 3
    assert "how much noise does the small network bear?" in run(project, "-m", "tuner", "spaces", "noise")
    planned = run(project, "-m", "tuner", "plan", "noise", "--set", "std=choice(0.5,1)", "--trials", 3)
    assert "noise" in planned
    asked = "from trainables import families; print(families.trainable('noise').__name__, families.get('noise').name)"
    assert run(project, "-c", asked).split() == ["NoiseTrainable", "noise"]


@pytest.mark.slow
@pytest.mark.cluster
def test_the_family_that_was_added_is_searched_and_reported_as_any_other(project, tmp_path):
    add_family(project)
    stored = ("--storage", tmp_path / "stored")
    small = ("--trials", 2, "--epochs", 2, "--replicates", 2, "--set", "train_images=100")
    run(project, "-m", "tuner", "launch", "noise", "--name", "first", *stored, *small)
    assert "std" in run(project, "-m", "tuner", "results", "first", *stored)
    assert run(project, "-m", "tuner", "results", "first", "--verify", *stored)
    page = tmp_path / "page.html"
    run(project, "-m", "tuner", "report", "first", *stored, "-o", page)
    assert "how much noise does the small network bear?" in page.read_text()
    exported = tmp_path / "best.yaml"
    run(project, "-m", "tuner", "export", "first", *stored, "-o", exported)
    assert "bit for bit" in run(project, "-m", "tuner", "train", exported)


@pytest.mark.slow
def test_a_named_dataset_takes_a_file_and_a_line_and_is_then_trained_on(project):
    assert follow(project, "Adding a named dataset", DATASETS) == 1
    listed = run(project, "-m", "tuner", "data", "list")
    assert re.search(r"parity +│? *yes +│? *1,442", listed), listed
    assert "of 2 classes, 16x16, 1 channel" in run(project, "-m", "tuner", "data", "check", "parity")
    trained = """
from trainables.lockstep import LockStep
trial = LockStep("deconv", dict(dataset="parity", arch="vgg_tiny", epochs=1, train_images=200, image_size=8), replicates=1)
assert trial.config.augmentation == "none"
print(trial.data.num_classes, 0 <= trial.step()["val_accuracy"] <= 1)
"""
    assert run(project, "-c", trained).split() == ["2", "True"]
