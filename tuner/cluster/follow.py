"""What a job prints, shown as it comes: of the job's log only what the command wrote, not what Ray put before it."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Any

from tuner.cluster.head import Head
from tuner.errors import ClusterUnreachable

Show = Callable[[str], None]
# Ray writes its own lines into the log of a job, the last of them with this.
_PREAMBLE = "Running entrypoint for job "
_PAUSE = 1.0  # seconds between two attempts to read on
_PATIENCE = 60.0  # seconds without an answer before giving up


def follow(head: Head, job_id: str, show: Show) -> int:
    """Show the output of a job until it ends; its exit code.

    Args:
        head: where it runs.
        job_id: of the job.
        show: receives pieces of text, newlines included.
    """
    import aiohttp

    reader = _Reader(show)
    logging.getLogger("ray.dashboard.modules.job.sdk").setLevel(logging.ERROR)
    silent_since = time.monotonic()
    while True:
        try:
            ended = head.client.get_job_status(job_id).is_terminal()
            silent_since = time.monotonic()
            if ended:
                break
            asyncio.run(_tail(head, job_id, reader))
        except (RuntimeError, OSError, aiohttp.ClientError) as error:
            # The tunnel broke, or the job has no log yet. The job goes on in any case.
            if time.monotonic() - silent_since > _PATIENCE:
                raise ClusterUnreachable(
                    f"lost the connection to {head.address} ({type(error).__name__}); the job {job_id} runs on there"
                ) from None
        time.sleep(_PAUSE)
    reader.take(output_whole(head, job_id))
    return exit_code(head, job_id, show)


def output(head: Head, job_id: str) -> str:
    """Everything the command of a job has printed so far."""
    pieces: list[str] = []
    _Reader(pieces.append).take(output_whole(head, job_id))
    return "".join(pieces)


def output_whole(head: Head, job_id: str) -> str:
    """The log of a job with Ray's own lines; empty while there is none."""
    try:
        return str(head.client.get_job_logs(job_id) or "")
    except RuntimeError:
        return ""


def exit_code(head: Head, job_id: str, show: Show) -> int:
    """The exit code of a job that ended; 130 for one that was stopped, 3 with Ray's reason for one that never began."""
    info: Any = head.client.get_job_info(job_id)
    if info.driver_exit_code is not None:
        return int(info.driver_exit_code)
    if str(info.status) == "STOPPED":
        return 130
    show(f"the job {job_id} failed before its command began: {str(info.message).strip()}\n")
    return 3


class _Reader:
    """Passes on each character of a log once, however often it is read from its beginning."""

    def __init__(self, show: Show) -> None:
        self._show = show
        self._shown = 0

    def take(self, text: str) -> None:
        """Take the log so far, from its beginning."""
        at = text.find(_PREAMBLE)
        end = text.find("\n", at) + 1 if at >= 0 else 0
        fresh = text[max(end, self._shown) :] if end else ""
        if fresh:
            self._show(fresh)
            self._shown = len(text)


async def _tail(head: Head, job_id: str, reader: _Reader) -> None:
    text = ""
    async for piece in head.client.tail_job_logs(job_id):
        text += piece
        reader.take(text)
