"""Memory given back: also what refers to itself, however often, and never by looking through the packages again."""

import gc
import weakref

import pytest

from trainables.process import memory_release
from trainables.process.memory_release import release


class Ring:
    """Refers to itself, as a network with hooks may."""

    def __init__(self):
        self.me = self


@pytest.fixture
def thawed(monkeypatch):
    monkeypatch.setattr(memory_release, "_frozen", False)
    gc.unfreeze()
    yield
    gc.unfreeze()


def test_what_refers_to_itself_goes_each_time_and_what_was_there_before_is_looked_through_once(thawed):
    kept = Ring()
    for _ in range(2):
        gone = weakref.ref(Ring())
        assert gone() is not None
        release()
        assert gone() is None
    assert not any(thing is kept for thing in gc.get_objects())  # no collection sees what is frozen
    assert kept.me is kept
