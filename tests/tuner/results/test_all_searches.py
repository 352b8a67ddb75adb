"""Every experiment of a storage in a row each, broken ones among them, on a disk and on S3."""

import json
import shutil
import time

import pytest

from tests.tuner.experiments import Experiment, around, finished
from trainables.storage import S3Path
from tuner.errors import BadInput
from tuner.records import labels
from tuner.records.lock import DriverLock
from tuner.records.paths import ExperimentPaths
from tuner.results import all_searches, summary, summary_file
from tuner.results.history import History
from tuner.results.leaderboard import Leaderboard

MINUTES = [f"2025-01-01T00:{minute:02d}:00+00:00" for minute in range(9)]


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def disk(tmp_path):
    """Three experiments: finished, ended by its driver's death, and not begun; the last one is the newest."""
    store = tmp_path / "store"
    made = finished(store, created=MINUTES[0])
    made.paths.root.rename(store / "done")
    dead = Experiment(store, folder="dead", created=MINUTES[1])
    dead.session()
    for index in range(2):
        dead.trial(index, lr=0.01 + index)
    dead.train(0, around(0.5), to=3)
    dead.train(1, around(0.4), to=3)
    Experiment(store, folder="new", created=MINUTES[2], objective={"metric": "val_loss", "mode": "min"})
    return store


@pytest.fixture(params=["disk", "s3"])
def store(request, disk):
    if request.param == "disk":
        return disk
    place = request.getfixturevalue("bucket") / "store"
    for folder in disk.iterdir():
        (place / folder.name / "manifest.json").write_bytes((folder / "manifest.json").read_bytes())
        if (folder / "records.jsonl").exists():
            (place / folder.name / "records" / "00000.jsonl").write_bytes((folder / "records.jsonl").read_bytes())
    return place


def rows(store):
    return {row.name: row for row in all_searches.load(store)}


def test_the_rows_say_what_results_and_status_say_the_newest_first(store):
    assert list(rows(store)) == ["new", "dead", "done"]
    for name, row in rows(store).items():
        history = History.load(ExperimentPaths(store / name))
        best = Leaderboard(history).best
        assert (row.family, row.space, row.trials) == ("blur", "smoke", history.planned)
        assert row.best == (best and best.trial)
        assert (row.median, row.low, row.high) == ((best.median, best.low, best.high) if best else (None,) * 3)
    done = rows(store)["done"]
    assert (done.state, done.ended, done.best, done.median, done.epoch) == ("finished", 4, 1, 0.9, 9)
    assert done.distance == pytest.approx(0.9 - 0.8)
    assert done.spent == pytest.approx((9 + 9 + 3 + 1) * 2 / 3600)
    dead = rows(store)["dead"]
    assert (dead.state, dead.best, dead.distance, dead.epoch) == ("dead driver", 0, 0.0, 3)
    assert (rows(store)["new"].state, rows(store)["new"].median) == ("not started", None)


def test_a_search_with_a_living_driver_runs(store):
    assert rows(store)["dead"].state == "dead driver"
    with DriverLock(ExperimentPaths(store / "dead").lock):
        assert rows(store)["dead"].state == "running"
    assert rows(store)["dead"].state == "dead driver"


def test_notes_and_tags_are_in_the_row_and_change_nothing_else(store):
    place = ExperimentPaths(store / "done")
    before = rows(store)["done"]
    labels.write_note(place, "  the one\nfor the paper ")
    labels.write_tags(place, ["paper", "blur:é"])
    labels.write_tags(place, ["old", "paper"], ["blur:é"])
    row = rows(store)["done"]
    assert (row.note, row.tags) == ("the one for the paper", ("paper", "old"))
    assert (row.state, row.median, row.spent) == (before.state, before.median, before.spent)


def test_a_confirmation_is_confirmed_when_it_has_finished(disk):
    confirmation = Experiment(disk / "done", folder="confirmation")
    confirmation.session()
    assert not rows(disk)["done"].confirmed
    confirmation.trial(0)
    confirmation.complete(0, around(0.8))
    confirmation.session("end")
    assert rows(disk)["done"].confirmed


def broken(store):
    """Beside whole experiments: what cannot be read, by name, with a part of its sentence; and what is no experiment."""
    good = store / "done"

    def copy(name):
        return shutil.copytree(good, store / name)

    (copy("torn manifest") / "manifest.json").write_text('{"fam')
    (copy("foreign manifest") / "manifest.json").write_text('{"name": "a package"}')
    (copy("lost manifest") / "manifest.json").unlink()
    records = copy("bad line") / "records.jsonl"
    lines = records.read_bytes().splitlines(keepends=True)
    records.write_bytes(b"".join([*lines[:4], b"\xff\x00\n", *lines[4:]]))
    records = copy("wrong number") / "records.jsonl"
    records.write_text(records.read_text().replace('"median": 0.8', '"median": "0.8"'))
    folder = copy("folder for a file") / "manifest.json"
    folder.unlink()
    folder.mkdir()
    (copy("odd labels") / "labels.json").write_text("[]")
    (store / "no experiment").mkdir()
    (store / "no experiment" / "tuner.pkl").write_bytes(b"")
    (store / "README").write_text("a file")
    (store / "loop").symlink_to("loop")
    (store / "gone").symlink_to("nowhere")
    (store / ".being-made.new").mkdir()
    return {
        "torn manifest": "must be valid JSON",
        "foreign manifest": "lacks objective",
        "lost manifest": "No such file",
        "bad line": "line 5 of",
        "wrong number": "`epoch` record",
        "folder for a file": "Is a directory",
    }


