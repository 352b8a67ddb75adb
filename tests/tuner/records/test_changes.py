"""Code, space and libraries that changed since the launch are shown, and mixed only when that is accepted."""

import pytest

from tests.tuner.experiments import made_up
from tuner.errors import BadInput
from tuner.records import changes, manifest
from tuner.records.paths import ExperimentPaths


@pytest.fixture
def launched(tmp_path):
    """The paths and the manifest of an experiment launched from this code, with a space of its own."""
    paths = ExperimentPaths(tmp_path / "x")
    paths.root.mkdir()
    paths.space_source.write_text("def space(): ...\n")
    said = made_up(
        sources=changes.code(),
        space_fingerprint=changes.fingerprint(paths.space_source),
        **manifest.surroundings(),
    )
    return paths, said


def test_nothing_changed_needs_nothing(launched):
    assert changes.since_launch(*launched) == []
    assert not changes.require_accepted(*launched, accept=False)


def test_what_decides_numbers_is_fingerprinted_and_what_shows_them_is_not():
    names = changes.code()
    assert {"trainables/engine.py", "trainables/layers/blur/gaussian.py", "search_spaces/sampling.py"} <= names.keys()
    assert not any(name.startswith("tuner/") for name in names)


def test_every_difference_is_shown_and_refused(launched):
    paths, said = launched
    said.sources["trainables/engine.py"] = "0" * 12
    said.sources["trainables/gone.py"] = "0" * 12
    del said.sources["trainables/optim.py"]
    said.versions["torch"] = "1.0"
    paths.space_source.write_text("def space(): pass\n")
    with pytest.raises(BadInput) as caught:
        changes.require_accepted(paths, said, accept=False)
    lines = [line.strip() for line in str(caught.value).splitlines()]
    assert lines[0].startswith("`x` was launched with other code")
    assert "trainables/engine.py has changed" in lines
    assert "trainables/gone.py is gone" in lines
    assert "trainables/optim.py is new" in lines
    assert f"{paths.space_source} has changed" in lines
    assert any(line.startswith("torch 1.0 -> ") for line in lines)
    assert lines[-1].endswith("--accept-changes")


def test_a_file_that_moved_is_no_change_and_a_second_copy_of_it_is_one(launched):
    paths, said = launched
    said.sources["trainables/machine.py"] = said.sources.pop("trainables/engine.py")
    assert changes.since_launch(paths, said) == []
    said.sources["trainables/other.py"] = said.sources["trainables/machine.py"]
    assert changes.since_launch(paths, said) == ["trainables/other.py is gone"]


def test_two_files_that_changed_places_are_no_change_and_a_moved_and_changed_one_is_named_at_both(launched):
    paths, said = launched
    one, other = "trainables/engine.py", "trainables/seeding.py"
    said.sources[one], said.sources[other] = said.sources[other], said.sources[one]
    assert changes.since_launch(paths, said) == []
    said.sources["trainables/motor.py"] = "0" * 12
    del said.sources[one], said.sources[other]
    assert changes.since_launch(paths, said) == [
        f"{one} is new",
        "trainables/motor.py is gone",
        f"{other} is new",
    ]


def test_sources_of_earlier_code_that_comes_to_the_same_numbers_are_no_change(launched, monkeypatch):
    paths, said = launched
    said.sources = {"trainables/crew.py": "0" * 12}
    assert changes.since_launch(paths, said) != []
    monkeypatch.setitem(changes.SAME_NUMBERS, "c9e60f9c4c08f342", "a test")
    assert changes.since_launch(paths, said) == []
    said.sources["trainables/crew.py"] = "1" * 12
    assert changes.since_launch(paths, said) != []


def test_nodes_are_compared_byte_by_byte(monkeypatch, tmp_path):
    (tmp_path / "__init__.py").write_text('"""A package."""\n')
    monkeypatch.syspath_prepend(tmp_path.parent)
    monkeypatch.setattr(changes, "PACKAGES", (tmp_path.name,))
    before, said = changes.digest(), changes.code()
    (tmp_path / "__init__.py").write_text('"""A package, reworded."""\n')
    assert changes.digest() != before
    assert changes.code() == said


def test_accepted_changes_are_kept_in_the_manifest_and_no_change_any_more(launched):
    paths, said = launched
    said.sources["trainables/engine.py"] = "0" * 12
    assert changes.require_accepted(paths, said, accept=True)
    [accepted] = said.accepted_changes
    assert accepted["changes"] == ["trainables/engine.py has changed"]
    assert changes.since_launch(paths, said) == []


def test_an_experiment_of_before_there_were_fingerprints_goes_on(launched):
    paths, said = launched
    said.sources, said.space_fingerprint = {}, None
    assert changes.since_launch(paths, said) == []
