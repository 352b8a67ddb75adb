"""A search on a cluster from afar: a token-protected head, Ray's Jobs API, real training; one head for all of it.

The tests tell one story in order: refused, submitted, refused again, stopped, read, resumed, repeated.
"""

import json
import re
import signal
import stat
import time
import urllib.request
from pathlib import Path

import pytest

from tests.tuner.cluster.head import running_head
from tests.tuner.report.serving import pressed
from tests.tuner.searches import count_epochs, options
from tuner.cluster import jobs, package
from tuner.cluster.head import reach
from tuner.machines import ray_session
from tuner.records.lines import read
from tuner.records.manifest import read as read_manifest
from tuner.records.paths import ExperimentPaths
from tuner.rules.rule import rule_of
from tuner.rules.verify import contradictions
from tuner.tables.broadcast import MARK

pytestmark = [pytest.mark.cluster, pytest.mark.slow]

TRIALS, EPOCHS = 2, 90


@pytest.fixture(scope="module")
def head():
    with running_head() as running:
        yield running


@pytest.fixture(scope="module")
def launch(head):
    """Arguments of a search in a space of one's own, long enough to be stopped."""
    space = head.folder / "my_space.py"
    space.write_text("import search_spaces\n\n\ndef space():\n    return search_spaces.load('blur', 'smoke')\n")
    return [
        *options(head.storage, "first", trials=TRIALS, epochs=EPOCHS),
        "--grace",
        "30",
        "--max-concurrent",
        "1",
        "--space",
        str(space),
    ]


@pytest.fixture(scope="module")
def paths(head):
    return ExperimentPaths(head.storage / "first")


@pytest.fixture
def client(head, monkeypatch):
    """The head as code in this process reaches it."""
    monkeypatch.setenv("HOME", str(head.home))
    monkeypatch.delenv("RAY_AUTH_MODE")
    return reach(head.address)


def test_the_token_is_readable_by_its_owner_alone(head):
    token = head.home / ".ray" / "auth_token"
    assert stat.S_IMODE(token.stat().st_mode) == 0o600
    before = token.read_text()
    assert len(before) == 64
    head.tuner("cluster", "token", address=False)
    assert token.read_text() == before


def test_a_wrong_token_and_a_missing_one_are_refused_in_one_sentence(head, launch, tmp_path):
    code, output = head.tuner(*launch, RAY_AUTH_TOKEN="wrong-token")
    assert (code, len(output.splitlines())) == (2, 1), output
    assert f"the head at {head.address} refuses the token" in output
    assert "wrong-token" not in output
    code, output = head.tuner(*launch, HOME=str(tmp_path))
    assert (code, len(output.splitlines())) == (2, 1), output
    assert "asks for a token, but none is set here" in output


def test_doctor_finds_a_guarded_head(head):
    code, output = head.tuner("doctor", "--storage", head.folder)
    assert code == 0, output
    assert re.search(r"ok     ray      2\.60\.\d+ at http://127\.0\.0\.1:\d+, which asks for a token", output)
    assert re.search(r"ok     token    .*readable by you alone", output)


def test_a_search_outlives_the_machine_it_was_submitted_from_and_stops_without_losing_anything(head, launch, paths):
    laptop = head.start(*launch)
    wait_for_epochs(paths, 2)
    laptop.kill()
    output, _ = laptop.communicate(timeout=60)
    assert f"tuner stop first --address {head.address}" in output
    code, output = head.tuner(*launch)
    assert (code, len(output.splitlines())) == (2, 1), output
    assert "`first` is already running" in output
    code, output = head.tuner("stop", "first")
    assert code == 0, output
    assert "ends after the running epochs" in output
    wait_for_end(paths)
    assert 2 <= count_epochs(paths.records) < TRIALS * EPOCHS
    checkpoints = {path.parent.name for path in paths.root.glob("trials/*/checkpoint_*.pt")}
    assert checkpoints == {
        f"{trial:05d}" for trial in {r["trial"] for r in read(paths.records) if r["event"] == "epoch"}
    }


def test_what_is_read_from_afar_is_what_is_read_on_the_storage(head):
    code, there = head.tuner("results", "first", "--csv")
    assert code == 0, there
    assert there == head.tuner("results", "first", "--csv", "--storage", head.storage, address=False)[1]
    code, output = head.tuner("status", "missing", "--storage", head.storage)
    assert code == 2
    assert output.startswith(f"tuner: there is no experiment `missing` in {head.storage}; there is ")
    assert "first" in output
    assert output.count("\n") == 1


