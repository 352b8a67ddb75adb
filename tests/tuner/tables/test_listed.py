"""The listing of the spaces is kept for the next time, and never shows what the sources no longer say."""

import subprocess
import sys

import pytest

import search_spaces
from tuner.tables import listed

WANTED = [("blur", "smoke"), ("blur", "search")]


@pytest.fixture
def kept(monkeypatch, tmp_path):
    """The file in which a listing of two spaces was kept."""
    monkeypatch.setenv("HOME", str(tmp_path))
    built = set()
    load = search_spaces.load
    monkeypatch.setattr(search_spaces, "load", lambda family, name: (built.add(family), load(family, name))[1])
    monkeypatch.setattr(listed, "_is_imported", lambda family: family in built)  # as in a process of its own
    listed.listed(WANTED)
    built.clear()
    return tmp_path / ".cache" / "tuner" / "spaces.json"


def refuse(family, name):
    raise AssertionError(f"{family}/{name} was built")


def test_what_was_kept_is_what_the_spaces_say_and_builds_none(kept, monkeypatch):
    load = search_spaces.load
    monkeypatch.setattr(search_spaces, "load", refuse)
    found = listed.listed(WANTED)
    spaces = [load(*space) for space in WANTED]
    assert [(one.trials, one.epochs, one.grace, one.reduction, one.summary) for one in found] == [
        (of.budget.trials, of.budget.epochs, of.budget.grace, of.budget.reduction, of.summary) for of in spaces
    ]


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"[]", b'{"sources": 3}', None])
def test_what_cannot_be_read_is_made_anew(kept, content):
    whole = kept.read_bytes()
    kept.write_bytes(whole.replace(b'"trials":', b'"trial":') if content is None else content)
    listed.listed(WANTED)
    assert kept.read_bytes() == whole


def test_other_sources_are_read_anew(kept, monkeypatch):
    monkeypatch.setattr(listed, "_sources", lambda: [b"another text"])
    monkeypatch.setattr(search_spaces, "load", refuse)
    with pytest.raises(AssertionError, match="blur/smoke was built"):
        listed.listed(WANTED)


def test_where_nothing_can_be_written_the_listing_is_there_all_the_same(kept):
    kept.unlink()
    kept.parent.rmdir()
    kept.parent.write_text("a file where the folder would be")
    assert [one.epochs for one in listed.listed(WANTED)] == [
        search_spaces.load(*space).budget.epochs for space in WANTED
    ]


def test_a_listing_that_was_kept_imports_no_ray(kept):
    shown = listed.listed([("blur", name) for name in search_spaces.names("blur")])
    command = [sys.executable, "-X", "importtime", "-m", "tuner", "spaces", "blur"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert all(one.summary[:20] in done.stdout for one in shown)
    assert "tuner.tables.listed" in done.stderr
    assert not [line for line in done.stderr.splitlines() if line.rpartition("|")[2].split(".")[0].strip() == "ray"]
