"""Decode many image files into one array on disk, by several processes: Pillow holds Python's lock while it decodes.

Each process runs this module (`python -m`) and gets its share on standard input, so the caller may be anything: a Ray
worker, a notebook, a script without a main guard.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

import numpy as np

from trainables.datasets import decode
from trainables.datasets.arrays import DatasetError, Images

IMAGES_PER_PROCESS = 500  # fewer are decoded sooner than a process starts


# Of images that were left out: position -> the sentence that says why.
LeftOut = dict[int, str]


def fill(target: np.memmap, files: Sequence[Path], side: int | None, skip_unreadable: bool = False) -> LeftOut:
    """Decode file i into `target[i]`, uint8 [len(files), 3, H, W].

    With `skip_unreadable`, the images that cannot be decoded are returned and their places hold nothing of use; otherwise
    `DatasetError` names the first. One of another size is always an error.
    """
    processes = max(1, min(os.cpu_count() or 1, len(files) // IMAGES_PER_PROCESS))
    if processes == 1:
        return _fill(target, files, side, skip_unreadable)
    bounds = np.linspace(0, len(files), processes + 1).astype(int).tolist()
    shares: list[subprocess.Popen[str]] = []
    left_out: LeftOut = {}
    try:
        for first, end in pairwise(bounds):
            shares.append(_start(target, first, files[first:end], side, skip_unreadable))
        for first, share in zip(bounds, shares, strict=False):
            answer, errors = share.communicate()
            if share.returncode != 0:
                reason = errors.strip().rpartition("\n")[2] or "killed"
                raise DatasetError(f"a process decoding images ended with {share.returncode} ({reason}); try again")
            found = json.loads(answer)
            if isinstance(found, str):
                raise DatasetError(found)
            left_out |= {first + int(position): sentence for position, sentence in found.items()}
        return left_out
    finally:
        for share in shares:
            share.kill()
            share.wait()


def _start(
    target: np.memmap, first: int, files: Sequence[Path], side: int | None, skip_unreadable: bool
) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-m", __name__],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    job = {
        **{"target": str(target.filename), "first": first, "files": [str(file) for file in files]},
        **{"side": side, "skip_unreadable": skip_unreadable},
    }
    with suppress(BrokenPipeError), process.stdin:  # a process that died early shows in its exit code
        json.dump(job, process.stdin)
    process.stdin = None  # sent: `communicate` must not touch it
    return process


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
    """Do the share on standard input; print what was left out, or the sentence of the first image that does not fit."""
    job = json.load(sys.stdin)
    target = np.load(job["target"], mmap_mode="r+")[job["first"] :]
    answer: LeftOut | str
    try:
        answer = _fill(target, [Path(file) for file in job["files"]], job["side"], job["skip_unreadable"])
    except DatasetError as error:
        answer = str(error)
    json.dump(answer, sys.stdout)


if __name__ == "__main__":
    main()
