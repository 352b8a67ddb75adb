"""The list of 1,000 searches: seconds of `tuner list` the first time and the second, with what their sessions left and without.

    python -m benchmarks.listing [SEARCHES] [REPEATS]

Each is a copy of one made-up search of 60 trials, judged by ASHA, on a disk; the command is a process of its own.
"""

from __future__ import annotations

import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.harness import hardware
from benchmarks.report import generate
from tuner.results import summary_file

SEARCHES, REPEATS = 1000, 3


def main() -> None:
    searches = int(sys.argv[1]) if len(sys.argv) > 1 else SEARCHES
    repeats = int(sys.argv[2]) if len(sys.argv) > 2 else REPEATS
    print(f"{hardware()}; {time.strftime('%Y-%m-%d')}; {searches} searches, medians of n = {repeats}\n")
    print("| | first time, s | CPU | second time, s | CPU |\n|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        storage = Path(folder) / "storage"
        first = generate(storage / "search-0", trials=60, epochs=27)
        for index in range(1, searches):
            shutil.copytree(first.root, storage / f"search-{index}")
        print(_row("records alone", storage, repeats))
        summary_file.leave(first)
        for index in range(1, searches):
            shutil.copyfile(first.summary, storage / f"search-{index}" / first.summary.name)
        print(_row("left by their sessions", storage, repeats))


def _row(name: str, storage: Path, repeats: int) -> str:
    """Seconds and CPU seconds of a list with an empty cache, and of one after it."""
    pairs = []
    for _ in range(repeats):
        with tempfile.TemporaryDirectory() as home:
            pairs.append((*_seconds(storage, home), *_seconds(storage, home)))
    return f"| {name} | " + " | ".join(f"{statistics.median(each):.1f}" for each in zip(*pairs, strict=True)) + " |"


def _seconds(storage: Path, home: str) -> tuple[float, float]:
    command = [sys.executable, "-m", "tuner", "list", "--json", "--storage", str(storage)]
    began, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env={**os.environ, "HOME": home})
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.perf_counter() - began, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


if __name__ == "__main__":
    main()
