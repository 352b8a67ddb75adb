"""Compare two ways of doing the same work side by side in one process, and name the machine it was done on."""

from __future__ import annotations

import os
import platform
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

# Seconds to wait before each timing: the idle threads of a library spin for a moment, in the way of the other side.
SETTLE = 0.02


@dataclass(frozen=True)
class Ratio:
    """How many times longer A took than B: over the pairs, the median and the extremes; seconds are medians."""

    median: float
    low: float
    high: float
    seconds_a: float
    seconds_b: float


def paired(
    a: Callable[[], object],
    b: Callable[[], object],
    repeats: int,
    clock: Callable[[], float] = time.perf_counter,
) -> Ratio:
    """Time `a` and `b` alternately, `repeats` times each after one untimed call, and compare pair by pair.

    A load that comes and goes hits both sides of a pair alike, so a ratio of neighbours says more than a ratio of two
    separate timings. `clock` gives seconds; pass one that counts CPU time to compare that instead of time passed.
    """
    a()
    b()
    seconds_a, seconds_b = [], []
    for _ in range(repeats):
        seconds_a.append(_seconds(a, clock))
        seconds_b.append(_seconds(b, clock))
    ratios = [x / y for x, y in zip(seconds_a, seconds_b, strict=True)]
    return Ratio(
        median=statistics.median(ratios),
        low=min(ratios),
        high=max(ratios),
        seconds_a=statistics.median(seconds_a),
        seconds_b=statistics.median(seconds_b),
    )


def hardware() -> str:
    """The processor's name and how many cores this process may use, in one line."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{_processor()}, {cores} cores, {platform.system()} {platform.machine()}"


def _seconds(work: Callable[[], object], clock: Callable[[], float]) -> float:
    time.sleep(SETTLE)
    start = clock()
    work()
    return clock() - start


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        for line in cpuinfo.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
