"""One replicate trained by a card for each of its workers (DistributedDataParallel over NCCL), against the same on one card."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator
from typing import Any

import torch
from torch import distributed, multiprocessing

from trainables import families
from trainables.images.opened import open_images
from trainables.process import team
from trainables.process.team import ALONE, Team
from trainables.trial.crew import Packed, Recipe

SIZE = 2
# Statistics over all workers, those of whitening, and none; a batch each, since two orders of a sum part after many.
CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "BatchNorm": ("online_norm", {"depth": 8, "norm_mode": "batch"}),
    "whitening": ("deconv", {"arch": "vgg_tiny", "block": 8}),
    "small CNN": ("blur", {"mode": "mix"}),
}
KNOBS = {"dataset": "digits", "image_size": 16, "train_images": 72, "batch_size": 64, "epochs": 1}
Rows = Iterator[dict[str, Any]]


def against_one(device: torch.device, cases: int = len(CASES)) -> Rows:
    """How far loss and weights of two workers are from those of one after an epoch of two batches, in float32."""
    if device.type == "cuda" and torch.cuda.device_count() < SIZE:
        yield {"owed": f"DistributedDataParallel over NCCL: needs {SIZE} cards, {torch.cuda.device_count()} here"}
        return
    with tempfile.TemporaryDirectory() as folder:
        multiprocessing.spawn(_worker, (folder, device.type, cases), nprocs=SIZE)
        together = torch.load(os.path.join(folder, "found.pt"), weights_only=True)
    for name, (other_loss, other_weights, other_seconds) in together.items():
        loss, weights, seconds = _trained(name, device, ALONE)
        yield {
            "case": name,
            "loss": abs(loss - other_loss),
            "weights": ((weights - other_weights).norm() / weights.norm()).item(),
            "seconds": [seconds, other_seconds],
        }


def _worker(rank: int, folder: str, kind: str, cases: int) -> None:
    """One of them, on a card of its own where there are cards."""
    device = torch.device(kind, rank) if kind == "cuda" else torch.device(kind)
    if kind == "cuda":
        torch.cuda.set_device(device)
    else:
        torch.set_num_threads(1)
    place = team.join(distributed.FileStore(os.path.join(folder, "meeting"), SIZE), rank, SIZE, device)
    found = {name: _trained(name, device, place) for name in list(CASES)[:cases]}
    if rank == 0:
        torch.save(found, os.path.join(folder, "found.pt"))
    distributed.destroy_process_group()


def _trained(name: str, device: torch.device, place: Team) -> tuple[float, torch.Tensor, float]:
    family, knobs = CASES[name]
    config = families.config_class(family)(**KNOBS, **knobs, precision="float32")
    crew = Packed(Recipe(families.get(family), config, open_images(config, device), 0, [0], device, place, "serial"))
    start = time.perf_counter()
    crew.run_epoch(0, last=True)
    seconds = time.perf_counter() - start
    [replicate] = crew.replicates
    if replicate.failure is not None:
        raise RuntimeError(replicate.failure["message"])
    weights = torch.cat([parameter.detach().cpu().flatten() for parameter in replicate.model.parameters()])
    return replicate.metrics["train_loss"], weights, seconds
