"""How exactly a trial computes: the type of its convolutions and products, and what that means on its device.

`bf16`: convolutions and products in bfloat16 (autocast; no loss scaling is needed), sums and weights in float32.
`tf32`: everything is float32, but convolutions multiply in TF32, which keeps 10 bits of the 23: torch's own default on CUDA.
`float32`: everything. A CPU has no TF32 and computes that in float32.

Whatever the choice, layers that whiten convolve at least in TF32, and products are never in TF32 (see `layers.plain`).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch

from trainables.config.training import Precision


def effective(chosen: Precision | None, device: torch.device) -> Precision:
    """What a choice comes to on a device; without one bfloat16 on CUDA, the field's default there, and float32 elsewhere."""
    if chosen is None:
        return "bf16" if device.type == "cuda" else "float32"
    return "float32" if chosen == "tf32" and device.type != "cuda" else chosen


def autocast(device: torch.device, chosen: Precision | None = None) -> torch.autocast:
    """The forward pass in the chosen type."""
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=effective(chosen, device) == "bf16")


@contextmanager
def exactly(device: torch.device, chosen: Precision | None = None, fixed_shapes: bool = False) -> Iterator[None]:
    """Convolutions of float32, forward and backward, as the choice says; with `fixed_shapes` by the fastest algorithm.

    cuDNN then tries its algorithms at the first convolution of each shape, so that is for shapes that come again.
    """
    if device.type != "cuda":
        yield
        return
    wanted = "ieee" if effective(chosen, device) == "float32" else "tf32"
    cudnn: Any = torch.backends.cudnn
    with ExitStack() as stack:
        # Of both, since torch refuses to speak of cuDNN as a whole where they differ.
        for operations in (cudnn.conv, cudnn.rnn):
            if operations.fp32_precision != wanted:
                stack.callback(setattr, operations, "fp32_precision", operations.fp32_precision)
                operations.fp32_precision = wanted
        if cudnn.benchmark != fixed_shapes:
            stack.callback(setattr, cudnn, "benchmark", cudnn.benchmark)
            cudnn.benchmark = fixed_shapes
        yield
