"""Commands that read an experiment, run where its storage is: as small jobs on the head, whose output is shown here.

So nothing but the head must be reachable from this machine, and what is shown is what the cluster itself sees.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tuner.cluster import arguments, follow, jobs
from tuner.cluster.head import Head, reach

_ALL, _ACTING = "~all", "~act"  # no experiment can be called that


def read(
    address: str, verb: str, name: str | None, *positional: str, storage: str | Path | None, **options: Any
) -> tuple[int, str]:
    """Exit code and output of `tuner VERB [NAME] ...` run on the head; takes some seconds, mostly Ray's."""
    head, words = _command(address, verb, name, positional, storage, options)
    job_id = jobs.start_other(head, f"tuner-{verb}-{secrets.token_hex(6)}", words)
    pieces: list[str] = []
    code = follow.follow(head, job_id, pieces.append)
    head.client.delete_job(job_id)  # it has said everything; the list of jobs is for searches
    return code, "".join(pieces)


def doctor(address: str, words: Sequence[str], files: Sequence[Path]) -> tuple[int, str]:
    """Exit code and output of `tuner doctor ...` run on the head, with these files beside it."""
    head = reach(address)
    pieces: list[str] = []
    job_id = jobs.start_other(head, f"tuner-doctor-{secrets.token_hex(6)}", words, files)
    code = follow.follow(head, job_id, pieces.append)
    head.client.delete_job(job_id)
    return code, "".join(pieces)


def serve(
    address: str, name: str | None, *, storage: str | Path | None, port: int, show: follow.Show, act: bool = False
) -> int:
    """Run `tuner dashboard [NAME]` on the loopback address of the head until it ends or Ctrl-C, which ends it there as well.

    One of the same kind that a lost connection has left there is taken over. The buttons of one that is to `act` submit jobs.
    """
    options = {"port": port} | ({"act": True, "on_head": True} if act else {})
    head, words = _command(address, "dashboard", name, (), storage, options)
    what = f"{name or _ALL}{_ACTING if act else ''}"
    job_id = jobs.dashboard_of(head, what) or jobs.start_dashboard(head, what, words)
    try:
        return follow.follow(head, job_id, show)
    except KeyboardInterrupt:
        head.client.stop_job(job_id)
        return 0


def _command(
    address: str,
    verb: str,
    name: str | None,
    positional: Sequence[str],
    storage: str | Path | None,
    options: dict[str, Any],
) -> tuple[Head, list[str]]:
    there = arguments.storage_there(storage)
    if name is None:
        head = reach(address)
    else:
        head, name = jobs.reached(address, name)
        positional = (name, *positional)
        there = there or jobs.storage_of(head, name)
    there = there or arguments.chosen_there()
    return head, arguments.words(verb, *positional, storage=there, **options)
