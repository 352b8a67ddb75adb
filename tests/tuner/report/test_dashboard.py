"""The dashboard as a process: it takes the next port when one is busy, serves both pages, and ends with Ctrl-C."""

import json
import os
import queue
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request

import pytest

from tests.tuner.experiments import Experiment, finished
from tuner.errors import BadInput
from tuner.report import dashboard

SECONDS = 120  # a limit for hangs


def fetched(address):
    """What an address answers, once it does."""
    end = time.monotonic() + SECONDS
    while True:
        try:
            with urllib.request.urlopen(address, timeout=SECONDS) as answer:
                return answer.read().decode()
        except urllib.error.URLError:
            if time.monotonic() > end:
                raise
            time.sleep(0.1)


def address_in(line):
    return next(word for word in line.split() if word.startswith("http://127.0.0.1:"))


@pytest.mark.slow
def test_a_busy_port_gives_way_to_the_next_and_both_pages_are_served_until_ctrl_c(tmp_path):
    experiment = finished(tmp_path)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        command = [sys.executable, "-m", "tuner", "dashboard", str(experiment.paths.root), "--port", str(port)]
        served = subprocess.Popen(
            command, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONUNBUFFERED": "1"}
        )
        try:
            lines = [served.stdout.readline() for _ in range(4)]
            assert lines[0].startswith(f"port {port} is busy; using ")
            report, board = address_in(lines[1]), address_in(lines[2])
            assert "ssh -N -L" in lines[3]
            assert json.loads(fetched(report + "content.json"))["name"] == "made-up"
            assert "made-up · report" in fetched(report)
            everything = report.partition("search/")[0]
            assert [row["name"] for row in json.loads(fetched(everything + "list.json"))["searches"]] == ["made-up"]
            assert "00001" in json.loads(fetched(board + "data/runs"))
        finally:
            served.send_signal(signal.SIGINT)
            assert served.wait(SECONDS) == 0
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(board, timeout=5)


@pytest.mark.slow
def test_the_end_of_tensorboard_is_told_and_a_folder_of_the_users_is_not_its_cause(tmp_path, monkeypatch):
    experiment = finished(tmp_path / "store")
    (tmp_path / "numbers.py").write_text("raise ImportError('the file of the user')")
    monkeypatch.chdir(tmp_path)
    told = queue.Queue()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with dashboard._tensorboard(experiment.paths, taken.getsockname()[1], told.put):
            sentence = told.get(timeout=SECONDS)
    assert sentence.startswith("TensorBoard ended with code ")
    assert "already in use" in sentence
    assert "the file of the user" not in sentence


def test_a_search_that_is_not_there_yet_is_waited_for_with_what_is_there_instead(tmp_path, monkeypatch):
    monkeypatch.setattr(dashboard, "_LOOK", 0.01)
    finished(tmp_path)
    told, found = [], []
    waiting = threading.Thread(target=lambda: found.append(dashboard.awaited("made-upp", str(tmp_path), told.append)))
    waiting.start()
    while not told:
        time.sleep(0.01)
    assert told == [
        f"there is no experiment `made-upp` in {tmp_path}; did you mean `made-up`? There is made-up; "
        "waiting until it is launched (Ctrl-C ends it)"
    ]
    time.sleep(0.05)
    assert not found
    later = Experiment(tmp_path, folder="made-upp")
    waiting.join(SECONDS)
    assert found == [later.paths]
    assert dashboard.awaited("made-up", str(tmp_path), told.append).name == "made-up"
    assert len(told) == 1


def test_ctrl_c_ends_the_waiting(tmp_path, monkeypatch):
    def interrupted(seconds):
        raise KeyboardInterrupt

    monkeypatch.setattr("tuner.report.dashboard.time.sleep", interrupted)
    assert dashboard.awaited("nothing", str(tmp_path), lambda text: None) is None


def test_twenty_busy_ports_are_told(monkeypatch):
    monkeypatch.setattr(dashboard, "_TRIES", 1)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(BadInput, match="are all busy; give another --port"):
            dashboard.free_port(taken.getsockname()[1])
