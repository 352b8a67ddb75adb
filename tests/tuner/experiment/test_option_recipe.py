"""Adding an option of the budget as ARCHITECTURE.md says, in a copy: its definition, the room that acts, nothing else."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
DEFINITION = """    night_hours: int = _option("Hours of a night, for which a plan is made.", whole(24), 8)
"""
ACTING = """    if budget.night_hours < 4:
        found.append(f"a night of {budget.night_hours} hours is short.")
"""
SCRIPT = """
import contextlib, io, json, sys
from pathlib import Path
from tuner import cli
from tuner.cluster import arguments
from tuner.errors import BadInput
from tuner.experiment import directory, retry
from tuner.experiment.request import Request
from tuner.experiment.running import HERE
from tuner.records import manifest
from tuner.records.paths import ExperimentPaths

def said(*words):
    sys.argv, told = ["tuner", *words], io.StringIO()
    with contextlib.redirect_stdout(told), contextlib.redirect_stderr(told), contextlib.suppress(SystemExit):
        from tuner.commands.app import out
        out.file = told
        cli.main()
    return " ".join(told.getvalue().replace("\\u2502", " ").split())

paths = ExperimentPaths(Path(sys.argv[1]) / "first")
asked = Request("blur", budget={"night_hours": 3})
checked = asked.checked()
trials = directory.trial_records(0, checked.configs)
directory.create(paths, directory.describe(checked, "first", {"fingerprints": {}}), trials)
kept = json.loads(paths.manifest.read_text())
answers = {
    "help": said("launch", "--help"),
    "plan": said("plan", "blur", "--night-hours", "3"),
    "too many": said("plan", "blur", "--night-hours", "25"),
    "set": said("plan", "blur", "--set", "night_hours=3"),
    "manifest": kept["budget"]["night_hours"],
    "extension": manifest.read(paths.manifest).budget.searched()["night_hours"],
    "retry": retry._differences(paths, Request("blur", budget={"night_hours": 5})),
    "words": arguments.of_launch(asked, HERE, "smoke", "first", None),
}
del kept["budget"]["night_hours"]
paths.manifest.write_text(json.dumps(kept))
answers["older"] = retry._differences(paths, Request("blur"))
kept["budget"]["night_hours"] = 25
paths.manifest.write_text(json.dumps(kept))
try:
    manifest.read(paths.manifest)
except BadInput as error:
    answers["damaged"] = str(error)
print("ANSWERS" + json.dumps(answers))
"""


def insert(path, addition, *, before):
    found = path.read_text()
    assert found.count(before) == 1
    path.write_text(found.replace(before, addition + before))


@pytest.fixture(scope="module")
def answers(tmp_path_factory):
    """What a copy of the project with the option `night_hours` says of it."""
    root = tmp_path_factory.mktemp("copy")
    for package in ("tuner", "trainables", "search_spaces"):
        shutil.copytree(ROOT / package, root / package, ignore=shutil.ignore_patterns("__pycache__"))
    insert(root / "search_spaces/budget.py", DEFINITION, before="    rank_window: int = _option(")
    insert(root / "tuner/experiment/plan.py", ACTING, before="    if budget.replicates < 3:\n")
    environment = {**os.environ, "PYTHONPATH": str(root), "COLUMNS": "200", "HOME": str(root)}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(root / "store")], cwd=root, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout.split("ANSWERS")[1])


def test_the_command_line_knows_the_option_with_its_help_and_its_bounds(answers):
    assert "--night-hours <int> Hours of a night, for which a plan is made." in answers["help"]
    assert answers["too many"] == "tuner: `night_hours` is 25, but must be at most 24; lower --night-hours"


def test_the_room_that_acts_gets_its_value(answers):
    assert "warning: a night of 3 hours is short." in answers["plan"]


def test_set_points_to_the_option(answers):
    assert answers["set"] == "tuner: `night_hours` is not a knob but part of the budget; use --night-hours"


def test_the_manifest_keeps_it_within_its_bounds_and_an_extension_says_it_again(answers):
    assert (answers["manifest"], answers["extension"]) == (3, 3)
    assert "`budget.night_hours` is 25, but must be at most 24" in answers["damaged"]


def test_a_retry_compares_it_and_an_older_experiment_has_its_default(answers):
    assert answers["retry"] == ["night_hours is 3, not 5"]
    assert answers["older"] == []


def test_a_submission_passes_it_on(answers):
    assert answers["words"][answers["words"].index("--night-hours") + 1] == "3"
