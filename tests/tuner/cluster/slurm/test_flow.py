"""The batch script on a real Slurm, around a search that only pretends: every way in which it can be told to end."""

from pathlib import Path

import pytest

from tests.tuner.cluster.slurm.private_slurm import PrivateSlurm, missing
from tuner.cluster.slurm import script as scripts
from tuner.cluster.slurm.job import MARGIN, Job
from tuner.cluster.slurm.script import Batch

pytestmark = [
    pytest.mark.slow,
    pytest.mark.cluster,
    pytest.mark.skipif(missing() is not None, reason=str(missing())),
]

# What the script calls: Ray's nodes, which end when they are told to, and a search that is finished by its second run.
PYTHON = """\
#!/bin/bash
case "$*" in
  *.room) mkdir "$PLACE/$SLURM_JOB_ID-${SLURM_RESTART_COUNT:-0}" && cd "$_" && pwd ;;
  *.node\\ wait) ;;
  *.node*)
    trap 'touch "$RUN/warned"' TERM
    trap 'rm -r "$RUN"; exit 0' USR2
    echo "$SLURMD_NODENAME" > "$RUN/address"
    while [ -d "$RUN" ] && [ ! -e "$RUN/over" ]; do sleep 0.1; done ;;
  *.progress*) exit "$PROGRESS" ;;
  *tuner\\ launch*)
    echo "the search begins at $RAY_ADDRESS"
    [ ! -e "$PLACE/begun" ] || exit 0
    touch "$PLACE/begun"
    trap "echo asked to stop; $ASKED" TERM
    for _ in $(seq 600); do sleep 0.1; done ;;
esac
"""


@pytest.fixture(scope="module")
def slurm():
    with PrivateSlurm() as started:
        yield started


@pytest.fixture
def run(slurm, tmp_path, monkeypatch):
    """Submit the script and wait until its search has begun: the job, and what it has printed so far."""
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "python").write_text(PYTHON)
    (programs / "python").chmod(0o755)
    (tmp_path / "place").mkdir()
    monkeypatch.setattr(scripts.sys, "executable", str(programs / "python"))

    def begin(*more, warning=120, asked="exit 130", progress=0):
        job = Job(1, cpus=1, time="10:00", warning=warning, more=more)
        text = Batch("flow", tmp_path, ["launch", "blur"], job).text()
        variables = {"PLACE": str(tmp_path / "place"), "ASKED": asked, "PROGRESS": str(progress)}
        monkeypatch.setattr(slurm, "environment", lambda: PrivateSlurm.environment(slurm, **variables))
        (tmp_path / "flow.sh").write_text(text)
        number = slurm.run("sbatch", "--parsable", tmp_path / "flow.sh")
        slurm.wait_for(lambda: "the search begins" in said(number), 60, number)
        return number

    def said(number):
        log = Path(f"{tmp_path}/flow.slurm-{number}.log")
        return log.read_text() if log.exists() else ""

    begin.said = said
    yield begin
    slurm.run("scancel", "--name=flow")
    slurm.wait_for(lambda: not slurm.run("squeue", "-h"), 120)


def warn(slurm, job):
    """What slurmctld does when the time limit is near."""
    slurm.run("scancel", "--signal=USR1", "--batch", job)


def test_where_jobs_may_not_be_requeued_a_new_one_waits_for_the_end_of_the_old(slurm, run):
    job = run("--no-requeue")
    warn(slurm, job)
    slurm.wait_for_state(job, "COMPLETED", limit=60)
    assert "slurm: submitted again; the next run continues" in run.said(job)
    assert slurm.wait_for_state(int(job) + 1, "COMPLETED", limit=60)["JobName"] == "flow"


def test_epochs_longer_than_the_warning_do_not_keep_the_job_from_being_requeued(slurm, run):
    job = run(warning=MARGIN + 2, asked=":")
    warn(slurm, job)
    slurm.wait_for_state(job, "COMPLETED", limit=90)
    assert "asked to stop" in run.said(job)
    assert "the running epochs take longer than the warning" in run.said(job)
    assert slurm.job(job)["Restarts"] == "1"


def test_a_search_without_progress_is_not_requeued_and_the_job_says_how_it_ended(slurm, run):
    job = run(progress=1)
    warn(slurm, job)
    found = slurm.wait_for_state(job, "FAILED", limit=60)
    assert (found["ExitCode"], found["Restarts"]) == ("130:0", "0")


def test_what_scancel_ends_is_over_and_asks_for_nothing(slurm, run):
    job = run()
    slurm.run("scancel", job)
    slurm.wait_for(lambda: not slurm.run("squeue", "-h"), 60, job)
    assert slurm.job(job)["JobState"] == "CANCELLED"
    assert "asked to stop" in run.said(job)
    assert "requeued;" not in run.said(job)
    assert "submitted again" not in run.said(job)


def test_a_search_that_was_stopped_by_hand_ends_the_job(slurm, run):
    job = run()
    slurm.run("scancel", "--signal=TERM", f"{job}.1")  # the search alone: no node is warned
    found = slurm.wait_for_state(job, "FAILED", limit=60)
    assert (found["ExitCode"], found["Restarts"]) == ("130:0", "0")
    assert "submitted again" not in run.said(job)
