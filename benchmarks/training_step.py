"""One training step of a family's network on a fixed batch of random CIFAR-sized images, as a call to be timed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from trainables.config.training import TrainingConfig
from trainables.engine import autocast
from trainables.family import Family, Shape
from trainables.models import layout
from trainables.process.host_memory import keep_freed_memory


def training_step(family: Family[Any], config: TrainingConfig, device: torch.device) -> Callable[[], None]:
    """A call that trains one step on a fixed batch, and on CUDA waits for its end."""
    keep_freed_memory()  # as a worker does
    torch.manual_seed(0)
    model = family.build_model(config, Shape(channels=3, size=32, classes=10))
    model = layout.place(model, family.name, config, device).train()
    optimizer = family.build_optimizer(config, model)
    images = torch.randn(config.batch_size, 3, 32, 32, device=device)
    if device.type == "cuda":
        images = images.contiguous(memory_format=torch.channels_last)
    labels = torch.randint(0, 10, (config.batch_size,), device=device)

    def step() -> None:
        optimizer.zero_grad(set_to_none=True)
        with autocast(device):
            loss = family.loss(config, model(images), labels)
        loss.backward()
        optimizer.step()
        if device.type == "cuda":
            torch.cuda.synchronize()

    return step
