"""A convolution that keeps nothing but its weight for the backward pass while that weight is frozen."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F


class FrozenConv2d(nn.Conv2d):
    """`nn.Conv2d`, bit for bit; where neither weight nor bias is trained, autograd does not keep the input.

    PyTorch's own keeps the input of every convolution whose input needs a gradient, although only the gradient of the
    weight uses it (Bhatia and Dangel, "Lowering PyTorch's Memory Consumption for Selective Differentiation", 2024).
    """

    def _conv_forward(self, input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        trained = weight.requires_grad or (bias is not None and bias.requires_grad)
        plain = self.padding_mode == "zeros" and not isinstance(self.padding, str)
        if trained or not plain or not input.requires_grad or not torch.is_grad_enabled():
            convolved: Tensor = super()._conv_forward(input, weight, bias)
            return convolved
        if torch.is_autocast_enabled(input.device.type):
            dtype = torch.get_autocast_dtype(input.device.type)
            input, weight, bias = input.to(dtype), weight.to(dtype), None if bias is None else bias.to(dtype)
        result: Tensor = _FrozenConv.apply(input, weight, bias, self.stride, self.padding, self.dilation, self.groups)
        return result

    @classmethod
    def of(cls, conv: nn.Conv2d) -> FrozenConv2d:
        """The same convolution with the same parameters, not a copy of them."""
        with torch.device("meta"):
            made = cls(
                conv.in_channels,
                conv.out_channels,
                conv.kernel_size,  # type: ignore[arg-type]  # a pair, as it was given
                conv.stride,  # type: ignore[arg-type]
                conv.padding,  # type: ignore[arg-type]
                conv.dilation,  # type: ignore[arg-type]
                conv.groups,
                conv.bias is not None,
                conv.padding_mode,
            )
        made.weight, made.bias = conv.weight, conv.bias
        return made


class _FrozenConv(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        input: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        stride: tuple[int, ...],
        padding: tuple[int, ...],
        dilation: tuple[int, ...],
        groups: int,
    ) -> Tensor:
        ctx.save_for_backward(weight)
        ctx.input_shape = input.shape
        nhwc = input.is_contiguous(memory_format=torch.channels_last) and not input.is_contiguous()
        ctx.layout = torch.channels_last if nhwc else torch.contiguous_format
        ctx.geometry = (stride, padding, dilation, groups)
        return F.conv2d(input, weight, bias, stride, padding, dilation, groups)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        (weight,) = ctx.saved_tensors
        found = _input_gradient(gradient, weight, ctx.input_shape, ctx.layout, *ctx.geometry)
        return found, None, None, None, None, None, None


def _input_gradient(
    gradient: Tensor,
    weight: Tensor,
    input_shape: torch.Size,
    layout: torch.memory_format,
    stride: tuple[int, ...],
    padding: tuple[int, ...],
    dilation: tuple[int, ...],
    groups: int,
) -> Tensor:
    """The gradient of the input, [N, in, H, W], from that of the output; on the CPU as a convolution where it is a plain one."""
    kernel = weight.shape[2:]
    plain = gradient.is_cpu and groups == 1 and set(stride) == {1} and set(dilation) == {1}
    if plain and all(pad == side // 2 and side % 2 for pad, side in zip(padding, kernel, strict=True)):
        # With 16 channels this takes half the time of the general backward kernel.
        return F.conv2d(gradient, weight.flip(2, 3).transpose(0, 1).contiguous(), padding=padding)
    # The kernel asks for the input's shape and layout; its values, which nobody reads, are never written.
    stand_in = torch.empty(input_shape, dtype=gradient.dtype, device=gradient.device, memory_format=layout)
    geometry = (stride, padding, dilation, False, [0, 0], groups)
    found: Tensor = torch.ops.aten.convolution_backward(
        gradient, stand_in, weight, None, *geometry, [True, False, False]
    )[0]
    return found
