"""Tests of the phases before a search's first epoch."""

import io
import time

from rich.console import Console

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
