"""Searches on a real Slurm: two nodes, time limits, cancelled and lost ones, two users on one node, what is never queued."""

import contextlib
import math
import os
import pwd
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.tuner.cluster.slurm.private_slurm import PrivateSlurm, missing
from tests.tuner.searches import TINY, count_epochs
from trainables.lockstep import LockStep
from tuner.records.lines import read
from tuner.records.manifest import read as read_manifest
from tuner.records.paths import ExperimentPaths
from tuner.results.history import History
from tuner.rules.rule import rule_of
from tuner.rules.verify import contradictions

pytestmark = [
    pytest.mark.slow,
    pytest.mark.cluster,
    pytest.mark.skipif(missing() is not None, reason=str(missing())),
]


@pytest.fixture(scope="module")
def slurm():
    with PrivateSlurm() as started:
        yield started


def search(storage, name, *, trials=2, epochs=3, settings=TINY):
    """Arguments of a tiny search that checkpoints every epoch."""
    budget = {"--trials": trials, "--epochs": epochs, "--grace": epochs, "--replicates": 2, "--checkpoint-every": 0}
    words = ["blur", "--space", "smoke", "--name", name, "--storage", storage]
    words += [word for pair in budget.items() for word in pair]
    return words + [word for setting in settings for word in ("--set", setting)]


def submit(slurm, *arguments, **options):
    """The id of the job that a search has become."""
    code, output = slurm.tuner("slurm", "submit", *arguments, **options)
    assert code == 0, output
    return re.search(r"is job (\d+);", output)[1]


def log(paths, job):
    return Path(f"{paths.root}.slurm-{job}.log").read_text()


def nodes_of(paths):
    """The Ray nodes that each trial has trained on."""
    return [set(re.findall(r"training on node (\w+)", it.read_text())) for it in paths.root.glob("trials/*/log.txt")]


def assert_as_left_alone(paths, trial, epochs):
    """The values of these epochs are, to the last bit, those of the same configuration trained here without a stop."""
    recorded = History.load(paths).trial(trial)
    alone = LockStep("blur", recorded.config, replicates=2)
    for epoch in range(1, epochs + 1):
        result = alone.step()
        for name, reported in recorded.epochs[epoch]["metrics"].items():
            assert reported["values"] == result[f"{name}_values"], (trial, epoch, name)


def may_run_python(user):
    """Whether a user of this machine can run the interpreter that the tests have."""
    try:
        return subprocess.run([sys.executable, "-c", ""], user=user, check=False, cwd="/").returncode == 0
    except PermissionError:
        return False


def tokens_of(slurm, job):
    """The tokens that the processes of a job have in their environment."""
    found = set()
    for process in slurm.processes(SLURM_JOB_ID=job):
        with contextlib.suppress(OSError):
            found |= set(re.findall(rb"RAY_AUTH_TOKEN=(\w+)", Path(f"/proc/{process}/environ").read_bytes()))
    return found


def left_behind(slurm, job):
    return list((slurm.folder / "t").glob(f"slurm-{job}-*"))


def test_a_search_on_two_nodes_outlives_scancel_and_a_lost_node_with_the_medians_of_one_left_alone(slurm, tmp_path):
    paths = ExperimentPaths(tmp_path / "store" / "two")
    asked = search(tmp_path / "store", "two", epochs=300)
    where = ["--nodes", 2, "--gpus-per-node", 1, "--time", "30:00"]
    job = submit(slurm, *asked, *where)
    slurm.wait_for(lambda: count_epochs(paths.records) >= 8, job_id=job)
    code, told = slurm.tuner("status", "two", "--storage", tmp_path / "store")
    assert code == 0
    assert re.search(rf"Slurm job {job}: running on n\[1-2\] since \S+ \S+ \(.*\); requeued 0 times", told), told
    code, again = slurm.tuner("slurm", "submit", *asked, *where)
    assert code == 2
    assert f"`two` is in the queue already, as job {job} (running)" in again
    slurm.run("scancel", job)
    slurm.wait_for_state(job, "CANCELLED")
    slurm.wait_for(lambda: not slurm.run("squeue", "-h"))
    assert not left_behind(slurm, job)
    cancelled = count_epochs(paths.records)

    job = submit(slurm, *asked, *where)
    slurm.wait_for(lambda: count_epochs(paths.records) >= cancelled + 8, job_id=job)
    slurm.run("scontrol", "update", "NodeName=n2", "State=DOWN", "Reason=test")
    slurm.wait_for_state(job, "PENDING")  # for as long as there is one node for two
    code, told = slurm.tuner("status", "two", "--storage", tmp_path / "store")
    assert re.search(rf"Slurm job {job}: waiting in the queue since .* requeued 1 time;", told), told
    slurm.run("scontrol", "update", "NodeName=n2", "State=RESUME")
    slurm.wait_for_state(job, "COMPLETED")

    assert len(set().union(*nodes_of(paths))) >= 4  # two in each run
    assert_as_left_alone(paths, 1, 300)
    assert contradictions(rule_of(read_manifest(paths.manifest)), read(paths.records)) == []


