"""What the whitening layers share: running statistics, where they come from, and weights folded with them."""

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

    def statistics(
        self, x: Tensor, samples: Samples, groups: int, features: int, centered: bool = True
    ) -> tuple[Tensor, Tensor]:
        """The mean [groups, features] and the inverse root [groups, features, features] of this batch."""
        mean, covariance = moments(x, samples, groups, features, centered, self.root_gradient, self.synchronized)
        covariance = covariance + self.eps * torch.eye(features, dtype=mean.dtype, device=mean.device)
        return mean, isqrt_newton_schulz(covariance, self.n_iter)

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
        return self.__dict__ | {"_folded": None}

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


def fold(
    weight: Tensor, bias: Tensor | None, mean: Tensor, root: Tensor, channels_together: bool = False
) -> tuple[Tensor, Tensor]:
    """Weight and bias of the plain map that whitens its input first: w D, and the bias less w D m.

    Args:
        weight: [outputs, ...], of which each output's numbers are laid out as the features were sampled.
        bias: [outputs], or None for 0.
        mean: [groups, features] m.
        root: [groups, features, features] D.
        channels_together: a block of features is a run of the weight's numbers; else blocks are interleaved.

    Returns:
        In the shape of `weight`, and [outputs], in the type of `weight`.
    """
    outputs, (groups, features) = weight.shape[0], mean.shape
    with torch.autocast(weight.device.type, enabled=False):
        wide = weight.to(root.dtype)
        if groups > 1:
            rows = wide.view(groups, outputs // groups, features)
            white = rows @ root
            shift = (white @ mean.unsqueeze(-1)).reshape(outputs)
            white = white.reshape(weight.shape)
        else:
            rows = wide.reshape(outputs, -1, features)
            if not channels_together:
                rows = wide.reshape(outputs, features, -1).mT
            white = (rows.reshape(-1, features) @ root[0]).view(rows.shape)
            shift = white.sum(1) @ mean[0]
            white = (white if channels_together else white.mT).reshape(weight.shape)
        folded_bias = -shift if bias is None else bias.to(root.dtype) - shift
    return white.to(weight.dtype), folded_bias.to(weight.dtype)


def name_layers(model: nn.Module) -> None:
    """Let every whitening layer of a model know its path in it, for warnings."""
    for name, module in model.named_modules():
        if isinstance(module, Whitening):
            module.name = name
