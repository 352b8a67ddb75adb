"""The share of a node that Ray gave this process: its GPU and how much of it, its threads, and where it is."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

import ray

from trainables.process import card_memory
from trainables.process.card_memory import NoGPU
from trainables.trial.assignment import threads_of

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Seat:
    """Where a worker trains, for its log: node, process and the ids of its GPUs on that node."""

    node: str
    process: int
    gpus: tuple[str, ...]

    def __str__(self) -> str:
        cards = f"GPU {', '.join(self.gpus)}" if self.gpus else "no GPU"
        return f"node {self.node}, {cards}, process {self.process}"


def take(cpus: float | None, gpus: float | None, *, needs_torch: bool = True) -> torch.device | str:
    """Settle this process on its share and return the device to train on; its name for code that has not imported torch.

    Args:
        cpus: threads it may use, rounded down, at least one; None leaves torch's own choice.
        gpus: GPUs it was promised; None asks Ray. Below one, its share of the card's memory, CUDA's own part taken off,
            is all it can allocate, so that a greedy neighbour fails by itself. With none it sees none, whatever the
            machine has.
        needs_torch: whether what is trained takes torch.

    Raises:
        NoGPU: a GPU was promised and torch finds none, which training on the CPU would hide (unless TUNER_FAKE_GPUS in the
            environment says that there is none); or the share is smaller than what CUDA itself takes.
    """
    if not needs_torch:
        promised = _gpus_given() if gpus is None else gpus
        if promised is None or promised <= 0:
            _see_no_gpu()
            return "cpu"
        return "cuda"
    import torch

    if cpus is not None:
        torch.set_num_threads(threads_of(cpus))
    promised = _gpus_given() if gpus is None else gpus
    if promised is None:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if promised <= 0:
        _see_no_gpu()
        return torch.device("cpu")
    if not torch.cuda.is_available():
        if "TUNER_FAKE_GPUS" in os.environ:  # Ray was told of GPUs that are none, to try out what a cluster does
            return torch.device("cpu")
        raise NoGPU(
            f"{promised:g} GPUs are promised to this worker on {os.uname().nodename}, but torch {torch.__version__} finds "
            "none there; install a driver and a torch built for CUDA on that node, or launch with --gpus-per-trial 0"
        )
    if promised < 1:
        torch.cuda.set_per_process_memory_fraction(card_memory.for_tensors(promised))
    return torch.device("cuda")


def _see_no_gpu() -> None:
    if ray.is_initialized() and ray.get_runtime_context().worker.mode == ray.WORKER_MODE:
        os.environ["CUDA_VISIBLE_DEVICES"] = ""  # Ray leaves every GPU visible to whom it gave none


def here() -> Seat:
    """Where this process is; outside of Ray, this machine."""
    if not ray.is_initialized():
        return Seat(os.uname().nodename, os.getpid(), ())
    context = ray.get_runtime_context()
    return Seat(context.get_node_id()[:12], os.getpid(), tuple(context.get_accelerator_ids().get("GPU", ())))


def _gpus_given() -> float | None:
    """GPUs that Ray gave this worker: it no longer hides the others. Outside of Ray nobody promised anything: None."""
    if not ray.is_initialized():
        return None
    return float(len(ray.get_runtime_context().get_accelerator_ids().get("GPU", ())))
