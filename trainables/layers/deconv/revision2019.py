"""The convolutions of Network Deconvolution as of 2019: modes 1 to 4, and mode 5, their fast approximation.

All of them fold the whitening into the weight and never whiten a patch by itself, with the numbers of doing so.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from trainables.layers.deconv.channel import ChannelDeconv2d, first_batch_or, move
from trainables.layers.deconv.checks import check_divides, check_images, squares
from trainables.layers.deconv.folding import fold
from trainables.layers.deconv.patches import Patches
from trainables.layers.deconv.plain import convolve, plain_conv
from trainables.layers.deconv.whitening import Whitening
from trainables.layers.sums import mean_of_all

MODES = (1, 2, 3, 4, 5)


class FastDeconv2d2019(Whitening, nn.Conv2d):
    """Mode 5: a convolution of centred images [N, C, H, W] by weights folded with an inverse root.

    The mean is over batch, pixels and channels congruent modulo the block, and taken off before the image is padded, so
    padding stands for the mean. The second moment of every `sampling_stride`-th patch of what is left gives D, by the
    interleaving of `FastDeconv2d`; mean and covariance thus group channels differently, as published.

    Args:
        in_channels: C.
        out_channels: channels of the result.
        kernel_size: one number, square; as are `stride` and `padding`.
        stride: see above.
        padding: see above.
        num_groups: channels of a block; C if larger. It must divide C.
        eps: added to the diagonal of the second moment.
        n_iter: Newton-Schulz steps.
        momentum: how far running averages move towards those of a batch.
        sampling_stride: patches are sampled at this many times `stride`.
        bias: learn a bias.
        dilation: of the kernel.

    Raises:
        ValueError: an argument out of its range; an input of another rank or number of channels, or not floating; in
            training, one without values.
    """

    running_mean: Tensor

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | Sequence[int],
        stride: int | Sequence[int] = 1,
        padding: int | Sequence[int] = 0,
        num_groups: int = 16,
        eps: float = 1e-2,
        n_iter: int = 5,
        momentum: float = 0.1,
        sampling_stride: int = 3,
        *,
        bias: bool = True,
        dilation: int | Sequence[int] = 1,
        root_gradient: bool = True,
    ) -> None:
        k, s, p, d = squares(kernel_size=kernel_size, stride=stride, padding=padding, dilation=dilation)
        check_divides(num_groups, {f"Conv2d({in_channels}, {out_channels})": in_channels})
        nn.Conv2d.__init__(self, in_channels, out_channels, k, s, p, d, bias=bias)
        self._prepare(eps, n_iter, momentum, root_gradient, sampling_stride)
        self.num_groups = min(num_groups, in_channels)
        self.samples = Patches(k, p, d, sampling_stride * s)
        self.register_buffer("running_mean", torch.zeros(1, self.num_groups, 1, 1))
        self.register_buffer("running_deconv", torch.eye(k * k * self.num_groups))

    def forward(self, x: Tensor) -> Tensor:
        check_images(x, self.in_channels, self)
        if not self.training:
            return convolve(self, self._center(x, self.running_mean), *self.folded())
        features = self.running_deconv.shape[-1]
        rows = self.samples.rows(x.shape)
        self.warn_once(rows * self.in_channels // self.num_groups, features)
        wide = x.to(torch.promote_types(x.dtype, torch.float32))
        of_channels = mean_of_all(wide, (0, 2, 3))[0] if self.synchronized else wide.mean((0, 2, 3))
        mean = of_channels.view(-1, self.num_groups).mean(0).view(1, -1, 1, 1)
        x = self._center(x, mean)
        _, root = self.statistics(x, self.samples, 1, features, centered=False)
        move(self.running_mean, mean, self.momentum)
        move(self.running_deconv, root[0], self.momentum)
        return convolve(self, x, *self._fold(root))

    def folded(self) -> tuple[Tensor, Tensor]:
        """Weight and bias of the plain convolution of centred images in evaluation mode."""
        folded: tuple[Tensor, Tensor] = self.kept(lambda: self._fold(self.running_deconv[None]))
        return folded

    def to_conv2d(self) -> nn.Sequential:
        """Plain convolutions that equal the layer in evaluation mode: 1x1 by channel to centre, then the kernel's."""
        c = self.in_channels
        mean = self.running_mean.flatten().repeat(c // self.num_groups)
        center = nn.Conv2d(c, c, 1, groups=c, dtype=mean.dtype, device=mean.device)
        with torch.no_grad():
            center.weight.fill_(1)
            center.bias.copy_(-mean)  # type: ignore[union-attr]
        return nn.Sequential(center, plain_conv(self, *self.folded()))

    def _center(self, x: Tensor, mean: Tensor) -> Tensor:
        return x - mean.to(x.dtype).repeat(1, self.in_channels // self.num_groups, 1, 1)

    def _fold(self, root: Tensor) -> tuple[Tensor, Tensor]:
        return fold(self.weight, self.bias, root.new_zeros(root.shape[:2]), root)

    def extra_repr(self) -> str:
        plain = nn.Conv2d.extra_repr(self)  # type: ignore[no-untyped-call]
        return f"{plain}, num_groups={self.num_groups}, sampling_stride={self.sampling_stride}"


class DeConv2d2019(Whitening, nn.Conv2d):
    """Modes 1 to 4: channels whitened by themselves, and patches at the convolution's own stride.

    | mode | the input            | its patches                                |
    |------|----------------------|--------------------------------------------|
    | 1    | `ChannelDeconv2d`    | whitened, k^2 features                     |
    | 2    | as it is             | whitened, k^2 features                     |
    | 3    | `ChannelDeconv2d`    | as they are                                |
    | 4    | as it is             | whitened, k^2 min(num_groups, C) features  |

    Features are interleaved as in `FastDeconv2d`, so modes 1 and 2 whiten pixels alone only for one channel, as
    published. The first training batch sets the running statistics, later ones move them. `ChannelDeconv2d` samples with
    a stride of 3 and the class defaults for the rest.

    Args:
        in_channels: C.
        out_channels: channels of the result.
        kernel_size: one number, square; as are `stride` and `padding`.
        stride: see above.
        padding: see above.
        mode: see above; 5 is `FastDeconv2d2019`.
        num_groups: channels of a block; C if larger. It must divide C.
        eps: added to the diagonal of the covariance.
        n_iter: Newton-Schulz steps.
        momentum: how far running statistics move towards those of a batch.
        bias: learn a bias.
        dilation: of the kernel.

    Raises:
        ValueError: an argument out of its range; an input of another rank or number of channels, or not floating; in
            training, one without values.
    """

    running_mean: Tensor
    num_batches_tracked: Tensor

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | Sequence[int],
        stride: int | Sequence[int] = 1,
        padding: int | Sequence[int] = 0,
        mode: int = 4,
        num_groups: int = 16,
        eps: float = 1e-2,
        n_iter: int = 5,
        momentum: float = 0.1,
        *,
        bias: bool = True,
        dilation: int | Sequence[int] = 1,
        root_gradient: bool = True,
    ) -> None:
        k, s, p, d = squares(kernel_size=kernel_size, stride=stride, padding=padding, dilation=dilation)
        if mode not in MODES[:-1]:
            remedy = "mode 5 is FastDeconv2d2019" if mode == MODES[-1] else "choose one; 4 is the default"
            raise ValueError(f"`mode` is {mode}, but must be 1, 2, 3 or 4; {remedy}")
        if mode != 2:
            check_divides(num_groups, {f"Conv2d({in_channels}, {out_channels})": in_channels})
        nn.Conv2d.__init__(self, in_channels, out_channels, k, s, p, d, bias=bias)
        self._prepare(eps, n_iter, momentum, root_gradient)
        self.mode = mode
        self.num_groups = min(num_groups, in_channels)
        self.samples = Patches(k, p, d, s)
        self.channel_deconv = (
            ChannelDeconv2d(self.num_groups, eps, n_iter, momentum, root_gradient=root_gradient)
            if mode in (1, 3)
            else None
        )
        if mode != 3:
            features = k * k * (self.num_groups if mode == 4 else 1)
            self.register_buffer("running_mean", torch.zeros(features, 1))
            self.register_buffer("running_deconv", torch.eye(features))
            self.register_buffer("num_batches_tracked", torch.tensor(0, dtype=torch.long))

    def forward(self, x: Tensor) -> Tensor:
        check_images(x, self.in_channels, self)
        if self.channel_deconv is not None:
            x = self.channel_deconv(x)
        if self.mode == 3:
            return convolve(self, x, self.weight, self.bias)
        if not self.training:
            return convolve(self, x, *self.folded())
        features = self.running_deconv.shape[-1]
        self.warn_once(self.samples.rows(x.shape) * math.prod(self.weight.shape[1:]) // features, features)
        mean, root = self.statistics(x, self.samples, 1, features)
        weight = first_batch_or(self.momentum, self.num_batches_tracked)
        move(self.running_mean, mean.view(-1, 1), weight)
        move(self.running_deconv, root[0], weight)
        self.num_batches_tracked += 1
        return convolve(self, x, *fold(self.weight, self.bias, mean, root))

    def folded(self) -> tuple[Tensor, Tensor | None]:
        """Weight and bias of the plain convolution in evaluation mode, after the channel layer where there is one."""
        if self.mode == 3:
            return self.weight, self.bias
        folded: tuple[Tensor, Tensor] = self.kept(
            lambda: fold(self.weight, self.bias, self.running_mean.mT, self.running_deconv[None])
        )
        return folded

    def to_conv2d(self) -> nn.Module:
        """The plain convolution that equals the layer in evaluation mode, after a 1x1 one in modes 1 and 3."""
        conv = plain_conv(self, *self.folded())
        return (
            conv
            if self.channel_deconv is None
            else nn.Sequential(self.channel_deconv.to_conv2d(self.in_channels), conv)
        )

    def extra_repr(self) -> str:
        plain = nn.Conv2d.extra_repr(self)  # type: ignore[no-untyped-call]
        return f"{plain}, mode={self.mode}, num_groups={self.num_groups}"
