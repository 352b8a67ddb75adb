"""What a job prints on the screen of whoever follows it: every line once, however it is cut, and on a terminal the table."""

import io
import json
import time

import pytest
from rich.console import Console

from tests.tuner.experiments import Experiment, around
from tuner.cluster.screen import Screen
from tuner.tables.broadcast import ASKED, MARK, Broadcast
from tuner.tables.live import LiveView
from tuner.tables.terminal import Terminal

SENTENCES = ["12:00:00  trial 1 stopped at epoch 1: rung 1: 0.4 below the cutoff 0.5", "", "\ttabbed  é"]


@pytest.fixture
def experiment(tmp_path):
    made = Experiment(tmp_path, start=time.time() - 100)
    made.session()
    for index in (0, 1):
        made.trial(index)
    made.train(0, around(0.6), to=4)
    made.stop(1, around(0.4), at=1)
    made.write("start", trial=1, epoch=1)
    return made


def output_of(experiment, *, since=0.0, over=True):
    """What the driver of an experiment prints where its output is read elsewhere."""
    written = []
    broadcast = Broadcast(written.append)
    broadcast.open(experiment.manifest, since)
    for record in experiment.records:
        broadcast.update(record)
    written.append("\n".join(SENTENCES) + "\n")
    if over:
        broadcast.close()
    return "".join(written) + "the leaderboard"


def shown(text, *, step, table=True, **console):
    file = io.StringIO()
    with Screen(Console(file=file, width=100, **console), table) as screen:
        for start in range(0, len(text), step):
            screen.show(text[start : start + step])
    return file.getvalue()


def last(drawn, part):
    """The last line drawn that has this part, up to the time it was drawn at."""
    return [line for line in drawn.splitlines() if part in line][-1].partition(";")[0].split()


@pytest.mark.parametrize("step", [1, 7, 100_000])
def test_without_a_terminal_the_lines_come_as_they_were_written_and_nothing_else(experiment, step):
    assert shown(output_of(experiment), step=step) == "\n".join([*SENTENCES, "the leaderboard"])
    assert MARK in output_of(experiment)


def test_on_a_terminal_the_table_is_the_one_that_the_driver_would_draw(experiment):
    terminal = {"force_terminal": True, "color_system": None}
    drawn = shown(output_of(experiment, since=experiment.records[0]["time"]), step=11, **terminal)
    file = io.StringIO()
    view = LiveView(experiment.manifest, Console(file=file, width=100, **terminal), since=0.0)
    for record in experiment.records:
        view.update(record)
    view.close()
    for part in ("0 base", "made-up: 4 trials: ", "best so far: trial 0"):
        assert last(drawn, part) == last(file.getvalue(), part)
    assert MARK not in drawn
    assert all(sentence.strip() in drawn for sentence in SENTENCES)
    assert drawn.rstrip().endswith("the leaderboard")


def test_the_table_of_a_driver_that_was_killed_does_not_outlive_the_block(experiment):
    drawn = shown(output_of(experiment, over=False), step=50, force_terminal=True, color_system=None)
    assert "\x1b[?25h" in drawn[-200:]  # the cursor is shown again


def test_logs_that_are_not_followed_have_no_table(experiment):
    drawn = shown(output_of(experiment), step=50, table=False, force_terminal=True, color_system=None)
    assert "best so far" not in drawn


def test_a_secret_part_of_a_failure_is_not_sent(experiment):
    experiment.write("error", trial=1, kind="lost", message="token=abc", traceback="token=abc", final=False)
    assert "token=abc" not in output_of(experiment)


def test_a_driver_says_its_records_only_where_its_output_is_read_elsewhere(experiment, monkeypatch):
    def printed():
        file = io.StringIO()
        with Terminal(Console(file=file, width=100)) as terminal:
            listener = terminal.listen(experiment.paths, experiment.manifest)
            for record in experiment.records:
                listener(record)
        return file.getvalue()

    assert MARK not in printed()
    monkeypatch.setenv(ASKED, "1")
    marked = [json.loads(line[1:]) for line in printed().split("\n") if line.startswith(MARK)]
    assert [list(content) for content in (marked[0], marked[-1])] == [["manifest", "since"], ["over"]]
    assert [content["record"]["event"] for content in marked[1:-1]] == [
        record["event"] for record in experiment.records
    ]
