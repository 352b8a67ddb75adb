"""Decode many image files into one array on disk, by several processes: Pillow holds Python's lock while it decodes.

Each process runs this module and gets its share on standard input, so the caller may be anything: a Ray worker, a
notebook, a script without a main guard. It answers in a file of its own: whatever a library prints is no part of it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import IO, Any

import numpy as np

from trainables.datasets import decode
from trainables.datasets.arrays import DatasetError, Images
from trainables.process import child_process

IMAGES_PER_PROCESS = 500  # fewer are decoded sooner than a process starts


# Of images that were left out: position -> the sentence that says why.
LeftOut = dict[int, str]


@dataclass(frozen=True)
class Share:
    """A process, the first of the images it decodes, and where it answers."""

    process: subprocess.Popen[str]
    first: int
    answer: IO[bytes]

    def wait(self) -> LeftOut:
        """What it left out, by positions among all images; `DatasetError` for what it refused, or for its death."""
        _, errors = self.process.communicate()
        if self.process.returncode != 0:
            how = child_process.ending(self.process.returncode, errors)
            raise DatasetError(f"a process decoding images {how}; try again")
        self.answer.seek(0)
        found = json.load(self.answer)
        if isinstance(found, str):
            raise DatasetError(found)
        return {self.first + int(position): sentence for position, sentence in found.items()}

    def end(self) -> None:
        """End it, if it has not ended."""
        self.process.kill()
        self.process.wait()
        self.answer.close()


def fill(target: np.memmap, files: Sequence[Path], side: int | None, skip_unreadable: bool = False) -> LeftOut:
    """Decode file i into `target[i]`, uint8 [len(files), 3, H, W].

    With `skip_unreadable`, the images that cannot be decoded are returned and their places hold nothing of use; otherwise
    `DatasetError` names the first. One of another size is always an error.
    """
    processes = max(1, min(os.cpu_count() or 1, len(files) // IMAGES_PER_PROCESS))
    if processes == 1:
        return _fill(target, files, side, skip_unreadable)
    bounds = np.linspace(0, len(files), processes + 1).astype(int).tolist()
    shares: list[Share] = []
    left_out: LeftOut = {}
    try:
        for first, end in pairwise(bounds):
            shares.append(_start(target, first, files[first:end], side, skip_unreadable))
        for share in shares:
            left_out |= share.wait()
        return left_out
    finally:
        for share in shares:
            share.end()


def _start(target: np.memmap, first: int, files: Sequence[Path], side: int | None, skip_unreadable: bool) -> Share:
    answer = tempfile.TemporaryFile()  # noqa: SIM115 - closed when the share ends
    process = subprocess.Popen(
        child_process.calling(__name__),
        env=child_process.environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        errors="backslashreplace",
        pass_fds=[answer.fileno()],
    )
    job: dict[str, Any] = {
        **{"target": str(target.filename), "first": first, "files": [str(file) for file in files]},
        **{"side": side, "skip_unreadable": skip_unreadable, "answer": answer.fileno(), "code": decode.CODE},
    }
    if process.stdin is not None:
        with suppress(BrokenPipeError), process.stdin:  # a process that died early shows in its exit code
            json.dump(job, process.stdin)
    process.stdin = None  # sent: `communicate` must not touch it
    return Share(process, first, answer)


def _fill(target: Images, files: Sequence[Path], side: int | None, skip_unreadable: bool) -> LeftOut:
    left_out: LeftOut = {}
    for i, file in enumerate(files):
        try:
            image = decode.read(file, side)
        except DatasetError as error:
            if not skip_unreadable:
                raise DatasetError(f"{error}, or set skip_unreadable=true") from error
            left_out[i] = str(error)
            continue
        if image.shape != target.shape[1:]:
            height, width = target.shape[2:]
            raise DatasetError(
                f"images differ in size: {file} has {image.shape[2]}x{image.shape[1]} pixels, others "
                f"{width}x{height}; set image_size"
            )
        target[i] = image
    return left_out


def main() -> None:
    """Do the share on standard input; answer what was left out, or the sentence of the first image that does not fit."""
    job = json.load(sys.stdin)
    answer: LeftOut | str
    if job["code"] != decode.CODE:
        answer = (
            f"{decode.__file__} is not the code that asked it to decode images; remove other copies of this project"
        )
    else:
        answer = _share(job)
    with os.fdopen(job["answer"], "w") as file:
        json.dump(answer, file)


def _share(job: dict[str, Any]) -> LeftOut | str:
    target = np.load(job["target"], mmap_mode="r+")[job["first"] :]
    try:
        return _fill(target, [Path(file) for file in job["files"]], job["side"], job["skip_unreadable"])
    except DatasetError as error:
        return str(error)
