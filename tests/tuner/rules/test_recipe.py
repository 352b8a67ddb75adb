"""Adding a rule as ARCHITECTURE.md says, in a copy: one file, one line, and everything else takes it from there."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.tuner.searches import TINY
from tuner.records.lines import read

ROOT = Path(__file__).parents[3]
RULE = '''"""The better half of each pair goes on: a trial waits for the next one."""

from tuner.rules.rule import Arrival, Rung, Told


class Duel:
    title = "the duel"
    summary = "lets the better one of each pair go on"
    pauses = True

    def arrive(self, rung: Rung, arrival: Arrival) -> Told:
        count = len(rung.values) + 1
        if not rung.waiting:
            return Told("wait", None, count, f"rung {rung.epoch}: waits for an opponent")
        [other] = rung.waiting
        theirs = rung.values[other]
        said = f"rung {rung.epoch}: {rung.shown(arrival.value)} against {rung.shown(theirs)}"
        if arrival.value > theirs:
            return Told("continue", theirs, count, said, ended={other: said})
        return Told("stop", theirs, count, said, released={other: said})


RULE = Duel()
'''


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """A copy of the packages with one rule more."""
    root = tmp_path_factory.mktemp("copy")
    for package in ("tuner", "trainables", "search_spaces"):
        shutil.copytree(ROOT / package, root / package, ignore=shutil.ignore_patterns("__pycache__"))
    (root / "tuner/rules/duel.py").write_text(RULE)
    registry = root / "tuner/rules/registry.py"
    text = registry.read_text()
    registry.write_text(text.replace('    "promotion",\n', '    "promotion",\n    "duel",\n', 1))
    assert registry.read_text() != text
    return root


def command(root, *arguments):
    environment = {**os.environ, "PYTHONPATH": str(root), "COLUMNS": "100"}
    environment.pop("RAY_AUTH_MODE", None)
    done = subprocess.run(
        [sys.executable, "-m", "tuner", *map(str, arguments)],
        cwd=root,
        env=environment,
        capture_output=True,
        text=True,
        timeout=580,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return " ".join(done.stdout.split())


def test_help_and_plan_know_the_rule(copy):
    assert "duel lets the better one of each pair go on" in command(copy, "launch", "--help").replace("│ ", "")
    shown = command(copy, "plan", "blur", "--trials", 12, "--rule", "duel", "--reduction", 2)
    assert "while the others wait, and the baseline always: the duel is expected to save" in shown


@pytest.mark.slow
def test_a_search_by_the_rule_runs_and_is_verified_and_replayed(copy, tmp_path):
    settings = [word for setting in TINY for word in ("--set", setting)]
    where = ("--storage", tmp_path)
    launch = ("--name", "exp", "--trials", 5, "--epochs", 3, "--replicates", 1, "--max-concurrent", 1, *settings)
    shown = command(copy, "launch", "blur", *where, "--rule", "duel", *launch)
    assert "waits for an opponent" in shown
    assert "follow from the recorded order" in command(copy, "results", "exp", *where, "--verify")
    assert "duel 1 3 1" in command(copy, "replay", "exp", *where, "--rule", "duel", "--window", 1)
    events = [record["event"] for record in read(tmp_path / "exp" / "records.jsonl")]
    assert events.count("end") == 5
