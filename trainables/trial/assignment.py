"""What a worker is told about its trial: written by the service, read by the Ray Trainable. Without torch and without Ray."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

NodeCheck = Callable[..., None]  # called with the family, the knobs and `gpus`; raises where its node is not fit


@dataclass(frozen=True)
class Share:
    """What one trial asks for: `workers` processes, each with these CPUs and GPUs; one worker when packed on one GPU."""

    cpus: float
    gpus: float
    workers: int = 1
    team: int = 1  # workers that train each replicate together; the teams divide the replicates
    accelerator_type: str | None = None

    @property
    def spread(self) -> bool:
        """Whether the replicates have processes of their own."""
        return self.workers > 1

    @property
    def threads(self) -> int:
        """Of torch in each process that trains: more than its share would starve its neighbours."""
        return threads_of(self.cpus)

    @property
    def device(self) -> str:
        """What torch calls the device that each replicate is trained on."""
        return "cuda" if self.gpus > 0 else "cpu"


@dataclass(frozen=True)
class Assignment:
    """One trial, as its worker needs it.

    Attributes:
        config: the family's knobs.
        seed: of the experiment.
        replicates: of the trial.
        seeds: how many of them train from which epoch on (`Seeds.stages`); empty: all from the beginning.
        index: of the trial in its experiment; 0 outside of one.
        share: what it holds; None outside of the service: one process and whatever Ray gave it.
        directory: of checkpoints and log, a folder or s3://...; None keeps nothing.
        stop_file: its presence asks to checkpoint and end after the current epoch, or before the worker's first one.
        recorded_epoch: the last epoch that the driver has.
        recorded_late: the last epoch, of seeds that joined after that one, that the driver has.
        checkpoint_seconds: least time between two checkpoints; 0 is after every epoch.
        checkpoint_at: epochs after which the trial may be paused, and so is saved in any case.
        keep_best: the metric by whose median the state after the best epoch is kept beside the checkpoints; None keeps none.
        step_timeout: seconds an epoch may take; None is far more than any took (see `trainables.process.watchdog`).
        strategy: how the replicates of a process train an epoch, a name of `engine.STRATEGIES`.
        look: called in each process of the trial before anything else; what it raises is the failure of that worker.
    """

    config: dict[str, Any] = field(default_factory=dict)
    seed: int = 0
    replicates: int = 5
    seeds: tuple[tuple[int, int], ...] = ()
    index: int = 0
    share: Share | None = None
    directory: str | None = None
    stop_file: str | None = None
    recorded_epoch: int = 0
    recorded_late: int = 0
    checkpoint_seconds: float = 0.0
    checkpoint_at: tuple[int, ...] = ()
    keep_best: str | None = None
    step_timeout: float | None = None
    strategy: str = "auto"
    look: NodeCheck | None = None

    @classmethod
    def of(cls, configuration: Mapping[str, Any]) -> Assignment:
        """What a configuration of Ray's says: `{"trial": ...}` as `told` made it, or flat, the knobs with `replicates` and
        `seed`. `TypeError` where an assignment says what no trial can be told."""
        if "trial" not in configuration:
            knobs = dict(configuration)
            # Ray hands these over as it likes; the family's configuration class judges the rest.
            return cls(replicates=knobs.pop("replicates", 5), seed=knobs.pop("seed", 0), config=knobs)
        given = dict(configuration["trial"])
        given["seeds"] = tuple((after, count) for after, count in given.get("seeds", ()))
        given["checkpoint_at"] = tuple(given.get("checkpoint_at", ()))
        held = {name: given.pop(name) for name in _OF_SHARE if name in given}
        return cls(**given, share=Share(**held) if held else None)

    def told(self) -> dict[str, Any]:
        """Plain containers for Ray, which writes every configuration into files of its own and compares them."""
        content = {item.name: getattr(self, item.name) for item in dataclasses.fields(self) if item.name != "share"}
        return content | ({} if self.share is None else dataclasses.asdict(self.share))


_OF_SHARE = tuple(item.name for item in dataclasses.fields(Share))


def threads_of(cpus: float) -> int:
    """Threads of a process that holds so many CPUs: rounded down, at least one."""
    return max(1, int(cpus))
