"""A request to stop reaches the search through its storage, and outlives a storage that fails."""

from pathlib import Path

import pytest

from tuner.experiment import interrupt
from tuner.experiment.interrupt import StopRequest


@pytest.fixture(params=["disk", "s3"])
def place(request, tmp_path):
    return (request.getfixturevalue("bucket") if request.param == "s3" else tmp_path) / "stop"


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    for name in ("_LOOK_EVERY", "_LOOK_FAR_EVERY", "_LOOK_AGAIN"):
        monkeypatch.setattr(interrupt, name, 0.0)


def test_a_request_made_elsewhere_is_seen_and_can_be_withdrawn(place):
    request = StopRequest(place)
    assert not request.is_made()
    StopRequest(place).make()
    assert request.is_made()
    request.withdraw()
    assert not request.is_made()
    assert not place.exists()


def test_what_a_signal_asked_for_is_written_by_the_next_look(place):
    request = StopRequest(place)
    request.intend()
    assert not place.exists()
    assert request.is_made()
    assert place.exists()


def test_a_request_waits_for_a_storage_that_fails(tmp_path, monkeypatch):
    request = StopRequest(tmp_path / "stop")
    request.intend()

    def fail(path):
        raise OSError("No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "touch", fail)
        assert request.is_made()
    assert not (tmp_path / "stop").exists()
    assert request.is_made()
    assert (tmp_path / "stop").exists()