def test_a_broken_experiment_is_a_row_with_its_sentence_and_breaks_no_other(disk):
    whole = rows(disk)
    expected = broken(disk)
    for _ in range(2):  # the second time from the cache
        found = rows(disk)
        assert found.keys() == {*whole, *expected, "odd labels"}
        for name, sentence in expected.items():
            assert found[name].state == "unreadable"
            assert sentence in found[name].problem
            assert "\n" not in found[name].problem
        assert {name: found[name] for name in whole} == whole
        assert (found["odd labels"].state, found["odd labels"].median) == ("finished", 0.9)
        assert "labels.json is not of the form" in found["odd labels"].problem
    assert all_searches.newest(disk)[0].name == "new"


def test_on_s3_too_a_broken_experiment_is_a_row_with_its_sentence(bucket, disk):
    place = bucket / "store"
    for name, manifest in (("torn", b'{"fam'), ("good", (disk / "done" / "manifest.json").read_bytes()), ("bad", None)):
        (place / name / "manifest.json").write_bytes(manifest or (disk / "done" / "manifest.json").read_bytes())
    (place / "bad" / "records" / "00000.jsonl").write_bytes(b"nothing\n")
    (place / "foreign" / "data.bin").write_bytes(b"")
    (place / "a file").write_bytes(b"")
    found = rows(place)
    assert {name: row.state for name, row in found.items()} == {
        "torn": "unreadable",
        "bad": "unreadable",
        "good": "not started",
    }
    assert "must be valid JSON" in found["torn"].problem
    assert "line 1 of s3://" in found["bad"].problem


def test_an_error_that_nobody_foresaw_breaks_no_other_row(disk, monkeypatch):
    real = summary.of

    def of(paths):
        if paths.name == "dead":
            raise KeyError("surprise")
        return real(paths)

    monkeypatch.setattr(summary, "of", of)
    found = rows(disk)
    assert found["dead"].problem == "KeyError: 'surprise'"
    assert found["done"].state == "finished"


def test_what_has_not_changed_is_not_read_again_and_what_has_is(store, monkeypatch):
    first = rows(store)
    read = []
    real = summary.of
    monkeypatch.setattr(summary, "of", lambda paths: read.append(paths.name) or real(paths))
    assert rows(store) == first
    assert read == []
    place = store / "dead" / ("records/00000.jsonl" if isinstance(store, S3Path) else "records.jsonl")
    end = b'{"event": "session", "time": 1700009999.0, "action": "end", "outcome": "interrupted"}\n'
    place.write_bytes(place.read_bytes() + end)
    assert rows(store)["dead"].state == "interrupted"
    assert read == ["dead"]


@pytest.mark.parametrize(
    "content",
    ["", "[]", '{"of": "2", "rows": {"done": {"row": {}}}}', '{"of": "2", "rows": [1]}', '{"of": "1", "rows": {}}'],
)
def test_a_spoiled_cache_is_made_anew(disk, home, content):
    first = rows(disk)
    (kept,) = (home / ".cache" / "tuner" / "lists").iterdir()
    kept.write_text(content)
    assert rows(disk) == first
    assert json.loads(kept.read_text())["rows"].keys() == first.keys()


def test_a_storage_that_cannot_be_listed_is_said(disk, bucket):
    with pytest.raises(BadInput, match=r"there is no folder .*nowhere; give the right --storage"):
        all_searches.load(disk / "nowhere")
    with pytest.raises(BadInput, match=rf"done is an experiment, not a storage of experiments; use --storage {disk}"):
        all_searches.load(disk / "done")
    (disk / "file").write_text("")
    with pytest.raises(BadInput, match=r"cannot list .*file \(Not a directory\)"):
        all_searches.load(disk / "file")
    with pytest.raises(BadInput, match="bucket"):
        all_searches.load("s3://no-such-bucket-anywhere/x")
    assert all_searches.load(bucket / "empty") == []
    assert all_searches.load() == []  # the default one, where nothing was ever launched


def test_the_newest_is_the_one_launched_last_and_of_one_second_the_one_written_last(tmp_path):
    for name in ("b", "c", "a"):
        Experiment(tmp_path, folder=name, created=MINUTES[3])
        time.sleep(0.02)
    Experiment(tmp_path, folder="older", created=MINUTES[2])
    found, count = all_searches.newest(tmp_path)
    assert (found.name, count) == ("a", 4)
    assert [row.name for row in all_searches.load(tmp_path)] == ["a", "c", "b", "older"]
    (tmp_path / "empty").mkdir()
    with pytest.raises(BadInput, match=r"no experiment is named, and in .*empty there is none"):
        all_searches.newest(tmp_path / "empty")


def test_a_thousand_experiments_are_listed_in_little_time(tmp_path):
    made = finished(tmp_path)
    summary_file.leave(made.paths)
    for index in range(999):
        shutil.copytree(made.paths.root, tmp_path / f"copy-{index}")
    for _ in range(2):  # the first time from what their sessions left, then from the cache
        began = time.process_time()
        assert len(all_searches.load(tmp_path)) == 1000
        assert time.process_time() - began < 2