@pytest.mark.long
def test_at_its_time_limit_a_search_checkpoints_is_requeued_and_ends_with_the_medians_of_one_left_alone(
    slurm, tmp_path
):
    paths = ExperimentPaths(tmp_path / "store" / "limited")
    slow = ("image_size=8", "train_images=800", "batch_size=40")  # longer than Slurm takes to look at its time limits
    asked = search(tmp_path / "store", "limited", trials=1, epochs=200, settings=slow)
    job = submit(slurm, *asked, "--time", "30:00")
    slurm.wait_for(lambda: count_epochs(paths.records) >= 2, job_id=job)
    elapsed = sum(60**place * int(part) for place, part in enumerate(reversed(slurm.job(job)["RunTime"].split(":"))))
    slurm.run("scontrol", "update", f"JobId={job}", f"TimeLimit={math.ceil((elapsed + 60) / 60)}")
    slurm.wait_for(lambda: slurm.job(job)["Restarts"] == "1", job_id=job)
    first = log(paths, job)
    assert "slurm: the time limit is near: the search checkpoints" in first
    assert "interrupted; nothing is lost" in first
    assert "slurm: requeued; the next run continues" in first
    before = count_epochs(paths.records)
    assert 2 <= before < 200
    slurm.run("scontrol", "update", f"JobId={job}", "TimeLimit=30")
    slurm.wait_for_state(job, "COMPLETED")
    events = [record["event"] for record in read(paths.records)]
    assert "repeat" not in events  # no epoch was trained twice
    assert events.count("session") == 4
    assert_as_left_alone(paths, 0, before + 5)


def test_a_preempted_search_checkpoints_within_the_grace_time_and_waits_in_the_queue(slurm, tmp_path):
    paths = ExperimentPaths(tmp_path / "store" / "preempted")
    job = submit(slurm, *search(tmp_path / "store", "preempted", trials=1, epochs=2000), "--time", "30:00")
    slurm.wait_for(lambda: count_epochs(paths.records) >= 2, job_id=job)
    urgent = slurm.run(
        "sbatch",
        "--parsable",
        "--partition=urgent",
        "--nodes=2",
        "--exclusive",
        "--time=2",
        "--output=/dev/null",
        "--wrap=sleep 1",
    )
    slurm.wait_for(lambda: slurm.job(job)["Restarts"] == "1", job_id=job)
    said = log(paths, job)
    assert "interrupted; nothing is lost" in said
    assert "slurm: requeued; the next run continues" in said
    assert "the time limit is near" not in said
    assert not [record for record in read(paths.records) if record["event"] == "error"]  # Ray outlived the signal
    slurm.wait_for_state(urgent, "COMPLETED", limit=120)
    slurm.run("scancel", job)


@pytest.mark.long
def test_two_users_with_searches_of_one_name_on_one_node_do_not_meet(slurm):
    places, jobs = {}, {}
    for name in ("nobody", "daemon"):
        places[name] = slurm.folder / name
        places[name].mkdir()
        os.chown(places[name], pwd.getpwnam(name).pw_uid, -1)
        asked = search(places[name] / "store", "same", epochs=100)
        one = ["--gpus-per-node", 1, "--cpus-per-node", 2, "--time", "30:00", "--sbatch=--nodelist=n1"]
        # Where the interpreter lies in somebody's home, that user stands for both, under two names.
        user = name if may_run_python(name) else None
        jobs[name] = submit(slurm, *asked, *one, user=user, cwd="/", HOME=str(places[name]), USER=name, LOGNAME=name)
    paths = {name: ExperimentPaths(places[name] / "store" / "same") for name in jobs}
    for name, job in jobs.items():
        slurm.wait_for(lambda name=name: count_epochs(paths[name].records) >= 1, job_id=job)
        assert slurm.job(job)["NodeList"] == "n1"
    rooms = [left_behind(slurm, job) for job in jobs.values()]
    assert [len(found) for found in rooms] == [1, 1]
    assert {oct(found.stat().st_mode & 0o777) for [found] in rooms} == {"0o700"}
    tokens = set().union(*(tokens_of(slurm, job) for job in jobs.values()))
    for name, job in jobs.items():
        assert slurm.wait_for_state(job, "COMPLETED", "FAILED")["JobState"] == "COMPLETED", slurm.told(job)
        slurm.wait_for(lambda job=job: not left_behind(slurm, job), 60)
        assert_as_left_alone(paths[name], 1, 10)
    assert len(tokens) == 2
    assert len({re.search(r"Ray's head is (\S+)", log(paths[name], job))[1] for name, job in jobs.items()}) == 2


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        (["--storage", "results"], "--storage is results, a folder from here"),
        (["--gpus-per-node", "4"], "--gpus-per-node is 4, but no node of the partition main has more than 2 GPUs"),
        (["--gpus-per-node", "a100:1"], "no node of the partition main has more than 0 GPUs of type a100"),
        (["--nodes", "3"], "--nodes is 3, but the partition main has 2 nodes"),
        (["--partition", "gpu"], "--partition is gpu, but the cluster has main, urgent"),
        (["--time", "2-0"], "--time is 2-0, but the partition main lets a job run for 24 hours"),
        (["--sbatch=--nodelist=n9"], "Slurm did not take the job ("),
    ],
)
def test_what_could_never_run_is_refused_in_one_sentence_and_not_queued(
    slurm, tuner, monkeypatch, tmp_path, changed, sentence
):
    monkeypatch.setenv("SLURM_CONF", str(slurm.folder / "slurm.conf"))
    code, out, err = tuner("slurm", "submit", *search(tmp_path, "never"), "--time", "30:00", *changed)
    assert (code, out) == (2, "")
    assert sentence in err
    assert len(err.strip().splitlines()) == 1
    assert not slurm.run("squeue", "-h", "--name=never")
    assert not (tmp_path / "never").exists()


def test_a_name_must_be_given(slurm, tuner, monkeypatch, tmp_path):
    monkeypatch.setenv("SLURM_CONF", str(slurm.folder / "slurm.conf"))
    code, out, err = tuner("slurm", "submit", "blur", "--storage", tmp_path)
    assert (code, out) == (2, "")
    assert err == "tuner: --name is missing, but a requeued job finds its search by it; give --name\n"
