"""The linear layer of Network Deconvolution, which whitens the features of its input (Ye et al., ICLR 2020)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from trainables.layers.deconv.channel import move_both
from trainables.layers.deconv.checks import check_at_least_1, check_values
from trainables.layers.deconv.fast import block_size
from trainables.layers.deconv.folding import fold
from trainables.layers.deconv.pixels import Columns
from trainables.layers.deconv.plain import linear
from trainables.layers.deconv.whitening import Whitening


class Delinear(Whitening, nn.Linear):
    """A linear layer of vectors [N, in_features] that whitens blocks of consecutive features first.

    As `FastDeconv2d`, but every vector counts and the blocks of one vector are samples of one covariance.

    Args:
        in_features: of the input.
        out_features: of the result.
        bias: learn a bias; False is 0.
        eps: added to the diagonal of the covariance.
        n_iter: Newton-Schulz steps.
        momentum: how far running averages move towards those of a batch.
        block: features whitened together; all if larger, else the greatest common divisor with `in_features`.
        root_gradient: gradients pass through D; False is an extension.

    Raises:
        ValueError: an argument out of its range; an input of another shape, or not floating; in training, one without
            values.
    """

    running_mean: Tensor

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        eps: float = 1e-5,
        n_iter: int = 5,
        momentum: float = 0.1,
        block: int = 512,
        *,
        root_gradient: bool = True,
    ) -> None:
        check_at_least_1("block", block, "published is 512")
        nn.Linear.__init__(self, in_features, out_features, bias)
        self._prepare(eps, n_iter, momentum, root_gradient)
        self.block = block_size(in_features, block)
        self.register_buffer("running_mean", torch.zeros(self.block))
        self.register_buffer("running_deconv", torch.eye(self.block))

    def forward(self, x: Tensor) -> Tensor:
        if x.dim() != 2 or x.shape[1] != self.in_features:
            raise ValueError(
                f"the input has shape {list(x.shape)}, but this layer takes [N, {self.in_features}]; flatten it"
            )
        check_values(x, self)
        if not self.training:
            return linear(x, *self.folded())
        self.warn_once(len(x) * self.in_features // self.block, self.block)
        mean, root = self.statistics(x, Columns(self.block), 1, self.block)
        move_both((self.running_mean, self.running_deconv), (mean, root), self.momentum)
        return linear(x, *fold(self.weight, self.bias, mean, root, channels_together=True))

    def folded(self) -> tuple[Tensor, Tensor]:
        """Weight and bias of the plain linear layer that equals the layer in evaluation mode."""

        def compute() -> tuple[Tensor, Tensor]:
            mean, root = self.running_mean[None], self.running_deconv[None]
            return fold(self.weight, self.bias, mean, root, channels_together=True)

        folded: tuple[Tensor, Tensor] = self.kept(compute)
        return folded

    def to_linear(self) -> nn.Linear:
        """A plain linear layer that equals the layer in evaluation mode."""
        weight, bias = self.folded()
        linear = nn.Linear(self.in_features, self.out_features, dtype=weight.dtype, device=weight.device)
        with torch.no_grad():
            linear.weight.copy_(weight)
            linear.bias.copy_(bias)
        return linear

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, block={self.block}, n_iter={self.n_iter}, eps={self.eps}"
