"""What a start costs: from the command to the first epoch on record, of two checkouts side by side.

    python -m benchmarks.start BEFORE [AFTER]

BEFORE and AFTER are folders of checkouts, this one where AFTER is left out; both run on this Python, alternately, so that
whatever else the machine does hits both alike. A run is `tuner launch blur smoke` in a storage of its own, ended once its
first epoch is on record. Seconds: to the first line that it prints; the longest time without one until that epoch; to the
epoch. CPU: seconds that the driver, Ray and its workers have computed until then, which a busy machine changes less.
"""

from __future__ import annotations

import os
import queue
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import psutil
from rich.console import Console
from rich.table import Table

from benchmarks.harness import hardware

RUNS = 3
PATIENCE = 300.0  # seconds


@dataclass(frozen=True)
class Start:
    """Seconds of one start; `load` is the machine's load average when it began."""

    first_line: float
    silence: float
    first_epoch: float
    cpu: float
    load: float


def start(checkout: Path) -> Start:
    """Start a search of the checkout and end it after its first epoch."""
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as storage:
        command = [
            sys.executable,
            "-m",
            "tuner",
            "launch",
            "blur",
            "--space",
            "smoke",
            "--name",
            "start",
            "--storage",
            storage,
        ]
        environment = {**os.environ, "PYTHONPATH": str(checkout)}
        began = time.time()
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, cwd=storage, env=environment, start_new_session=True
        )
        lines: queue.Queue[float] = queue.Queue()
        reader = threading.Thread(target=_read, args=(process, lines), daemon=True)
        reader.start()
        try:
            records = Path(storage) / "start" / "records.jsonl"
            while not (records.exists() and '"event": "epoch"' in records.read_text().replace('":"', '": "')):
                if process.poll() is not None or time.time() - began > PATIENCE:
                    raise RuntimeError(f"no epoch of {checkout}, exit code {process.poll()}")
                time.sleep(0.1)
            now, cpu = time.time(), _cpu(process.pid)
        finally:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(120)
            except subprocess.TimeoutExpired:
                process.kill()
        times = [began, *(t for t in list(lines.queue) if t < now), now]
        silence = max(b - a for a, b in pairwise(times))
        return Start(times[1] - began, silence, now - began, cpu, load)


def _read(process: subprocess.Popen[bytes], lines: queue.Queue[float]) -> None:
    assert process.stdout is not None
    for _ in process.stdout:
        lines.put(time.time())


def _cpu(pid: int) -> float:
    """CPU seconds of a process and of all that it has started and that still lives."""
    total = 0.0
    driver = psutil.Process(pid)
    for process in [driver, *driver.children(recursive=True)]:
        try:
            times = process.cpu_times()
            if "START_DETAILS" in os.environ:
                print(f"{times.user + times.system:6.2f} {' '.join(process.cmdline())[:150]}", file=sys.stderr)
        except psutil.Error:
            continue
        total += times.user + times.system
    return total


def main() -> None:
    here = Path(__file__).parents[1]
    sides = {"before": Path(sys.argv[1]).resolve(), "after": Path(sys.argv[2]).resolve() if len(sys.argv) > 2 else here}
    runs: dict[str, list[Start]] = {side: [] for side in sides}
    for _ in range(RUNS):
        for side, checkout in sides.items():
            runs[side].append(start(checkout))
    table = Table("", "first line s", "longest silence s", "first epoch s", "CPU s", "load")
    for side, starts in runs.items():
        table.add_row(
            side, *(_column(starts, name) for name in ("first_line", "silence", "first_epoch", "cpu", "load"))
        )
    table.add_row("ratio", *(_ratio(runs, name) for name in ("first_line", "silence", "first_epoch", "cpu")), "")
    console = Console(width=100)
    console.print(f"{hardware()}; medians [min, max] of {RUNS} starts each")
    console.print(table)


def _column(starts: list[Start], name: str) -> str:
    values = [getattr(run, name) for run in starts]
    return f"{statistics.median(values):.1f} [{min(values):.1f}, {max(values):.1f}]"


def _ratio(runs: dict[str, list[Start]], name: str) -> str:
    """Before by after, the median over neighbours."""
    pairs = zip(runs["before"], runs["after"], strict=True)
    return f"{statistics.median(getattr(a, name) / getattr(b, name) for a, b in pairs):.2f}"


if __name__ == "__main__":
    main()
