"""Is training right on this card: against the CPU, without waiting, and captured as one by one?"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

from benchmarks.gpu_cases import FAMILIES, SMALL, Case, arrays, replicates
from trainables import engine
from trainables.trial.graph import Graph, unsuitable
from trainables.trial.replicate import Replicate

STEPS = 3
IMAGES = 360  # ten whole batches and a short one
Rows = Iterator[dict[str, Any]]


def against_the_cpu(device: torch.device, cases: list[Case] = FAMILIES) -> Rows:
    """A few steps of every family on the CPU and on the card, in float32 and in bfloat16: losses, weights, evaluation."""
    for case in cases:
        images = arrays(140, case[1].get("image_size", 32))
        here = _losses(case, images, torch.device("cpu"), "float32")
        there = _losses(case, images, device, "float32")
        narrow = _losses(case, images, device, "bf16")
        yield {
            "case": _name(case),
            "worst": max(abs(a - b) for a, b in zip(here[0], there[0], strict=True)),
            "weights": _distance(here[1], there[1]),
            "val_loss": abs(here[2] - there[2]),
            "bf16_worst": max(abs(a - b) for a, b in zip(here[0], narrow[0], strict=True)),
            "loss": here[0][-1],
        }


def waits(device: torch.device, cases: list[Case] = FAMILIES) -> Rows:
    """Lines of a training step at which the host waits for the card, by torch's own debug mode."""
    for case in cases:
        (replicate,) = replicates(case, arrays(140, case[1].get("image_size", 32)), device, **SMALL)
        batches = iter(replicate.train_batches(0))
        training = engine.TrainingPass(replicate, 0)
        for _ in range(2):
            training.step(*next(batches))
        torch.cuda.synchronize()
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            torch.cuda.set_sync_debug_mode("warn")
            try:
                training.step(*next(batches))
            finally:
                torch.cuda.set_sync_debug_mode("default")
        places = {
            f"{warning.filename.rpartition('/')[2]}:{warning.lineno}"
            for warning in caught
            if "synchroniz" in str(warning.message)
        }
        yield {"case": _name(case), "count": len(places), "where": sorted(places)}


def captured(device: torch.device, cases: list[Case] = FAMILIES, count: int = IMAGES) -> Rows:
    """Three replicates for two epochs, captured and one by one, in float32: losses, weights, steps replayed."""
    for case in cases:
        images = arrays(count, case[1].get("image_size", 32))
        more = {**SMALL, "precision": "float32"}
        if unsuitable(replicates(case, images, device, **more)[0]) is not None:
            continue
        one_by_one, together = (replicates(case, images, device, 3, **more) for _ in range(2))
        expected = [[_trained(replicate, epoch) for replicate in one_by_one] for epoch in range(2)]
        graph, replayed = Graph(), 0
        for epoch in range(2):
            graph.run_epoch(together, epoch, False)
            replayed += graph.replayed
        found = [replicate.metrics.get("train_loss", float("nan")) for replicate in together]
        yield {
            "case": _name(case),
            "used": graph.used,
            "why": graph.why,
            "replayed": replayed,
            "loss": max(abs(a - b) for a, b in zip(expected[-1], found, strict=True)),
            "weights": max(_distance(_weights(a), _weights(b)) for a, b in zip(one_by_one, together, strict=True)),
            "failures": [replicate.failure["message"] for replicate in together if replicate.failure],
        }


def mishaps(device: torch.device, count: int = IMAGES) -> Rows:
    """A replicate that turns NaN, and a step that cannot be captured: nobody else notices."""
    case: Case = ("online_norm", {"depth": 8, "norm_mode": "batch", "precision": "float32"})
    images = arrays(count)
    for title in ("a replicate turns NaN", "a step cannot be captured"):
        expected, found = (replicates(case, images, device, 3, **SMALL) for _ in range(2))
        if title == "a replicate turns NaN":
            with torch.no_grad():
                next(found[1].model.parameters()).fill_(torch.nan)
        else:
            found[1].model.register_forward_pre_hook(lambda _, inputs: inputs[0].sum().item() and None)
        graph = Graph()
        said = []
        for epoch in range(3):
            for replicate in expected:
                _trained(replicate, epoch)
            graph.run_epoch(found, epoch, False)
            said.append((graph.used, graph.why, graph.replayed))
        apart = [_distance(_weights(a), _weights(b)) for a, b in zip(expected, found, strict=True)]
        yield {
            "case": title,
            "said": said,
            "siblings": max(apart[0], apart[2]),
            "failed": [replicate.index for replicate in found if replicate.failure],
        }


def _losses(case: Case, images: Any, device: torch.device, precision: str) -> tuple[list[float], Tensor, float]:
    """The losses of the first steps, the weights after them, and the loss on the validation images."""
    (replicate,) = replicates(case, images, device, **SMALL, precision=precision)
    training = engine.TrainingPass(replicate, 0)
    sums = [0.0]
    for step, (inputs, labels) in enumerate(replicate.train_batches(0)):
        if step == STEPS:
            break
        training.step(inputs, labels)
        sums.append(training._loss_sum.item())
    means = [(b - a) / SMALL["batch_size"] for a, b in pairwise(sums)]
    return means, _weights(replicate), replicate.evaluate(0, False)["val_loss"]


def _trained(replicate: Replicate, epoch: int) -> float:
    metrics = engine.train_epoch(replicate, epoch)
    replicate.evaluate(epoch, False)
    return metrics["loss"]


def _weights(replicate: Replicate) -> Tensor:
    return torch.cat([parameter.detach().float().cpu().flatten() for parameter in replicate.model.parameters()])


def _distance(one: Tensor, other: Tensor) -> float:
    return ((one - other).norm() / one.norm()).item()


def _name(case: Case) -> str:
    return f"{case[0]} {', '.join(f'{key}={value}' for key, value in case[1].items())}"
