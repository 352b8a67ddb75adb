"""A search launched and killed before the modules moved into rooms: it reads, verifies, and resumes to the same numbers.

`data/before_the_move/` is what the earlier code left: trial 3 has a checkpoint after epoch 1, trial 4 never began.
`data/before_the_move.json` is what the earlier code recorded when it resumed it.
"""

import json
import shutil
from collections import Counter
from pathlib import Path

import pytest

from tests.tuner.searches import repeats
from tuner.records import changes, manifest
from tuner.records.lines import read
from tuner.records.manifest import surroundings
from tuner.records.paths import ExperimentPaths

DATA = Path(__file__).parent / "data"
NAME = "before"


@pytest.fixture
def before(tmp_path):
    """A copy, on the libraries of today: what is asked here is whether the code still says the same."""
    paths = ExperimentPaths(tmp_path / NAME)
    shutil.copytree(DATA / "before_the_move", paths.root)
    said = manifest.read(paths.manifest)
    said.versions = surroundings()["versions"]
    manifest.write(paths.manifest, said)
    return paths


def events(records):
    """Epochs, decisions and ends in order."""
    return [record for record in records if record["event"] in ("epoch", "decision", "end")]


def close(metric, trained):
    """Within rounding. The layout of memory decides it, and in this search it grows tenfold an epoch after the first."""
    within = 1e-5 * 10 ** (trained - 1)
    return pytest.approx(metric["median"], rel=within), pytest.approx(metric["values"], rel=within)


def test_it_reads_verifies_and_reports(before, tuner):
    root = before.root
    code, out, error = tuner("status", root, "--json")
    assert code == 0, error
    statuses = [trial["status"] for trial in json.loads(out)["trials"]]
    assert statuses == ["completed", "stopped", "stopped", "interrupted", "pending"]
    code, out, error = tuner("results", root, "--verify")
    assert code == 0, error
    assert "all 7 decisions of before follow from the recorded order of arrival" in " ".join(out.split())
    page = root.parent / "page.html"
    code, _, error = tuner("report", root, "--output", page)
    assert code == 0, error
    assert "bn_only" in page.read_text()


def test_what_moved_is_no_change(before):
    said = manifest.read(before.manifest)
    assert "trainables/crew.py" in said.sources  # where the code lay then
    assert changes.since_launch(before, said) == []


def test_it_resumes_to_what_the_earlier_code_recorded(before, cluster, tuner):
    recorded = before.records.read_bytes()
    code, _, error = tuner("resume", NAME, "--storage", before.root.parent, "--address", cluster)
    assert code == 0, error
    assert before.records.read_bytes().startswith(recorded)
    had = len(events(map(json.loads, recorded.splitlines())))
    resumed = events(read(before.records))[had:]
    expected = json.loads((DATA / "before_the_move.json").read_text())
    assert len(resumed) == len(expected)
    trained = Counter()
    for now, then in zip(resumed, expected, strict=True):
        metrics, known = now.pop("metrics", {}), then.pop("metrics", {})
        assert {key: now[key] for key in then} == then  # records may say more by now
        assert metrics.keys() >= known.keys()
        assert metrics.get("val_accuracy") == known.get("val_accuracy")
        trained[now["trial"]] += now["event"] == "epoch"
        for name in known.keys() & {"train_loss", "val_loss", "test_loss"}:
            found = metrics[name]["median"], metrics[name]["values"]
            assert found == close(known[name], trained[now["trial"]]), (now["trial"], now["epoch"], name)
    assert trained == {3: 1, 4: 3}
    assert repeats(before) == []
    assert changes.since_launch(before, manifest.read(before.manifest)) == []
