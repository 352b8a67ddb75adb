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
