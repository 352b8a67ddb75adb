"""Channel deconvolution: activations whitened across channels, explicitly (Ye et al., ICLR 2020)."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from trainables.layers.deconv.checks import check_at_least_1, check_values
from trainables.layers.deconv.pixels import ChannelRuns
from trainables.layers.deconv.plain import without_autocast
from trainables.layers.deconv.whitening import Whitening
from trainables.layers.sums import mean_and_variance


class ChannelDeconv2d(Whitening):
    """Whitens images [N, C, H, W] or vectors [N, C] across channels; it has no parameters.

    The first floor(C / block) block channels form `block` rows of consecutive channels, each row pooled over its
    channels, and x becomes D (x - m), D the approximate inverse root of the rows' second moment. Channels left over are
    normalised by one mean and one variance. The first training batch sets the running statistics, later ones move them.

    Args:
        block: rows, at least 1 and at most C.
        eps: added to the diagonal of the second moment.
        n_iter: Newton-Schulz steps.
        momentum: how far running statistics move towards those of a batch.
        sampling_stride: statistics of every `sampling_stride`^2-th value only, if neither side of the images is smaller.
        centered: extension, off: the covariance in place of the second moment about 0, which is published.
        root_gradient: gradients pass through D; False is an extension.

    Raises:
        ValueError: an argument out of its range; an input of another rank, of fewer channels than `block`, or not
            floating; in training, one without values.
    """

    running_mean1: Tensor
    running_mean2: Tensor
    running_var: Tensor
    num_batches_tracked: Tensor

    def __init__(
        self,
        block: int,
        eps: float = 1e-2,
        n_iter: int = 5,
        momentum: float = 0.1,
        sampling_stride: int = 3,
        *,
        centered: bool = False,
        root_gradient: bool = True,
    ) -> None:
        super().__init__()
        check_at_least_1("block", block, "published are 16 and 64")
        self._prepare(eps, n_iter, momentum, root_gradient, sampling_stride)
        self.block = block
        self.centered = centered
        self.register_buffer("running_mean1", torch.zeros(block, 1))
        self.register_buffer("running_deconv", torch.eye(block))
        self.register_buffer("running_mean2", torch.zeros(1, 1))
        self.register_buffer("running_var", torch.ones(1, 1))
        self.register_buffer("num_batches_tracked", torch.tensor(0, dtype=torch.long))

    def forward(self, x: Tensor) -> Tensor:
        if x.dim() == 2:
            return self.forward(x[:, :, None, None]).flatten(1)
        self._check(x)
        whitened = x.shape[1] // self.block * self.block
        together, rest = x[:, :whitened], x[:, whitened:]
        step = self.sampling_stride if min(x.shape[2:]) >= self.sampling_stride else 1
        if self.training:
            count = whitened // self.block * len(x) * math.prod(x.shape[2:])
            self.warn_once(-(-count // step**2), self.block)
            mean, root = self.statistics(together, ChannelRuns(self.block, step**2), 1, self.block, self.centered)
            mean, root = mean.view(-1, 1), root[0]
            weight = first_batch_or(self.momentum, self.num_batches_tracked)
            move(self.running_mean1, mean, weight)
            move(self.running_deconv, root, weight)
        else:
            mean, root = self.running_mean1, self.running_deconv
        out = _whitened(together, mean, root)
        if rest.shape[1]:
            out = torch.cat([out, self._normalize(rest, step)], 1)
        if self.training:
            self.num_batches_tracked += 1
        return out

    def to_conv2d(self, channels: int) -> nn.Conv2d:
        """The 1x1 convolution of `channels` that equals the layer in evaluation mode."""
        whitened = channels // self.block * self.block
        run = whitened // self.block
        like = self.running_deconv
        conv = nn.Conv2d(channels, channels, 1, dtype=like.dtype, device=like.device)
        with torch.no_grad():
            matrix = torch.zeros(channels, channels, dtype=like.dtype, device=like.device)
            shift = torch.empty(channels, dtype=like.dtype, device=like.device)
            matrix[:whitened, :whitened] = torch.kron(like, torch.eye(run, dtype=like.dtype, device=like.device))
            shift[:whitened] = -(like @ self.running_mean1).expand(-1, run).flatten()
            scale = (self.running_var + self.eps).rsqrt()
            matrix.diagonal()[whitened:] = scale[0]
            shift[whitened:] = -(self.running_mean2 * scale)[0]
            conv.weight.copy_(matrix[:, :, None, None])
            conv.bias.copy_(shift)  # type: ignore[union-attr]
        return conv

    def _normalize(self, rest: Tensor, step: int) -> Tensor:
        """The channels left over, by one mean and one unbiased variance."""
        if self.training:
            taken = rest.flatten(1)[:, :: step**2].to(self.running_var.dtype)
            mean, var = (number.view(1, 1) for number in self._of_rest(taken))
            weight = first_batch_or(self.momentum, self.num_batches_tracked)
            move(self.running_mean2, mean, weight)
            move(self.running_var, var, weight)
        else:
            mean, var = self.running_mean2, self.running_var
        scale = (var + self.eps).rsqrt()
        return (rest - mean.to(rest.dtype)) * scale.to(rest.dtype)

    def _of_rest(self, taken: Tensor) -> tuple[Tensor, Tensor]:
        if not self.synchronized:
            variance, mean = torch.var_mean(taken)
            return mean, variance
        mean, variance, count = mean_and_variance(taken, (0, 1))
        return mean, variance * count / (count - 1)

    def _check(self, x: Tensor) -> None:
        if x.dim() != 4:
            raise ValueError(
                f"the input has shape {list(x.shape)}, but ChannelDeconv2d takes [N, C, H, W] or [N, C]; reshape it"
            )
        if x.shape[1] < self.block:
            raise ValueError(
                f"the input has {x.shape[1]} channels, but `block` is {self.block} and must not be larger; lower it"
            )
        check_values(x, self)

    def extra_repr(self) -> str:
        return f"{self.block}, eps={self.eps}, n_iter={self.n_iter}, sampling_stride={self.sampling_stride}"


def _whitened(x: Tensor, mean: Tensor, root: Tensor) -> Tensor:
    """`root` times the rows of consecutive channels of each image less their `mean`, whatever autocast says."""
    x = without_autocast(x, root.dtype)
    with torch.autocast(x.device.type, enabled=False):
        root, mean = root.to(x.dtype), mean.to(x.dtype)
        rows = x.reshape(len(x), len(root), -1)
        return torch.baddbmm(-(root @ mean), root.expand(len(x), -1, -1), rows).reshape(x.shape)


def first_batch_or(momentum: float, batches: Tensor) -> Tensor:
    """How far a running statistic moves, as a tensor of no dimensions: all the way on the first batch."""
    moved = torch.full((), momentum, dtype=torch.float64, device=batches.device)
    return torch.where(batches == 0, torch.ones_like(moved), moved)


@torch.no_grad()
def move(running: Tensor, value: Tensor, weight: Tensor | float) -> None:
    """Move a running statistic in place towards `value` by the fraction `weight`."""
    value = value.detach().to(running.dtype)
    running.lerp_(value, weight.to(running.dtype) if isinstance(weight, Tensor) else weight)


@torch.no_grad()
def move_both(running: tuple[Tensor, Tensor], values: tuple[Tensor, Tensor], weight: float) -> None:
    """The same of two statistics in one operation; values have as many numbers as what they move."""
    towards = [value.detach().to(old.dtype).view_as(old) for old, value in zip(running, values, strict=True)]
    torch._foreach_lerp_(list(running), towards, weight)
