"""Tests of the phases before a search's first epoch."""

import errno
import io
import threading
import time

import pytest
from rich.console import Console

from tuner.records.standard_output import OutputLost
from tuner.tables import phases
from tuner.tables.phases import Phases


def test_a_phase_that_lasts_is_told_while_it_lasts_and_with_its_seconds(monkeypatch) -> None:
    monkeypatch.setattr(phases, "FIRST", 0.02)
    monkeypatch.setattr(phases, "NEXT", 0.02)
    monkeypatch.setattr(phases, "WORTH", 0.05)
    out = io.StringIO()
    told = Phases(Console(file=out))
    told.begin("starting Ray")
    time.sleep(0.15)
    told.begin("looking at 1 node")
    told.end()
    time.sleep(0.05)
    lines = out.getvalue().splitlines()
    assert len(lines) > 2
    assert lines[0] == "starting Ray ... 0 s"
    assert lines[-1].startswith("starting Ray: 0.")
    assert not any("node" in line for line in lines)  # it took no time


def test_what_nobody_reads_ends_neither_the_phase_nor_what_comes_after_it(monkeypatch) -> None:
    monkeypatch.setattr(phases, "FIRST", 0.01)
    monkeypatch.setattr(phases, "WORTH", 0.0)

    class Gone(io.StringIO):
        def write(self, text: str) -> int:
            raise OutputLost(OSError(errno.EPIPE, "Broken pipe"))

    failed: list[object] = []
    monkeypatch.setattr(threading, "excepthook", failed.append)
    told = Phases(Console(file=Gone()))
    told.begin("starting Ray")
    time.sleep(0.1)
    told.begin("looking at 1 node")
    told.end()
    assert failed == []


def test_a_terminal_shows_the_phase_and_leaves_nothing_of_a_quiet_end() -> None:
    out = io.StringIO()
    told = Phases(Console(file=out, force_terminal=True, width=60))
    told.begin("starting Ray")
    assert told.now == "starting Ray: 0 s"
    told.end(quiet=True)
    assert told.now is None
    assert "starting Ray" in out.getvalue()
    assert "starting Ray: " not in out.getvalue()


def test_a_first_line_comes_within_two_seconds_and_none_is_later_than_five() -> None:
    assert phases.FIRST <= 2
    assert phases.NEXT <= 5


def test_what_is_waited_for_is_told_by_its_number_while_it_lasts_and_not_afterwards() -> None:
    def slow():
        time.sleep(0.1)
        yield "a"
        yield "b"
        raise ValueError("no c")

    out = io.StringIO()
    told = Phases(Console(file=out), first=0.02)
    got = []
    with pytest.raises(ValueError, match="no c"):
        got.extend(told.awaiting("training epoch {}", slow()))
    assert out.getvalue().splitlines() == ["training epoch 1 ... 0 s"]
    assert told.now is None


def test_between_two_items_nothing_is_told_for_what_is_printed_then() -> None:
    told = Phases(Console(file=io.StringIO()))
    assert [(item, told.now) for item in told.awaiting("{}", ["a", "b"])] == [("a", None), ("b", None)]
