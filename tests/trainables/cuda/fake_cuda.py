"""Code run as if on a CUDA card, on a machine without one: shapes, types, layouts and devices, but no numbers.

    with fake_cuda() as seen:
        ...  # any code that asks for device "cuda"
    assert not seen.problems()

What is on the host alone is computed; numbers read back from the card are made up (1, or True).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest import mock

import torch
import torch.cuda.amp.common
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode

from tests.trainables.cuda import autograd
from tests.trainables.cuda.recorder import Recorder, Seen


@contextmanager
def fake_cuda() -> Iterator[Seen]:
    """A card that is not there; what was seen on it."""
    seen = Seen()
    patches = (
        mock.patch.object(torch.cuda.amp.common, "amp_definitely_not_available", return_value=False),
        mock.patch.object(torch.cuda, "is_bf16_supported", return_value=True),
        mock.patch.object(nn.Module, "_apply", _apply),
        mock.patch.object(Tensor, "data_ptr", _data_ptr),
        mock.patch.object(Tensor, "pin_memory", lambda tensor, *_: seen.pin(tensor)),
        mock.patch.object(Tensor, "is_pinned", lambda tensor, *_: seen.is_pinned(tensor)),
        autograd.in_python(),
    )
    with ExitStack() as entered:
        for patch in patches:
            entered.enter_context(patch)
        fake = entered.enter_context(FakeTensorMode(allow_non_fake_inputs=True))
        entered.enter_context(Recorder(seen, fake))
        yield seen


def _apply(self: nn.Module, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> nn.Module:
    """`nn.Module._apply`, which would put fake data under real parameters; here they become new ones."""
    for child in self.children() if recurse else ():
        child._apply(fn)
    for name, parameter in self._parameters.items():
        if parameter is not None:
            with torch.no_grad():
                moved = fn(parameter)
            if moved is not parameter:
                self._parameters[name] = nn.Parameter(moved, parameter.requires_grad)
    for name, buffer in self._buffers.items():
        if buffer is not None:
            self._buffers[name] = fn(buffer)
    return self


_DATA_PTR = Tensor.data_ptr


def _data_ptr(tensor: Tensor) -> int:
    """Where a tensor lies; a fake one nowhere, and its identity stands for that."""
    return id(tensor) if isinstance(tensor, FakeTensor) else _DATA_PTR(tensor)


def attempt(action: Callable[[], Any]) -> str | None:
    """What an action raised, if it did: a fake card refuses some of what a real one would only be slow at."""
    try:
        action()
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return None
