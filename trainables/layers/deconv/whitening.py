"""What the whitening layers share: running statistics, where they come from, and folded weights that are kept."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self

import torch
from torch import Tensor, distributed, nn

from trainables.layers.deconv.checks import check_statistics, warn_of_few_rows
from trainables.layers.deconv.inverse_root import isqrt_newton_schulz
from trainables.layers.deconv.moments import moments
from trainables.layers.deconv.patches import Samples

# A warning about a covariance is due below this many samples a feature.
FEW_ROWS = 2


class Whitening(nn.Module):
    """Base of the layers that whiten: statistics stay at least in float32, and folded weights are kept in evaluation.

    Attributes:
        name: what warnings call the layer; `name_layers` sets it to the layer's path in a model.
        synchronized: whether statistics are of the images of all processes (see `trainables.layers.synchronized`).
    """

    synchronized = False

    eps: float
    n_iter: int
    momentum: float
    root_gradient: bool
    sampling_stride: int
    running_deconv: Tensor

    def _prepare(self, eps: float, n_iter: int, momentum: float, root_gradient: bool, sampling_stride: int = 1) -> None:
        """What a layer calls once it is a module; `ValueError` for settings out of their range."""
        check_statistics(eps, n_iter, momentum, sampling_stride)
        self.eps = eps
        self.n_iter = n_iter
        self.momentum = momentum
        self.root_gradient = root_gradient
        self.sampling_stride = sampling_stride
        self.name = ""
        self._warned = False
        self._folded: tuple[list[tuple[int, int, int]], list[Tensor], Any] | None = None
        self._identity: Tensor | None = None

    def statistics(
        self, x: Tensor, samples: Samples, groups: int, features: int, centered: bool = True
    ) -> tuple[Tensor, Tensor]:
        """The mean [groups, features] and the inverse root [groups, features, features] of this batch."""
        identity = self._kept_identity(features, x)
        mean, covariance = moments(
            *(x, samples, groups, features, centered, self.root_gradient, self.synchronized),
            ridge=(self.eps, identity),
        )
        return mean, isqrt_newton_schulz(covariance, self.n_iter, identity)

    def _kept_identity(self, features: int, x: Tensor) -> Tensor:
        """[features, features] in the type of the statistics of `x`, made once: it would be four operations a step."""
        kept, kind = self._identity, torch.promote_types(x.dtype, torch.float32)
        if kept is None or len(kept) != features or kept.dtype != kind or kept.device != x.device:
            with torch.inference_mode(False):
                kept = self._identity = torch.eye(features, dtype=kind, device=x.device)
        return kept

    def warn_once(self, rows: int, features: int) -> None:
        """Warn of too few `rows` for a covariance of `features`, the first time that it happens."""
        rows *= distributed.get_world_size() if self.synchronized else 1
        if rows < FEW_ROWS * features and not self._warned:
            self._warned = True
            warn_of_few_rows(rows, features, self.name or repr(self))

    def kept(self, compute: Callable[[], Any]) -> Any:
        """`compute()`, remembered until a parameter or a buffer changes; computed anew where gradients are wanted."""
        tensors = [*self.parameters(recurse=False), *self.buffers(recurse=False)]
        if torch.is_grad_enabled() and any(tensor.requires_grad for tensor in tensors):
            return compute()
        key = [(id(tensor), tensor._version, tensor.data_ptr()) for tensor in tensors]
        if self._folded is None or self._folded[0] != key:
            with torch.inference_mode(False), torch.no_grad():
                # With the tensors themselves, so that no other one takes the place and the id of one that is gone.
                self._folded = (key, tensors, compute())
        return self._folded[2]

    def train(self, mode: bool = True) -> Self:
        self._folded = None
        return super().train(mode)

    def _load_from_state_dict(self, *args: Any, **kwargs: Any) -> None:
        self._folded = None
        super()._load_from_state_dict(*args, **kwargs)

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_folded": None, "_identity": None}

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        # Also `.half()` and `.bfloat16()` leave the statistics in float32: small steps of an average would be lost.
        before = {name: buffer for name, buffer in self._buffers.items() if buffer is not None}
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        for name, buffer in before.items():
            after = self.get_buffer(name)
            if after.is_floating_point() and torch.promote_types(after.dtype, torch.float32) != after.dtype:
                self._buffers[name] = buffer.to(after.device, torch.float32)
        self._folded = None
        return self


def name_layers(model: nn.Module) -> None:
    """Let every whitening layer of a model know its path in it, for warnings."""
    for name, module in model.named_modules():
        if isinstance(module, Whitening):
            module.name = name
