"""Output that nobody reads ends no search; a command that only prints ends quietly, like other Unix tools."""

import contextlib
import io
import os
import pty
import re
import subprocess
import sys
import time

import pytest
from rich.console import Console

from tests.tuner.experiments import Experiment, around, finished
from tests.tuner.searches import count_epochs, light, medians, options
from tuner.records import standard_output
from tuner.records.paths import ExperimentPaths
from tuner.results.history import History

TUNER = [sys.executable, "-m", "tuner"]


def shell(command, **more):
    """A command line of bash: (exit code of the first command of its pipe, standard output, standard error)."""
    done = subprocess.run(
        ["bash", "-c", f"{command}; exit ${{PIPESTATUS[0]}}"], capture_output=True, text=True, timeout=300, **more
    )
    return done.returncode, done.stdout, done.stderr


@pytest.fixture(scope="module")
def experiment(tmp_path_factory):
    """One with so many trials that its tables do not fit into the buffer of a pipe."""
    storage = tmp_path_factory.mktemp("many")
    made = Experiment(storage, budget={"epochs": 9, "grace": 1, "reduction": 3, "trials": 700, "replicates": 5})
    made.session()
    for index in range(700):
        made.trial(index)
        made.train(index, around(0.5 + index / 10_000), to=1)
    made.session("end")
    return made.paths.root


@pytest.mark.parametrize("arguments", ["results", "results --csv", "results --json", "status --csv", "show best"])
@pytest.mark.parametrize("reader", ["head -1", "true"])
def test_a_command_that_prints_ends_quietly_when_its_reader_leaves(experiment, arguments, reader):
    verb, *options = arguments.split()
    code, _, errors = shell(f"{' '.join(TUNER)} {verb} {experiment} {' '.join(options)} | {reader}")
    assert (code, errors) == (0, "")


@pytest.mark.parametrize(
    "command", ["results {}", "results {} --json", "show {} best", "spaces", "--help", "data list"]
)
def test_a_full_disk_is_one_sentence(experiment, command):
    code, _, errors = shell(f"{' '.join(TUNER)} {command.format(experiment)} > /dev/full")
    assert code == 2
    assert errors == (
        "tuner: cannot write the output (No space left on device); make room there, or send it somewhere else\n"
    )


@pytest.mark.parametrize("command", ["results {}", "results {} --json", "spaces", "--help"])
def test_without_a_standard_output_nothing_is_printed_and_nothing_breaks(experiment, command):
    code, output, errors = shell(f"{' '.join(TUNER)} {command.format(experiment)} >&-")
    assert (code, output, errors) == (0, "", "")


def test_what_is_printed_never_lands_in_a_file_that_took_a_closed_descriptor(tmp_path):
    paths = finished(tmp_path).paths
    written = tmp_path / "out.yaml"
    contents = []
    for redirection in ("", ">&- 2>&- <&-"):
        code, _, errors = shell(f"{' '.join(TUNER)} export {paths.root} -o {written} {redirection}")
        assert (code, errors) == (0, "")
        contents.append(
            [re.sub(r"T\d\d:\d\d:\d\d", "", line) for line in written.read_text().splitlines()]
        )  # but for the time
    assert contents[0] == contents[1]


def test_a_mistake_keeps_its_exit_code_when_nobody_reads_the_sentence(experiment):
    code, output, _ = shell(f"{' '.join(TUNER)} results {experiment}-not 2> /dev/full")
    assert (code, output) == (2, "")
    code, _, _ = shell(f"{' '.join(TUNER)} results {experiment}-not 2>&1 | true")
    assert code == 2


@pytest.mark.slow
@pytest.mark.searches
@pytest.mark.parametrize("output", ["| head -1", "| true", "> /dev/full", ">&-", "2>&1 | head -1", ">&- 2>&-"])
def test_a_search_goes_on_when_nobody_reads_what_it_prints(cluster, tmp_path, output):
    words = light(tmp_path, "unread", trials=2, epochs=3)
    code, _, errors = shell(f"{' '.join(TUNER)} {' '.join(words)} --max-concurrent 1 --address {cluster} {output}")
    assert code == 0, errors
    assert "Traceback" not in errors
    assert History.load(ExperimentPaths(tmp_path / "unread")).state == "finished"


@pytest.mark.slow
@pytest.mark.searches
def test_a_terminal_that_is_closed_stops_the_search_and_its_private_ray_finishes_the_epochs(tmp_path):
    paths = ExperimentPaths(tmp_path / "closed")
    environment = {key: value for key, value in os.environ.items() if key != "RAY_AUTH_MODE"}
    words = options(tmp_path, "closed", trials=8, epochs=27, settings=("image_size=32", "train_images=600"))
    child, terminal = pty.fork()
    if child == 0:
        os.execve(sys.executable, [*TUNER, *words], environment)
    os.set_blocking(terminal, False)
    deadline = time.monotonic() + 240
    while count_epochs(paths.records) < 3:
        assert time.monotonic() < deadline
        _drain(terminal)
        time.sleep(0.05)
    os.close(terminal)  # the kernel sends SIGHUP to everything in the foreground of that terminal
    while os.waitpid(child, os.WNOHANG) == (0, 0):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    history = History.load(paths)
    assert history.state == "interrupted"
    assert history.sessions[-1].outcome == "interrupted"
    assert [trial.errors for trial in history.trials if trial.errors] == []
    recorded = medians(paths)
    saved = {trial: max(epoch for other, epoch in recorded if other == trial) for trial, _ in recorded}
    for trial in history.trials:
        if trial.status == "interrupted":
            newest = max(path.name for path in paths.trial(trial.index).glob("checkpoint_*.pt"))
            assert newest == f"checkpoint_{saved[trial.index]:06d}.pt"


def _drain(terminal):
    with contextlib.suppress(BlockingIOError):
        os.read(terminal, 65536)


def test_a_console_or_a_file_of_the_callers_own_may_be_lost_as_well(tmp_path):
    read_end, write_end = os.pipe()
    os.close(read_end)
    pipe = os.fdopen(write_end, "w", buffering=1)
    told = []

    def on_a_pipe(text):
        told.append(text)
        print(text, file=pipe)

    closed = (tmp_path / "told").open("w")
    closed.close()
    for speak in (on_a_pipe, closed.write):
        say = standard_output.enduring(speak)
        say("one")
        say("two")
    assert told == ["one"]
    with contextlib.suppress(BrokenPipeError):
        pipe.close()


def test_rich_does_not_end_the_process_for_a_pipe_of_the_callers_own():
    class Pipe(io.StringIO):
        def write(self, text):
            raise BrokenPipeError

    standard_output.enduring(Console(file=Pipe()).print)("unread")


def test_a_mistake_in_a_callers_own_function_is_not_hidden():
    def wrong(text):
        raise ValueError("three columns, not two")

    with pytest.raises(ValueError, match="three columns"):
        standard_output.enduring(wrong)("text")
