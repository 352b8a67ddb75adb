"""What the queue says of an experiment's jobs, in lines for a person."""

import datetime
from pathlib import Path

import pytest

from tuner.cluster.slurm import commands, progress, queue

JOB = "JobId={id} JobName=first UserId=me(7) JobState={state} Reason={reason} Requeue=1 Restarts={restarts} RunTime=00:10:00 "
JOB += "SubmitTime=2026-01-02T10:00:00 StartTime=2026-01-02T11:00:00 NodeList={nodes} Comment={comment} StdOut=/s/first.log"
NOW = datetime.datetime(2026, 1, 2, 12, 0, 0)
STORAGE = Path("/shared/results")


@pytest.fixture
def slurm(monkeypatch):
    """Slurm's answers, by job."""
    jobs = {}

    def run(command, given=None):
        if command[0] == "squeue":
            return "\n".join(jobs)
        return jobs[command[-1]]

    def add(number, state, *, reason="None", restarts=0, nodes="", comment="tuner:/shared/results/first"):
        jobs[number] = JOB.format(
            id=number, state=state, reason=reason, restarts=restarts, nodes=nodes, comment=comment
        )

    monkeypatch.setattr(commands, "installed", lambda: True)
    monkeypatch.setattr(commands, "run", run)
    return add


def test_a_job_that_waits_says_since_when_and_why(slurm):
    slurm("12", "PENDING", reason="Resources", restarts=1)
    [line] = queue.lines("first", STORAGE, NOW)
    assert line == (
        "Slurm job 12: waiting in the queue since 2026-01-02 10:00:00 (2 h 0 min), because of Resources; requeued 1 time; "
        "log /s/first.log"
    )


def test_a_job_that_runs_says_where(slurm, monkeypatch):
    monkeypatch.setattr(progress, "recall", lambda name, storage: {"requeued": 3})
    slurm("12", "RUNNING", nodes="gpu[01-02]")
    [line] = queue.lines("first", STORAGE, NOW)
    assert line.startswith("Slurm job 12: running on gpu[01-02] since 2026-01-02 11:00:00 (1 h")
    assert "; requeued 3 times;" in line


def test_jobs_of_other_storages_and_those_that_are_over_are_left_out(slurm):
    slurm("1", "RUNNING", comment="tuner:/other/results/first")
    slurm("2", "COMPLETED")
    slurm("3", "CANCELLED")
    assert queue.lines("first", STORAGE, NOW) == []


def test_where_slurm_does_not_answer_nothing_is_said(monkeypatch):
    def refuse(command, given=None):
        raise commands.Refused("slurm_load_jobs error")

    monkeypatch.setattr(commands, "installed", lambda: True)
    monkeypatch.setattr(commands, "run", refuse)
    assert queue.lines("first", STORAGE, NOW) == []


def test_slurms_own_reason_is_told_without_its_program():
    assert commands._reason("sbatch: error: Batch job submission failed: Invalid node name specified\n") == (
        "Batch job submission failed: Invalid node name specified"
    )
