"""Layers that normalise by statistics of a batch whose images are spread over the processes of torch's default group."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from trainables.layers.deconv.channel import move
from trainables.layers.deconv.whitening import Whitening
from trainables.layers.sums import mean_and_variance


class _OnCPU(_BatchNorm):
    """What PyTorch's `SyncBatchNorm` does, which takes nothing but GPUs."""

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return super().forward(x)
        self._check_input_dim(x)  # type: ignore[no-untyped-call]
        wide = x.to(torch.promote_types(x.dtype, torch.float32))
        mean, variance, count = mean_and_variance(wide, (0, *range(2, x.dim())))
        self._follow(mean, variance * count / (count - 1))
        scale = torch.rsqrt(variance + self.eps)
        if self.weight is not None:
            scale = scale * self.weight
        shift = -mean * scale if self.bias is None else self.bias - mean * scale
        of_channels = (1, -1, *[1] * (x.dim() - 2))
        return torch.addcmul(shift.view(of_channels), wide, scale.view(of_channels)).to(x.dtype)

    def _follow(self, mean: Tensor, variance: Tensor) -> None:
        if self.running_mean is None or self.running_var is None or self.num_batches_tracked is None:
            return
        self.num_batches_tracked += 1
        momentum = 1 / self.num_batches_tracked.item() if self.momentum is None else self.momentum
        move(self.running_mean, mean, momentum)
        move(self.running_var, variance, momentum)


class BatchNorm1dOnCPU(_OnCPU, nn.BatchNorm1d):
    """Of vectors [N, C]."""


class BatchNorm2dOnCPU(_OnCPU, nn.BatchNorm2d):
    """Of images [N, C, H, W]."""


class SyncBatchNorm1d(nn.SyncBatchNorm, nn.BatchNorm1d):
    """PyTorch's, and known as a `BatchNorm1d` to whoever looks for one."""


class SyncBatchNorm2d(nn.SyncBatchNorm, nn.BatchNorm2d):
    """PyTorch's, and known as a `BatchNorm2d` to whoever looks for one."""


_ON_CPU: dict[type[nn.Module], type[_BatchNorm]] = {
    nn.BatchNorm1d: BatchNorm1dOnCPU,
    nn.BatchNorm2d: BatchNorm2dOnCPU,
}
_ON_GPU: dict[type[nn.Module], type[_BatchNorm]] = {
    nn.BatchNorm1d: SyncBatchNorm1d,
    nn.BatchNorm2d: SyncBatchNorm2d,
}


def synchronized(model: nn.Module, device: torch.device) -> nn.Module:
    """The model with the statistics of every batch taken over all processes: BatchNorm and the whitening layers.

    Parameters and buffers are those of `model`, under the same names. Online Normalization takes none of a batch: each
    process goes on with streams of its own. Other normalisers look at one image at a time.

    Args:
        model: of which it is made.
        device: where it will train.
    """
    kinds = _ON_CPU if device.type == "cpu" else _ON_GPU
    for layer in list(model.modules()):
        if isinstance(layer, Whitening):
            layer.synchronized = True
        for name, child in layer.named_children():
            setattr(layer, name, _of(child, kinds))
    return _of(model, kinds)


def _of(layer: nn.Module, kinds: Mapping[type[nn.Module], type[_BatchNorm]]) -> nn.Module:
    """BatchNorm by all processes in place of BatchNorm; any other layer as it is."""
    if type(layer) not in kinds or not isinstance(layer, _BatchNorm):
        return layer
    same = kinds[type(layer)](layer.num_features, layer.eps, layer.momentum, layer.affine, layer.track_running_stats)
    same.weight, same.bias = layer.weight, layer.bias
    for name, buffer in layer.named_buffers(recurse=False):
        setattr(same, name, buffer)
    return same.train(layer.training)
