"""One epoch: of one replicate, or of all replicates of a trial behind one call.

`run_epoch` trains the replicates one after another today; a fused version that trains them in one set of kernels can
replace its body without any caller noticing.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from trainables.family import View

if TYPE_CHECKING:
    from trainables.replicate import Replicate

Batches = Iterable[tuple[Tensor, Tensor]]


class NonFinite(ArithmeticError):
    """A loss turned NaN or infinite."""


def autocast(device: torch.device) -> torch.autocast:
    """bfloat16 on CUDA, where it is the field's default and needs no loss scaling; full precision on the CPU."""
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=device.type == "cuda")


def place(model: nn.Module, device: torch.device) -> nn.Module:
    """Move a model to its device, channels-last on CUDA."""
    if device.type == "cuda":
        model = model.to(memory_format=torch.channels_last)
    return model.to(device)


def train_epoch(replicate: Replicate, epoch: int) -> dict[str, float]:
    """Train one replicate for one 0-based epoch; the loss and accuracy are those seen on the fly, sample-weighted.

    Raises:
        NonFinite: the summed loss is NaN or infinite.
    """
    family, config, model, optimizer = replicate.family, replicate.config, replicate.model, replicate.optimizer
    model.train()
    # Sums stay on the device until the end of the epoch: reading one back per batch would stall a GPU. On the CPU a look
    # costs nothing, and an epoch that is lost is not trained to its end.
    on_cpu = replicate.device.type == "cpu"
    loss_sum = torch.zeros((), dtype=torch.float64, device=replicate.device)
    correct = torch.zeros((), dtype=torch.int64, device=replicate.device)
    seen = 0
    for images, labels in replicate.train_batches(epoch):
        inputs = family.train_inputs(config, images, epoch, replicate.input_generator)
        if replicate.device.type == "cuda":
            inputs = inputs.contiguous(memory_format=torch.channels_last)
        optimizer.zero_grad(set_to_none=True)
        with autocast(replicate.device):
            outputs = model(inputs)
            loss = family.loss(config, outputs, labels)
        if loss.requires_grad:  # not where nothing is trained
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
        count = len(labels)
        loss_sum += loss.detach() * count
        correct += (outputs.detach().argmax(1) == labels).sum()
        seen += count
        if on_cpu:
            _require_finite(loss_sum)
    _require_finite(loss_sum)
    return {"loss": loss_sum.item() / seen, "accuracy": correct.item() / seen}


def _require_finite(loss_sum: Tensor) -> None:
    if not torch.isfinite(loss_sum):
        raise NonFinite(f"the training loss became {loss_sum.item()}")


@torch.no_grad()
def evaluate(model: nn.Module, batches: Batches, view: View | None = None) -> dict[str, float]:
    """Mean cross-entropy and top-1 accuracy in [0, 1] over all batches, each sample weighing the same.

    Args:
        model: put into eval mode; its former mode is restored afterwards.
        batches: (images [N, C, H, W], labels [N]) pairs on the model's device.
        view: transform of the images before the model sees them.

    Raises:
        ValueError: there is no sample to evaluate.
    """
    was_training = model.training
    model.eval()
    sums: list[Tensor] = []  # of each batch: loss and hits, read back once at the end
    seen = 0
    try:
        for images, labels in batches:
            inputs = images if view is None else view(images)
            with autocast(inputs.device):
                outputs = model(inputs)
            loss = F.cross_entropy(outputs.float(), labels, reduction="sum")
            sums.append(torch.stack([loss.double(), (outputs.argmax(1) == labels).sum().double()]))
            seen += len(labels)
    finally:
        model.train(was_training)
    if seen == 0:
        raise ValueError("there are no images to evaluate on, but at least one is needed; check the dataset's split")
    loss_sum, correct = torch.stack(sums).sum(0).tolist()
    return {"loss": loss_sum / seen, "accuracy": correct / seen}


def run_epoch(replicates: Sequence[Replicate], epoch: int, last: bool) -> float:
    """Train and evaluate every living replicate for one 0-based epoch; returns the seconds spent in training alone.

    A replicate that fails is marked by itself and never disturbs its siblings.
    """
    training = 0.0
    for replicate in replicates:
        if replicate.failure is not None:
            continue
        with replicate.catching(epoch):
            start = time.perf_counter()
            metrics = {f"train_{key}": value for key, value in train_epoch(replicate, epoch).items()}
            training += time.perf_counter() - start
            replicate.metrics = _checked(metrics | replicate.evaluate(epoch, last))
    return training


def _checked(metrics: dict[str, float]) -> dict[str, float]:
    """The metrics as floats; a family's slip fails this replicate and not the search."""
    for name, value in metrics.items():
        if not isinstance(value, int | float):
            raise TypeError(f"the family reported {name} = {value!r}, but a metric must be a number")
        if not math.isfinite(value):
            raise NonFinite(f"{name} became {value}")
    return {name: float(value) for name, value in metrics.items()}
