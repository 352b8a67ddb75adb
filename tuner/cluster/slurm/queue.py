"""The queue: a batch script submitted, and what Slurm says of the jobs of an experiment."""

from __future__ import annotations

import datetime
import re
from dataclasses import dataclass

from trainables.storage import Place
from tuner.cluster.slurm import commands, progress
from tuner.cluster.slurm.script import Batch, comment
from tuner.errors import BadInput, TunerError
from tuner.records.paths import ExperimentPaths

_SAID = re.compile(r"(?:^|\s)([A-Z]\w*)=(\S*)")
_GONE = (
    "COMPLETED",
    "CANCELLED",
    "FAILED",
    "TIMEOUT",
    "NODE_FAIL",
    "PREEMPTED",
    "OUT_OF_MEMORY",
    "BOOT_FAIL",
    "DEADLINE",
)


@dataclass(frozen=True)
class Entry:
    """A job of the queue.

    Attributes:
        state: PENDING, RUNNING, COMPLETING, ...
        reason: why it waits, in Slurm's word.
        since: when it was submitted, or requeued; when it began, once it runs.
        nodes: that it runs on, in Slurm's notation.
        requeued: times that Slurm has requeued it.
        log: file of what it prints.
    """

    job: str
    state: str
    reason: str
    since: str
    nodes: str
    requeued: int
    log: str

    @property
    def runs(self) -> bool:
        return self.state in ("RUNNING", "CONFIGURING", "COMPLETING", "SUSPENDED", "STOPPED", "RESIZING", "SIGNALING")


def submit(batch: Batch) -> str:
    """Hand the script to `sbatch`; the id of the job. BadInput in Slurm's own words when it refuses it."""
    there = entries(batch.name, batch.storage)
    if there:
        raise BadInput(
            f"`{batch.name}` is in the queue already, as job {there[0].job} ({there[0].state.lower()}); see "
            f"`{ExperimentPaths(batch.storage / batch.name).command('status')}`, or end it with `scancel {there[0].job}`"
        )
    try:
        printed = commands.run(["sbatch", "--parsable"], given=batch.text())
    except commands.Refused as refused:
        raise BadInput(
            f"Slurm did not take the job ({refused}); nothing was queued: change what is asked for, `sinfo` shows what there is"
        ) from None
    return printed.strip().partition(";")[0]


def entries(name: str, storage: Place) -> list[Entry]:
    """The jobs of an experiment that wait or run, as far as Slurm can be asked here, the newest last."""
    if not commands.installed():
        return []
    try:
        ids = commands.run(["squeue", "--noheader", f"--name={name}", "--format=%i", "--states=all"]).split()
        found = [_described(commands.run(["scontrol", "--oneliner", "show", "job", job])) for job in ids]
    except (commands.Refused, TunerError):
        return []
    mine = comment(name, storage)
    return [entry for said, entry in found if said.get("Comment") == mine and entry.state not in _GONE]


def lines(name: str, storage: Place, now: datetime.datetime | None = None) -> list[str]:
    """What a person wants to know of the jobs of an experiment, a line each."""
    told = []
    counted = progress.recall(name, storage)["requeued"]
    for entry in entries(name, storage):
        ago = _ago(entry.since, now or datetime.datetime.now())
        if entry.state == "PENDING":
            text = f"waiting in the queue since {entry.since.replace('T', ' ')}{ago}, because of {entry.reason}"
        elif entry.runs:
            text = f"{entry.state.lower()} on {entry.nodes} since {entry.since.replace('T', ' ')}{ago}"
        else:
            text = entry.state.lower()
        times = max(entry.requeued, counted)
        told.append(f"Slurm job {entry.job}: {text}; requeued {times} time{'' if times == 1 else 's'}; log {entry.log}")
    return told


def _described(text: str) -> tuple[dict[str, str], Entry]:
    """A job as `scontrol --oneliner show job` describes it."""
    said = dict(_SAID.findall(text))
    state = said.get("JobState", "UNKNOWN")
    since = said.get("SubmitTime" if state == "PENDING" else "StartTime", "")
    return said, Entry(
        said.get("JobId", ""),
        state,
        said.get("Reason", "None"),
        since,
        said.get("NodeList", ""),
        int(said.get("Restarts", "0") or 0),
        said.get("StdOut", ""),
    )


def _ago(since: str, now: datetime.datetime) -> str:
    from tuner.results.progress import duration

    try:
        return f" ({duration((now - datetime.datetime.fromisoformat(since)).total_seconds())})"
    except ValueError:
        return ""
