"""A request to stop reaches the search through its storage, and outlives a storage that fails."""

import signal
from pathlib import Path

import pytest

from tuner.experiment import interrupt
from tuner.experiment.interrupt import StopRequest, on_signal


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


def test_a_fresh_look_does_not_wait_but_spares_a_storage_that_fails(tmp_path, monkeypatch):
    monkeypatch.setattr(interrupt, "_LOOK_EVERY", 60.0)
    monkeypatch.setattr(interrupt, "_LOOK_AGAIN", 60.0)
    request = StopRequest(tmp_path / "stop")
    assert not request.is_made()
    StopRequest(tmp_path / "stop").make()
    assert not request.is_made()
    assert request.is_made(fresh=True)
    looks = []

    def fail(path):
        looks.append(path)
        raise OSError("stale file handle")

    monkeypatch.setattr(Path, "exists", fail)
    failing = StopRequest(tmp_path / "other")
    assert not failing.is_made(fresh=True)
    assert not failing.is_made(fresh=True)
    assert len(looks) == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_the_first_signal_asks_and_the_second_leaves_at_once(tmp_path, monkeypatch, number):
    monkeypatch.setattr(interrupt, "_ONE_CLOSING", 0.0)
    request = StopRequest(tmp_path / "stop")
    with on_signal(request):
        signal.raise_signal(number)
        assert request.is_made()
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(number)


def test_a_terminal_that_closes_may_say_so_twice(tmp_path):
    request = StopRequest(tmp_path / "stop")
    with on_signal(request):
        signal.raise_signal(signal.SIGHUP)
        signal.raise_signal(signal.SIGHUP)
        assert request.is_made()


def test_under_nohup_a_closed_terminal_asks_for_nothing(tmp_path):
    former = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        request = StopRequest(tmp_path / "stop")
        with on_signal(request):
            signal.raise_signal(signal.SIGHUP)
            assert not request.is_made()
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, former)
