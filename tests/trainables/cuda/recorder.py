"""What happens on a fake card: every operation seen on its way to the device, and what of it would hold the card up."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode, unset_fake_temporarily
from torch.utils._python_dispatch import TorchDispatchMode

import trainables
from tests.trainables.cuda.kernels import launched

ROOT = f"{Path(trainables.__file__).parent}/"

# What reads numbers off the card, or must know one to go on.
_WAITS = frozenset(
    [
        "nonzero",
        "masked_select",
        "unique_dim",
        "_unique2",
        "unique_consecutive",
        "equal",
        "bincount",
        "_linalg_check_errors",
    ]
)
_INDEXING = frozenset(["index", "index_put", "index_put_", "_index_put_impl_"])


@dataclass
class Seen:
    """What was seen, each with the lines of the project it came from -> how often.

    Attributes:
        waits: the host waited for the card.
        mixed: tensors of two devices met, or a generator of one drew for the other.
        copies: from pageable memory, or from pinned memory but waited for; and single numbers of the host handed to a kernel.
        uploads: copies from pinned memory that nobody waits for.
        wide: float64 of more than one number.
        kernels: launched, by the name of the operation.
    """

    waits: Counter[str] = field(default_factory=Counter)
    mixed: Counter[str] = field(default_factory=Counter)
    copies: Counter[str] = field(default_factory=Counter)
    uploads: Counter[str] = field(default_factory=Counter)
    wide: Counter[str] = field(default_factory=Counter)
    kernels: Counter[str] = field(default_factory=Counter)
    _pinned: list[Tensor] = field(default_factory=list)

    def clear(self) -> None:
        """Forget what was seen so far."""
        for counter in (self.waits, self.mixed, self.copies, self.uploads, self.wide, self.kernels):
            counter.clear()

    def problems(self) -> list[str]:
        """What a training step must not do, one line each."""
        kinds = {"waits for the card": self.waits, "two devices meet": self.mixed}
        kinds |= {"copies": self.copies, "float64": self.wide}
        return [f"{kind}: {where} ({count}x)" for kind, seen in kinds.items() for where, count in seen.items()]

    def pin(self, tensor: Tensor) -> Tensor:
        """A copy of a tensor of the host, known as pinned from here on."""
        with unset_fake_temporarily():
            self._pinned.append(tensor.clone())
        return self._pinned[-1]

    def is_pinned(self, tensor: Tensor) -> bool:
        """Whether it is such a copy, or a view of one."""
        start = tensor.untyped_storage().data_ptr()
        return any(start == pinned.untyped_storage().data_ptr() for pinned in self._pinned)


class Recorder(TorchDispatchMode):
    """Sees every operation before the fake tensors do. What is on the host alone is computed for real."""

    def __init__(self, seen: Seen, fake: FakeTensorMode) -> None:
        super().__init__()
        self._seen = seen
        self._fake = fake

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        leaves = _leaves((*args, *kwargs.values()))
        if _of_the_host(leaves):
            with unset_fake_temporarily():
                return func(*args, **kwargs)
        name = func._schema.name.split("::")[1]
        if name == "_local_scalar_dense":
            return self._read(args[0])
        tensors = [leaf for leaf in leaves if isinstance(leaf, Tensor)]
        self._look(name, args, kwargs, tensors)
        if name == "nonzero":  # how many there are is made up: one
            return torch.zeros((1, args[0].dim()), dtype=torch.int64, device=args[0].device)
        if name == "_to_copy":
            if _device_of(kwargs, args[0]).type == "cpu":  # numbers read back are made up
                with unset_fake_temporarily():
                    return torch.ones(tuple(args[0].shape), dtype=kwargs.get("dtype") or args[0].dtype)
            if not isinstance(args[0], FakeTensor):
                args = (self._fake.from_tensor(args[0]), *args[1:])
        if name == "copy_" and not isinstance(args[0], FakeTensor):
            return args[0]
        if name.startswith("_fused_"):  # optimizers in place; fake tensors know some of them only by running them
            result = None
        elif name == "native_batch_norm":  # of which they compute every part
            result = _normalised(*args)
        else:
            result = func(*args, **kwargs)
        self._count(name, args, kwargs, tensors, result)
        return result

    def _read(self, tensor: Tensor) -> bool | float | int:
        if tensor.device.type == "cuda":
            self._seen.waits[f"item {place()}"] += 1
        return True if tensor.dtype == torch.bool else 1.0 if tensor.is_floating_point() else 1

    def _look(self, name: str, args: Any, kwargs: Any, tensors: list[Tensor]) -> None:
        seen = self._seen
        devices = {tensor.device.type for tensor in tensors if tensor.dim() > 0}
        if name in _WAITS and "cuda" in devices:
            seen.waits[f"{name} {place()}"] += 1
        if name == "repeat_interleave" and kwargs.get("output_size") is None and "cuda" in devices:
            seen.waits[f"{name} {place()}"] += 1
        if name in _INDEXING and "cuda" in devices:
            indices = [index for index in args[1] if isinstance(index, Tensor)]
            if any(index.dtype in (torch.bool, torch.uint8) for index in indices):
                seen.waits[f"index by a mask {place()}"] += 1
            if any(index.device.type == "cpu" for index in indices):
                seen.mixed[f"index of the host {place()}"] += 1
        if name in ("_to_copy", "copy_"):
            self._look_at_copy(name, args, kwargs)
        elif len(devices) > 1:
            seen.mixed[f"{name} {place()}"] += 1
        elif "cuda" in devices and any(tensor.dim() == 0 and tensor.device.type == "cpu" for tensor in tensors):
            seen.copies[f"a number of the host into {name} {place()}"] += 1

    def _look_at_copy(self, name: str, args: Any, kwargs: Any) -> None:
        source = args[1] if name == "copy_" else args[0]
        target = args[0].device if name == "copy_" else _device_of(kwargs, args[0])
        if source.device.type == target.type:
            return
        blocking = not (args[2] if name == "copy_" and len(args) > 2 else kwargs.get("non_blocking"))
        if target.type == "cpu":
            self._seen.copies[f"to the host {tuple(source.shape)} {place()}"] += 1
            if blocking:
                self._seen.waits[f"copy to the host {place()}"] += 1
        elif not blocking and self._seen.is_pinned(source):
            self._seen.uploads[f"{tuple(source.shape)} {place()}"] += 1
        else:
            kind = "waited for" if self._seen.is_pinned(source) else "pageable"
            self._seen.copies[f"{kind} {tuple(source.shape)} {place()}"] += 1

    def _count(self, name: str, args: Any, kwargs: Any, tensors: list[Tensor], result: Any) -> None:
        results = [leaf for leaf in _leaves((result,)) if isinstance(leaf, Tensor)]
        if not any(tensor.device.type == "cuda" for tensor in (*tensors, *results)):
            return
        generator = kwargs.get("generator")
        if isinstance(generator, torch.Generator) and generator.device.type == "cpu":
            self._seen.mixed[f"generator of the host for {name} {place()}"] += 1
        count = launched(name, args)
        if count:
            self._seen.kernels[name] += count
        if any(t.dtype == torch.float64 and t.device.type == "cuda" and t.numel() > 1 for t in results):
            self._seen.wide[f"{name} {tuple(results[0].shape)} {place()}"] += 1


def place(lines: int = 3) -> str:
    """The innermost lines of the project that a call comes from."""
    found: list[str] = []
    frame = sys._getframe(1)
    while frame is not None and len(found) < lines:
        file = frame.f_code.co_filename
        if file.startswith(ROOT):
            found.append(f"{file.removeprefix(ROOT)}:{frame.f_lineno} {frame.f_code.co_name}")
        frame = frame.f_back
    return "at " + (" < ".join(found) or "(outside)")


def _leaves(values: Iterable[Any]) -> list[Any]:
    """All that is in them and in the lists and tuples among them."""
    found: list[Any] = []
    for value in values:
        found += _leaves(value) if isinstance(value, list | tuple) else [value]
    return found


def _normalised(
    x: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    mean: Tensor | None,
    variance: Tensor | None,
    training: bool,
    *_: Any,
) -> tuple[Tensor, Tensor, Tensor]:
    """What batch normalisation returns: images, and in training the mean and the inverse deviation of each channel."""
    wide = torch.promote_types(x.dtype, torch.float32)
    saved = x.new_empty(x.shape[1] if training else 0, dtype=wide)
    return torch.empty_like(x), saved, torch.empty_like(saved)


def _of_the_host(leaves: list[Any]) -> bool:
    fake = any(isinstance(leaf, FakeTensor) for leaf in leaves)
    return not fake and all(leaf.type == "cpu" for leaf in leaves if isinstance(leaf, torch.device))


def _device_of(kwargs: Any, tensor: Tensor) -> torch.device:
    return torch.device(kwargs.get("device") or tensor.device)
