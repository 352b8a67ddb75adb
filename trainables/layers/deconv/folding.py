"""The weights of a plain map that whitens its input first: one product each way, its gradients written out."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable


def fold(
    weight: Tensor, bias: Tensor | None, mean: Tensor, root: Tensor, channels_together: bool = False
) -> tuple[Tensor, Tensor]:
    """Weight and bias of the plain map that whitens its input first: w D, and the bias less w D m. Differentiable once.

    Args:
        weight: [outputs, ...], of which each output's numbers are laid out as the features were sampled.
        bias: [outputs], or None for 0.
        mean: [groups, features] m.
        root: [groups, features, features] D.
        channels_together: a block of features is a run of the weight's numbers; else blocks are interleaved.

    Returns:
        In the shape of `weight`, and [outputs], in the type of `weight`.
    """
    with torch.autocast(weight.device.type, enabled=False):
        folded: tuple[Tensor, Tensor] = _Fold.apply(weight, bias, mean, root, channels_together)
    return folded


class _Layout(NamedTuple):
    """How the numbers of a weight [groups, outputs, blocks times features] belong to the features of its blocks."""

    groups: int
    blocks: int
    features: int
    channels_together: bool

    def flat(self, weight: Tensor) -> Tensor:
        return weight.reshape(self.groups, -1, self.blocks * self.features)

    def rows(self, flat: Tensor) -> Tensor:
        """[groups, outputs times blocks, features]."""
        if not (self.channels_together or self.blocks == 1):
            flat = flat.view(-1, self.features, self.blocks).mT
        return flat.reshape(self.groups, -1, self.features)

    def from_rows(self, rows: Tensor) -> Tensor:
        """The way back."""
        if not (self.channels_together or self.blocks == 1):
            rows = rows.view(-1, self.blocks, self.features).mT
        return self.flat(rows)

    def spread(self, mean: Tensor) -> Tensor:
        """A number for each feature [groups, features], at each place of the feature: [groups, 1, blocks times features]."""
        shape = (-1, self.blocks, self.features) if self.channels_together else (-1, self.features, self.blocks)
        return mean.unsqueeze(1 if self.channels_together else 2).expand(shape).reshape(self.groups, 1, -1)

    def gathered(self, numbers: Tensor) -> Tensor:
        """The sums over the places of each feature: the gradient of `spread`."""
        if self.blocks == 1:
            return numbers.squeeze(1)
        if self.channels_together:
            return numbers.view(-1, self.blocks, self.features).sum(1)
        return numbers.view(-1, self.features, self.blocks).sum(2)


class _Fold(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, weight: Tensor, bias: Tensor | None, mean: Tensor, root: Tensor, channels_together: bool
    ) -> tuple[Tensor, Tensor]:
        groups, features = mean.shape
        layout = _Layout(groups, weight.numel() // (len(weight) * features), features, channels_together)
        rows = layout.rows(layout.flat(weight.to(root.dtype)))
        white, means = layout.from_rows(rows @ root), layout.spread(mean)
        before = white[..., :1] if bias is None else bias.to(root.dtype).view(groups, -1, 1)  # None counts 0 times
        shifted = torch.baddbmm(before, white, means.mT, beta=0 if bias is None else 1, alpha=-1)
        ctx.save_for_backward(rows, root, white, means)
        ctx.layout, ctx.shape, ctx.kind = layout, weight.shape, weight.dtype
        ctx.set_materialize_grads(False)
        return white.view(weight.shape).to(weight.dtype), shifted.view(-1).to(weight.dtype)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, of_white: Tensor | None, of_shifted: Tensor | None) -> tuple[Tensor | None, ...]:
        rows, root, white, means = ctx.saved_tensors
        layout, shape, kind = ctx.layout, ctx.shape, ctx.kind
        weight_needed, bias_needed, mean_needed, root_needed = ctx.needs_input_grad[:4]
        of_weight = of_bias = of_mean = of_root = None
        of_flat = torch.zeros_like(white) if of_white is None else layout.flat(of_white.to(root.dtype))
        if of_shifted is not None:
            of_outputs = of_shifted.to(root.dtype).view(layout.groups, -1, 1)
            of_flat = torch.baddbmm(of_flat, of_outputs, means, alpha=-1)
            if mean_needed:
                of_mean = layout.gathered(torch.baddbmm(means, of_outputs.mT, white, beta=0, alpha=-1))
            if bias_needed:
                of_bias = of_shifted  # autograd gives it the type of the bias
        of_rows = layout.rows(of_flat)
        if root_needed:
            of_root = rows.mT @ of_rows
        if weight_needed:
            of_weight = layout.from_rows(of_rows @ root.mT).view(shape).to(kind)
        return of_weight, of_bias, of_mean, of_root, None
