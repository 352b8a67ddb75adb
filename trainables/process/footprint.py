"""What a trial will take of memory and work, predicted before it starts, and whether the machine has that memory."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

GIB = 2**30
# The limit of a container, in the second and the first version of Linux's control groups.
_LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))


@dataclass(frozen=True)
class Load:
    """What a node has to bear: the replicates of a worker, the workers at once on one node, a worker's share of a GPU, and
    how many workers divide each batch."""

    replicates: int = 1
    at_once: int = 1
    gpus: float = 0.0
    team: int = 1

    def available(self) -> int:
        """Bytes for one trial on this machine: its share of a GPU, or without one of the main memory."""
        if self.gpus > 0:
            from trainables.process import card_memory  # torch takes a second to import

            total = card_memory.of_card()
            if total is not None:
                return max(0, int(total * min(1.0, self.gpus)) - card_memory.CONTEXT_BYTES)
        return main_memory() // self.at_once


@dataclass(frozen=True)
class Footprint:
    """What one trial takes.

    Attributes:
        bytes: most memory it holds at once.
        macs: multiply-accumulates of its full budget, all replicates together.
        smaller: what would take less -> bytes it would take; from the least change to the greatest.
    """

    bytes: int
    macs: float
    smaller: Mapping[str, int] = field(default_factory=dict)

    def problem(self, what: str, load: Load) -> str | None:
        """The sentence that refuses it where it cannot fit, with what would; None where it fits."""
        available = load.available()
        if self.bytes <= available:
            return None
        place = "a trial's share of the GPU has" if load.gpus > 0 else "this machine has"
        if load.gpus == 0 and load.at_once > 1:
            place = f"each of {load.at_once} trials at once has"
        fitting = [f"{change} ({size / GIB:.1f} GiB)" for change, size in self.smaller.items() if size <= available]
        if load.gpus == 0 and self.bytes <= main_memory():
            fitting.insert(0, f"--max-concurrent {main_memory() // self.bytes}")
        remedy = f"what fits is {', or '.join(fitting)}" if fitting else "use a machine with more memory"
        return (
            f"{what} needs about {self.bytes / GIB:.1f} GiB for {load.replicates} replicates (and {self.macs:.1e} "
            f"multiply-accumulates to the full budget), but {place} {available / GIB:.1f} GiB; {remedy}"
        )


def main_memory() -> int:
    """Bytes of main memory of this machine, or of its container if that has less."""
    sizes = [os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")]
    for path in _LIMITS:
        text = path.read_text().strip() if path.is_file() else ""
        if text.isdecimal():
            sizes.append(int(text))
    return min(sizes)
