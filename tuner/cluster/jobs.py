"""Experiments as jobs of Ray: one after another under the experiment's name, each a session of its driver on the head."""

from __future__ import annotations

import os
import secrets
import shlex
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from trainables.config.own.code import OwnCode
from trainables.storage import temporary
from tuner.cluster import package
from tuner.cluster.head import Head, reach
from tuner.errors import BadInput, ClusterUnreachable
from tuner.machines import ray_session
from tuner.records.changes import OWN_FILE
from tuner.records.paths import check_name, expanded
from tuner.tables.broadcast import ASKED

# Keys of a job's metadata.
_EXPERIMENT = "tuner_experiment"
_STORAGE = "tuner_storage"
_VERB = "tuner_verb"
_DASHBOARD = "tuner_dashboard"
_FILE = "tuner_file"  # where the user's own code lay on the machine that submitted it
# `~` cannot be part of an experiment's name, so that no other experiment's job is called NAME~2.
_SEPARATOR = "~"
NOTIFY = "TUNER_NOTIFY"  # see `tuner.experiment.notify`
_ENVIRONMENT = {
    "RAY_JOB_STOP_SIGNAL": "SIGINT",  # as Ctrl-C: trials finish their epoch and checkpoint
    "RAY_JOB_STOP_WAIT_TIME_S": "3600",  # an epoch of five replicates may be long; after that the job is killed
    "COLUMNS": "100",
    ASKED: "1",
}


def of(head: Head, name: str) -> list[Any]:
    """The jobs that ran or run this experiment, oldest first."""
    mine = [job for job in head.client.list_jobs() if (job.metadata or {}).get(_EXPERIMENT) == name]
    return sorted(mine, key=lambda job: job.start_time or 0)


def running(head: Head, name: str) -> Any | None:
    """The job that runs the experiment or waits to; None when there is none."""
    return next((job for job in reversed(of(head, name)) if not job.status.is_terminal()), None)


def storage_of(head: Head, name: str) -> str | None:
    """The storage that the experiment was last submitted with; None when the head knows no job of it or the default."""
    known = [job.metadata.get(_STORAGE) for job in of(head, name)]
    return known[-1] if known else None


def file_of(head: Head, name: str) -> Path | None:
    """Where the own code of an experiment lay when it was last submitted with it; None when it never was."""
    known = [job.metadata[_FILE] for job in of(head, name) if _FILE in job.metadata]
    return Path(known[-1]) if known else None


def reached(address: str, word: str) -> tuple[Head, str]:
    """A head, and the experiment that a word means there: its name, or the file with the user's own code that it was last
    submitted from, this very one before one of its name elsewhere.

    Raises like `reach`; BadInput for a file that no job came from and, before any head is reached, for a word that neither
    names an experiment nor a file.
    """
    if not word.endswith(".py"):
        check_name(word)
        return reach(address), word
    head = reach(address)
    file = expanded(word).absolute()
    found = [
        (job.metadata[_FILE] == str(file), job.start_time or 0, job.metadata[_EXPERIMENT])
        for job in head.client.list_jobs()
        if Path((job.metadata or {}).get(_FILE, "")).name == file.name
    ]
    if not found:
        raise BadInput(
            f"the head at {head.address} knows no job that was submitted from {word}; launch it with "
            f"`tuner launch {word} --address {head.address}`, or give the name of the experiment"
        )
    return head, str(max(found)[2])


def start(
    head: Head,
    words: Sequence[str],
    *,
    name: str,
    storage: str | None,
    files: Iterable[Path] = (),
    code: OwnCode | None = None,
) -> str:
    """Submit `tuner WORDS` as the next job of an experiment, with the user's own code as it is here; returns its id.

    Ray takes an id only once, so of two who submit the same name at the same time one is refused.
    """
    past = of(head, name)
    if any(not job.status.is_terminal() for job in past):
        raise BadInput(
            f"`{name}` is already running on {head.address}; follow it with `tuner logs {name} --follow "
            f"--address {head.address}`, or choose another --name"
        )
    job_id = f"{name}{_SEPARATOR}{len(past) + 1}"
    metadata = {_EXPERIMENT: name, _VERB: words[0]} | ({} if storage is None else {_STORAGE: storage})
    if code is not None:
        metadata[_FILE] = code.path
    return _submit(head, job_id, words, metadata, files, code)


def start_other(head: Head, job_id: str, words: Sequence[str], files: Iterable[Path] = ()) -> str:
    """Submit a command that runs no experiment."""
    return _submit(head, job_id, words, {_VERB: words[0]}, files)


def start_dashboard(head: Head, name: str, words: Sequence[str]) -> str:
    """Submit the dashboard of an experiment; returns its id."""
    return _submit(head, f"tuner-dashboard-{secrets.token_hex(6)}", words, {_DASHBOARD: name}, ())


def dashboard_of(head: Head, name: str) -> str | None:
    """The id of the job that serves the dashboard of an experiment; None when there is none."""
    for job in head.client.list_jobs():
        if (job.metadata or {}).get(_DASHBOARD) == name and not job.status.is_terminal():
            return str(job.submission_id)
    return None


def _submit(
    head: Head,
    job_id: str,
    words: Sequence[str],
    metadata: dict[str, str],
    files: Iterable[Path],
    code: OwnCode | None = None,
) -> str:
    there = {} if code is None else {OWN_FILE: f"request/{code.entry}"}
    if NOTIFY in os.environ:
        there[NOTIFY] = os.environ[NOTIFY]
    with temporary.folder() as folder:
        package.stage(folder, files=files, texts={} if code is None else code.files)
        try:
            submitted: str = head.client.submit_job(
                # Without `exec` the signal to stop would reach a shell as well.
                entrypoint="exec python -m tuner " + shlex.join(words),
                submission_id=job_id,
                runtime_env={"working_dir": str(folder), "env_vars": ray_session.ENVIRONMENT | _ENVIRONMENT | there},
                metadata=metadata,
            )
        except RuntimeError as error:
            raise _refused(head, job_id, str(error)) from None
    return submitted


def _refused(head: Head, job_id: str, text: str) -> Exception:
    name = job_id.partition(_SEPARATOR)[0]
    if "already exists" in text:
        return BadInput(f"`{name}` was submitted to {head.address} by somebody else just now; choose another --name")
    last = text.strip().splitlines()[-1][:300] if text.strip() else "no reason given"
    return ClusterUnreachable(f"the head at {head.address} did not take the job ({last}); see its dashboard's log")