def test_another_request_under_the_name_is_refused_and_changes_nothing(head, launch, paths):
    before = paths.records.read_bytes()
    code, output = head.tuner(*launch, "--set", "lr=0.5", "--seed", "1")
    assert code == 2, output
    assert "in use" in output.splitlines()[-1]
    assert "by another request (seed is 0, not 1)" in output.splitlines()[-1]
    assert paths.records.read_bytes() == before


def test_resume_continues_on_the_cluster_and_shows_the_leaderboard(head, paths):
    done = count_epochs(paths.records)
    code, output = head.tuner("resume", "first")
    assert code == 0, output
    assert re.search(rf"^ *1~? +\d.* {EPOCHS} ", output, re.MULTILINE), output
    records = list(read(paths.records))
    epochs = [(record["trial"], record["epoch"]) for record in records if record["event"] == "epoch"]
    assert len(epochs) == len(set(epochs)) > done
    assert contradictions(rule_of(read_manifest(paths.manifest)), records) == []
    assert [r["outcome"] for r in records if r["event"] == "session" and r["action"] == "end"] == [
        "interrupted",
        "finished",
    ]
    _, logs = head.tuner("logs", "first")
    assert logs in output
    assert "replicate-epochs trained" in logs


def test_confirm_trains_on_fresh_seeds_on_the_cluster_and_a_terminal_here_shows_the_live_table(head, paths):
    before = paths.records.read_bytes()
    code, drawn = head.on_terminal("confirm", "first", "--top", 1, "--replicates", 1)
    assert code == 0, drawn
    assert paths.records.read_bytes() == before
    searched, confirmed = read_manifest(paths.manifest), read_manifest(paths.confirmation.manifest)
    assert confirmed.seed == searched.seed + 1
    ends = {r["trial"]: r["status"] for r in read(paths.confirmation.records) if r["event"] == "end"}
    assert ends == {0: "completed", 1: "completed"}
    assert re.search(rf"0 base +\d+/{EPOCHS} ", drawn), drawn  # a row of the trials that run now
    assert "first/confirmation: 2 trials: " in drawn
    assert "best so far: trial" in drawn
    assert MARK not in drawn
    _, logs = head.tuner("logs", "first")
    assert "trial 0 completed at epoch" in logs
    assert MARK not in logs


def test_the_same_request_again_does_nothing_twice(head, launch, paths):
    before = paths.records.read_bytes()
    code, output = head.tuner(*launch, "--detach")
    assert (code, len(output.splitlines())) == (0, 4), output
    code, output = head.tuner("logs", "first", "--follow")
    assert code == 0, output
    assert "first was launched by the same request before: continuing it" in output
    assert "first is finished" in output
    assert paths.records.read_bytes() == before


def test_the_cluster_runs_what_was_shipped_and_not_what_is_installed_there(client, tmp_path):
    folder = package.stage(tmp_path)
    job = client.client.submit_job(
        entrypoint="python -c 'import tuner, trainables.replicated as t; print(tuner.__file__, t.__file__)'",
        runtime_env={"working_dir": str(folder)},
    )
    while not client.client.get_job_status(job).is_terminal():
        time.sleep(0.2)
    *_, last = client.client.get_job_logs(job).strip().splitlines()
    assert all("_ray_pkg_" in path for path in last.split()), last


def test_two_who_submit_a_name_at_once_do_not_both_get_it(client):
    taken = jobs.of(client, "first")[-1].submission_id
    with pytest.raises(Exception, match=r"`first` was submitted to .* by somebody else just now") as caught:
        jobs.start_other(client, taken, ["spaces"])
    assert caught.value.exit_code == 2


def test_the_dashboard_is_served_on_the_loopback_of_the_head_until_ctrl_c(head):
    process = head.start("dashboard", "first", "--port", "6106")
    lines = []
    for line in process.stdout:
        lines.append(line)
        if "ssh -N -L" in line:
            break
    else:
        raise AssertionError(lines)
    report, board = sorted(set(re.findall(r"127\.0\.0\.1:(\d+)", "".join(lines))))
    wait_until(lambda: answers(report) and answers(board))
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=120)
    wait_until(lambda: not answers(report) and not answers(board))


