"""What is asked of Slurm for one search, checked as far as it can be without a Slurm."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass

MARGIN = 20  # seconds of the warning that are left for the request to be requeued itself
_LEAST_TIME = 60  # seconds that Slurm counts limits in
_TIME = re.compile(r"(?:(?P<days>\d+)-)?(?P<first>\d+)(?::(?P<second>\d+))?(?::(?P<third>\d+))?")
_GPUS = re.compile(r"(?:(?P<type>[A-Za-z0-9_.-]+):)?(?P<count>\d+)")
_OURS = {  # options that the script sets itself, and what takes their place
    "--job-name": "--name",
    "-J": "--name",
    "--comment": "nothing: it is how `tuner status` finds the job",
    "--signal": "--warning",
    "--ntasks": "nothing: a node runs one task",
    "-n": "nothing: a node runs one task",
    "--ntasks-per-node": "nothing: a node runs one task",
    "--nodes": "--nodes",
    "-N": "--nodes",
    "--time": "--time",
    "-t": "--time",
    "--array": "nothing: a search is one job",
    "-a": "nothing: a search is one job",
}


@dataclass(frozen=True)
class Job:
    """A job as `sbatch` is to be asked for it.

    Attributes:
        nodes: how many.
        gpus: of each node, `4` or `TYPE:4`; None for none.
        cpus: of each node; None: what the trials that fit on it ask for.
        memory: of each node, as Slurm writes it (64G); None: what the cluster gives by itself.
        time: limit of one run, as Slurm writes it; None: the partition's own.
        partition, account, qos, constraint: as for `sbatch`.
        warning: seconds before the limit at which the search is told to checkpoint.
        restarts: runs in a row without a new epoch after which the search is not requeued.
        output: file of what the job prints; None: beside the experiment.
        more: further options of `sbatch`, each as one text.
    """

    nodes: int = 1
    gpus: str | None = None
    cpus: int | None = None
    memory: str | None = None
    time: str | None = None
    partition: str | None = None
    account: str | None = None
    qos: str | None = None
    constraint: str | None = None
    warning: int = 120
    restarts: int = 3
    output: str | None = None
    more: tuple[str, ...] = ()

    @property
    def gpu_count(self) -> int:
        """GPUs of each node; 0 where the text is none of Slurm's."""
        found = _GPUS.fullmatch(self.gpus or "0")
        return int(found["count"]) if found else 0

    @property
    def gpu_type(self) -> str | None:
        found = _GPUS.fullmatch(self.gpus or "")
        return found["type"] if found else None

    def problems(self) -> list[str]:
        """Everything that cannot be, a sentence each."""
        found = [
            f"`{name}` is {value}, but must be at least {least}; raise --{name.replace('_', '-')}"
            for name, value, least in (
                ("nodes", self.nodes, 1),
                ("cpus_per_node", self.cpus, 1),
                ("warning", self.warning, 2 * MARGIN),
                ("max_restarts", self.restarts, 1),
            )
            if value is not None and value < least
        ]
        if self.gpus is not None and not _GPUS.fullmatch(self.gpus):
            found.append(f"--gpus-per-node is {self.gpus}, but must be a number or TYPE:NUMBER; write 4 or a100:4")
        if self.memory is not None and not re.fullmatch(r"\d+[KMGTkmgt]?", self.memory):
            found.append(f"--mem is {self.memory}, but must be a number and K, M, G or T; write 64G")
        found += self._about_time()
        for name in ("partition", "account", "qos", "constraint", "output"):
            value = getattr(self, name)
            if value is not None and not value.isprintable():
                found.append(f"--{name} is {value!r}, but must be one line of text; correct it")
        found += [problem for text in self.more if (problem := _problem_of(text))]
        return found

    def _about_time(self) -> list[str]:
        if self.time is None:
            return []
        limit = seconds(self.time)
        if limit is None:
            return [
                f"--time is {self.time}, but must be as Slurm writes it: MINUTES, HOURS:MINUTES:SECONDS or "
                "DAYS-HOURS:MINUTES:SECONDS; write 24:00:00"
            ]
        least = max(self.warning + _LEAST_TIME, 2 * _LEAST_TIME)
        if limit < least:
            return [
                f"--time is {self.time}, {limit} s, of which the last {self.warning} are for checkpoints and Slurm may take "
                f"{_LEAST_TIME} more, so it must be at least {least} s; raise --time"
            ]
        return []

    def options(self) -> list[tuple[str, str]]:
        """What is asked for as options of `sbatch` and their values, in the order that people write them."""
        pairs = [
            ("--partition", self.partition),
            ("--account", self.account),
            ("--qos", self.qos),
            ("--constraint", self.constraint),
            ("--nodes", str(self.nodes)),
            ("--ntasks-per-node", "1"),
            ("--cpus-per-task", None if self.cpus is None else str(self.cpus)),
            ("--gpus-per-node", self.gpus if self.gpu_count else None),
            ("--mem", self.memory),
            ("--time", self.time),
        ]
        return [(option, value) for option, value in pairs if value is not None]


def seconds(text: str) -> int | None:
    """A time limit as Slurm writes it, in seconds; None where it is none."""
    found = _TIME.fullmatch(text)
    if found is None:
        return None
    parts = [int(part) for part in found.group("first", "second", "third") if part is not None]
    if found["days"] is not None:
        hours, minutes, rest = (*parts, 0, 0)[:3]
        return ((int(found["days"]) * 24 + hours) * 60 + minutes) * 60 + rest
    if len(parts) == 3:
        return (parts[0] * 60 + parts[1]) * 60 + parts[2]
    return parts[0] * 60 + (parts[1] if len(parts) == 2 else 0)


def _problem_of(text: str) -> str | None:
    """What is wrong with one further option of `sbatch`."""
    if not text.startswith("-") or not text.isprintable():
        return f"--sbatch is {text!r}, but must be an option of sbatch in one text; write --sbatch=--reservation=NAME"
    option = shlex.split(text.partition("=")[0])[0] if text.partition("=")[0].strip() else text
    if option in _OURS:
        return f"--sbatch is {text!r}, but the script sets {option} itself; use {_OURS[option]} instead"
    return None
