"""Submitting a search to a running cluster through Ray's Jobs API: it runs there whatever becomes of this machine."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from search_spaces.budget import OPTIONS
from trainables.config.own.code import OwnCode
from tuner.cluster import arguments, follow, jobs
from tuner.cluster.head import Head, reach
from tuner.errors import BadInput, as_bad_input
from tuner.records.paths import check_name, expanded

if TYPE_CHECKING:
    from tuner.experiment.request import Request
    from tuner.experiment.running import Running


@dataclass(frozen=True)
class Submission:
    """A search that runs on a cluster as a job."""

    head: Head
    name: str
    job_id: str

    def follow(self, show: follow.Show) -> int:
        """Show what it prints until it ends; its exit code. Leaving this call leaves the search running."""
        return follow.follow(self.head, self.job_id, show)

    def command(self, verb: str, *more: str) -> str:
        """The command line that does something with this search from here."""
        return shlex.join(["tuner", verb, self.name, *more, "--address", self.head.address])


def submit(
    address: str,
    family: str,
    space: str | Path = "smoke",
    *,
    name: str | None = None,
    storage: str | Path | None = None,
    data: str | None = None,
    tell: Callable[[str], None] = lambda text: None,
    set_: list[str] | None = None,
    **options: Any,
) -> Submission:
    """Submit a new search; returns once the cluster has taken it.

    What runs there is `tuner launch FAMILY ... --or-resume`: the same request submitted again after it ended or was
    stopped continues the experiment, another one under its name is refused.

    Args:
        address: of the head's dashboard, http://HOST:PORT.
        family, space: as for `launch`; a space of one's own is a Python file, which travels along.
        name: of the experiment; default family, space and time.
        storage: folder or bucket that every node reaches; an absolute path or a URL, default `~/ray_results` there.
        data: place of the named datasets, a folder that every node sees or s3://BUCKET/PREFIX; default each node's own.
        tell: receives sentences for a person.
        set_: texts such as "lr=0.05".
        options: the other options of `tuner launch`, with underscores: trials, epochs, gpus_per_trial, ...

    Raises:
        BadInput: with every problem of the request at once, or when the name is running; nothing was started.
        ClusterUnreachable: nobody answers at `address`.
    """
    from tuner.experiment.request import Request
    from tuner.experiment.running import Running

    budget = {option: options.pop(option) for option in OPTIONS if option in options}
    asked = Request(family, space, set_ or [], options.pop("seed", 0), budget)
    running = Running(checkpoint_seconds=options.pop("checkpoint_every", None), tell=tell, **options)
    return submit_request(address, asked, running, name=name, storage=storage, data=data)


def submit_request(
    address: str,
    asked: Request,
    running: Running,
    *,
    name: str | None = None,
    storage: str | Path | None = None,
    data: str | None = None,
) -> Submission:
    """Submit a new search; as `submit`."""
    from tuner.experiment.request import default_name

    there = arguments.storage_there(storage) or arguments.chosen_there()
    arguments.require_absolute_folders(asked.settings)
    checked = asked.checked(running.problems())
    chosen = check_name(name) if name is not None else default_name(checked.space)
    own = [expanded(str(asked.space))] if asked.own_file else []
    sent = asked.code.entry if asked.code is not None else own[0].name if own else None
    space = str(asked.space) if sent is None else f"request/{sent}"
    words = arguments.of_launch(asked, running, space, chosen, there, data)
    head = reach(address)
    _warn(head, running.tell)
    return Submission(head, chosen, jobs.start(head, words, name=chosen, storage=there, files=own, code=asked.code))


def go_on(
    address: str,
    verb: str,
    name: str,
    running: Running,
    *,
    storage: str | Path | None,
    data: str | None = None,
    **options: Any,
) -> Submission:
    """Submit what goes on with a search, `resume` or `confirm`; raises like `submit`.

    Whether there is such a search, the job finds out, beside the storage. The user's own code travels as it is here now, so
    that the job finds what has changed in it before it trains anything.

    Args:
        name: of the search, or the file that it was submitted from.
    """
    running.require()
    there = arguments.storage_there(storage)
    word = name
    head, name = jobs.reached(address, word)
    _warn(head, running.tell)
    code = _code_here(jobs.file_of(head, name) if word == name else expanded(word))
    there = there or jobs.storage_of(head, name) or arguments.chosen_there()
    place = arguments.data_there(data)
    words = arguments.words(verb, name, storage=there, address="auto", data=place, **options, **running.options())
    return Submission(head, name, jobs.start(head, words, name=name, storage=there, code=code))


def _code_here(file: Path | None) -> OwnCode | None:
    """The user's own code as its file on this machine holds it; None where it is not here: then what was kept goes on."""
    if file is None or not file.is_file():
        return None
    from search_spaces.own_code import load_experiment

    with as_bad_input():
        found = load_experiment(file).family
    return found if isinstance(found, OwnCode) else None


def stop(address: str, name: str) -> str:
    """Ask the job of a search to end as Ctrl-C would; a sentence about it. BadInput when none is running."""
    head, name = jobs.reached(address, name)
    job = jobs.running(head, name)
    if job is None:
        raise BadInput(f"`{name}` is not running on {address}, so there is nothing to stop")
    head.client.stop_job(job.submission_id)
    submission = Submission(head, name, job.submission_id)
    return f"{name} ends after the running epochs; continue it with: {submission.command('resume')}"


def logs(address: str, name: str, *, following: bool, show: follow.Show) -> int:
    """Show what the newest job of a search has printed, and with `following` also what it prints until it ends."""
    head, name = jobs.reached(address, name)
    known = jobs.of(head, name)
    if not known:
        raise BadInput(f"the head at {address} knows no job of `{name}`; see `tuner status {name} --address {address}`")
    job_id = known[-1].submission_id
    if following:
        return follow.follow(head, job_id, show)
    show(follow.output(head, job_id))
    return 0


def _warn(head: Head, tell: Callable[[str], None]) -> None:
    if head.exposure is not None:
        tell(f"warning: {head.exposure}")