def test_buttons_on_the_head_submit_jobs(head, paths):
    process = head.start("dashboard", "first", "--act", "--port", "6126", "--storage", head.storage)
    said = []
    while not (found := re.search(r"(http://127\.0\.0\.1:\d+\S*/)\?token=(\S+)", "".join(said))):
        said.append(process.stdout.readline())
        assert said[-1], said
    page, token = found.groups()

    def buttons(action=None):
        body = None if action is None else json.dumps({"action": action, "number": 1}).encode()
        status, text = pressed(page, token, body, "GET" if action is None else "POST")
        assert status in (200, 202), text
        return json.loads(text)["runs"]

    before = count_epochs(paths.records)
    (run,) = buttons("extend")
    command = f"tuner resume first --storage {head.storage} --trials {TRIALS + 1} --address http://"
    assert run["command"].startswith(command)
    wait_until(lambda: buttons()[0]["code"] is not None, limit=240.0)
    (run,) = buttons()
    assert run["code"] == 0, run["output"]
    assert count_epochs(paths.records) > before
    _, logs = head.tuner("logs", "first")
    assert "replicate-epochs trained" in logs
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=120)


def test_the_space_that_was_shipped_is_kept_with_the_experiment(launch, paths):
    assert paths.space_source.read_text() == Path(launch[-1]).read_text()
    assert read_manifest(paths.manifest).space == "space.py"


def test_a_ray_that_is_joined_is_shown_the_token_without_being_told_to(head):
    address = f"127.0.0.1:{head.gcs_port}"
    code, output = head.tuner("doctor", "--address", address, "--storage", head.folder, address=False)
    assert code == 0, output
    assert f"{address} has 2 CPUs" in output
    assert not ray_session.is_open(address)


OWN = """
from ray import tune
from search_spaces import Budget, Objective, SearchSpace
import factors

class Own:
    def __init__(self, config, seed, device):
        self.lr, self.epochs = config["lr"], 0

    def epoch(self):
        self.epochs += 1
        return {"cost": self.lr * factors.FACTOR / self.epochs}

    def state(self):
        return self.epochs

    def load(self, state):
        self.epochs = state

def space():
    return SearchSpace(
        parameters={"lr": tune.loguniform(1e-3, 1e-1)}, baseline={"lr": 0.01}, objective=Objective("cost", "min"),
        budget=Budget(epochs=2, grace=1, trials=1, replicates=1),
    )
"""


def test_own_code_travels_and_what_has_changed_of_it_here_is_shown_before_anything_is_trained(head):
    file, beside = head.folder / "mine.py", head.folder / "factors.py"
    file.write_text(OWN)
    beside.write_text("FACTOR = 2\n")
    code, output = head.tuner("launch", file, "--name", "own", "--storage", head.storage)
    assert code == 0, output
    paths = ExperimentPaths(head.storage / "own")
    assert read_manifest(paths.manifest).own["files"] == {"mine.py": OWN, "factors.py": "FACTOR = 2\n"}
    before = paths.records.read_bytes()
    beside.write_text("FACTOR = 3\n")
    for word in ("own", file):  # by its name, and by the file
        code, output = head.tuner("resume", word, "--trials", 2)
        assert code == 2, output
        assert "-FACTOR = 2\n  +FACTOR = 3" in output
        assert "--accept-changes" in output
    assert paths.records.read_bytes() == before
    code, output = head.tuner("resume", file, "--trials", 2, "--accept-changes")
    assert code == 0, output
    assert read_manifest(paths.manifest).own["files"]["factors.py"] == "FACTOR = 3\n"
    assert count_epochs(paths.records) >= 3
    code, output = head.tuner("resume", "other.py")
    assert code == 2, output
    assert "knows no job that was submitted from other.py; launch it with `tuner launch other.py" in output


def wait_until(condition, limit=120.0):
    deadline = time.monotonic() + limit
    while not condition():
        assert time.monotonic() < deadline, "waited for nothing"
        time.sleep(0.2)


def wait_for_epochs(paths, count):
    wait_until(lambda: count_epochs(paths.records) >= count, limit=240.0)


def wait_for_end(paths):
    wait_until(lambda: b'"outcome"' in paths.records.read_bytes())


def answers(port):
    try:
        return urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5).status == 200
    except OSError:
        return False
