"""The row that a session leaves is believed with the manifest and the records that it was made of, and with no others."""

import json
import shutil

import pytest

from tests.tuner.experiments import Experiment, around, finished
from trainables.storage import S3Path
from tuner.records.lock import DriverLock
from tuner.records.paths import ExperimentPaths
from tuner.results import all_searches, summary, summary_file


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))


@pytest.fixture(params=["disk", "s3"])
def paths(request, tmp_path):
    """A finished search whose session left its row."""
    made = finished(tmp_path / "store").paths
    if request.param == "s3":
        place = request.getfixturevalue("bucket") / "store" / "made-up"
        (place / "manifest.json").write_bytes(made.manifest.read_bytes())
        (place / "records" / "00000.jsonl").write_bytes(made.records.read_bytes())
        made = ExperimentPaths(place)
    summary_file.leave(made)
    return made


@pytest.fixture
def reads(monkeypatch):
    """The experiments whose records are read, by name."""
    read, real = [], summary.of
    monkeypatch.setattr(
        summary, "of", lambda paths, *more, **named: read.append(paths.name) or real(paths, *more, **named)
    )
    return read


def records_of(paths):
    return paths.root / "records" / "00000.jsonl" if isinstance(paths.root, S3Path) else paths.records


def listed(paths):
    (row,) = all_searches.load(paths.root.parent)
    return row


def test_a_list_takes_the_row_that_was_left_and_reads_no_records(paths, reads):
    row = listed(paths)
    assert reads == []
    assert row == summary.of(paths)
    assert (row.state, row.median, row.distance) == ("finished", 0.9, pytest.approx(0.1))


def test_it_goes_with_a_copy_whatever_its_name_and_its_times(tmp_path, reads):
    made = finished(tmp_path / "store").paths
    summary_file.leave(made)
    shutil.copytree(made.root, tmp_path / "theirs" / "other", copy_function=shutil.copyfile)
    row = listed(ExperimentPaths(tmp_path / "theirs" / "other"))
    assert (row.name, row.median) == ("other", 0.9)
    assert "other" not in reads


DAMAGED = {
    "another number": lambda left: {**left, "row": {**left["row"], "median": 0.91}},
    "another form": lambda left: {**left, "form": 2},
    "a field more": lambda left: {**left, "row": {**left["row"], "more": 1}},
    "a field less": lambda left: {**left, "row": {key: value for key, value in left["row"].items() if key != "unit"}},
    "no row": lambda left: {**left, "row": None},
    "no seal": lambda left: {"row": left["row"], "form": left["form"]},
    "a list": lambda left: [left],
}


@pytest.mark.parametrize("change", DAMAGED.values(), ids=DAMAGED)
def test_one_that_is_not_as_it_was_left_is_passed_over(tmp_path, change):
    made = finished(tmp_path / "store").paths
    summary_file.leave(made)
    assert summary_file.read(made) is not None
    made.summary.write_text(json.dumps(change(json.loads(made.summary.read_bytes()))))
    assert summary_file.read(made) is None


@pytest.mark.parametrize("content", [b"", b"\xff\x00", b'{"form": 1, "row"', b"[" * 100_000, None], ids=str)
def test_one_that_is_no_json_or_not_there_is_passed_over_and_the_records_are_read(tmp_path, reads, content):
    made = finished(tmp_path / "store").paths
    summary_file.leave(made)
    reads.clear()
    if content is None:
        made.summary.unlink()
    else:
        made.summary.write_bytes(content)
    assert listed(made).median == 0.9
    assert reads == ["made-up"]


def test_one_of_other_records_or_of_another_manifest_is_passed_over(paths):
    for place, was, becomes in (
        (records_of(paths), b'"median": 0.9', b'"median": 0.7'),  # of the same length
        (
            records_of(paths),
            b"",
            b'{"event": "session", "time": 1700009999.0, "action": "start", "pid": 1, "host": "n"}\n',
        ),
        (paths.manifest, b'"smoke"', b'"paper"'),
    ):
        before = place.read_bytes()
        place.write_bytes(before.replace(was, becomes) if was else before + becomes)
        assert summary_file.read(paths) is None
        assert listed(paths) == summary.of(paths)
        place.write_bytes(before)
        assert summary_file.read(paths) is not None


def test_long_records_are_known_by_their_size_and_their_ends(tmp_path, monkeypatch):
    monkeypatch.setattr(summary_file, "_WHOLE", 2048)
    made = finished(tmp_path / "store").paths
    summary_file.leave(made)
    assert made.records.stat().st_size > 3 * 2048
    assert summary_file.read(made) is not None
    before = made.records.read_bytes()
    for changed in (before[:-20] + before[-19:], b" " + before, before[:9] + b" " + before[10:], before[:-2] + b" \n"):
        made.records.write_bytes(changed)
        assert summary_file.read(made) is None


def test_while_a_session_runs_the_records_are_read(paths, reads):
    with DriverLock(paths.lock):
        assert listed(paths).state == "running"
    assert reads == ["made-up"]


def test_a_confirmation_leaves_its_own(tmp_path, reads):
    made = finished(tmp_path / "store").paths
    summary_file.leave(made)
    confirmation = Experiment(made.root, folder="confirmation")
    confirmation.session()
    confirmation.trial(0)
    summary_file.leave(confirmation.paths)
    reads.clear()
    assert not listed(made).confirmed
    confirmation.complete(0, around(0.8))
    confirmation.session("end")
    assert listed(made).confirmed
    assert reads == ["confirmation"]
    summary_file.leave(confirmation.paths)
    reads.clear()
    shutil.copytree(made.root, tmp_path / "theirs" / "made-up")
    assert listed(ExperimentPaths(tmp_path / "theirs" / "made-up")).confirmed
    assert reads == []


def test_where_none_can_be_written_nothing_is_said(tmp_path):
    made = finished(tmp_path / "store").paths
    made.summary.mkdir()
    summary_file.leave(made)
    assert listed(made).median == 0.9
    made.records.write_bytes(b"nothing\n")
    summary_file.leave(made)
    assert listed(made).state == "unreadable"
