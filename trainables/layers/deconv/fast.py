"""The convolution of Network Deconvolution as of 2020, which whitens the patches of its input (Ye et al., ICLR 2020)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from trainables.layers.deconv.channel import move_both
from trainables.layers.deconv.checks import check_at_least_1, check_images, squares
from trainables.layers.deconv.folding import fold
from trainables.layers.deconv.patches import Patches
from trainables.layers.deconv.pixels import Pixels
from trainables.layers.deconv.plain import convolve, plain_conv
from trainables.layers.deconv.whitening import Whitening

# A frozen layer thaws again after this many times `freeze_iter` training steps, as published.
FREEZE_PERIOD = 10


def block_size(features: int, block: int) -> int:
    """Features whitened together: all of them if fewer than `block`, else the greatest common divisor of both."""
    return features if block > features else math.gcd(block, features)


class FastDeconv2d(Whitening, nn.Conv2d):
    """A convolution of images [N, C, H, W] whose patches are whitened first, by weights folded with the inverse root.

    In training, mean m and covariance of every `sampling_stride`-th patch give D by Newton-Schulz iteration, and
    the convolution has the weight W D and the bias b - W D m; in evaluation, running averages of m and D take their
    place, from 0 and the identity, so an untrained layer evaluates as the plain convolution. Zeros that pad the image
    stay zeros. With more channels than a block, features are interleaved into blocks as published (feature floor(j / G)
    of patch column j, G = C / block). A 1x1 kernel takes statistics of every `(sampling_stride * stride)`^2-th pixel,
    counted flat over images and rows.

    Args:
        in_channels: C.
        out_channels: channels of the result.
        kernel_size: one number, square; as are `stride`, `padding` in pixels, and `dilation`.
        stride: see above.
        padding: see above.
        dilation: see above.
        groups: as of `torch.nn.Conv2d`; each group is then a block with a covariance of its own.
        bias: learn b; False is b = 0.
        eps: added to the diagonal of the covariance.
        n_iter: Newton-Schulz steps; each makes small eigenvalues of D up to 1.5 times larger.
        momentum: how far running averages move towards those of a batch.
        block: channels whitened together; C if larger, else the greatest common divisor with C.
        sampling_stride: patches are sampled at this many times `stride`.
        freeze: after `freeze_iter` + 1 training steps, train by the running averages as constants, up to step
            10 `freeze_iter`; then live again, and so on.
        freeze_iter: see above.
        root_gradient: gradients pass through D; False is an extension (those through the mean still pass).
        refresh: extension, 1 is off: mean and D are computed at every `refresh`-th training step only, and stand as
            constants in between.
        channels_together: extension, off: a block is `block` whole channels.
        corrected_average: extension, off: evaluation without the share of the averages' initial values.

    Raises:
        ValueError: an argument out of its range; an input of another rank or number of channels, or not floating, or
            smaller than the kernel; in training, one without values.
    """

    counted = ("calls", "updates")  # on the host, at each training step

    running_mean: Tensor
    last_mean: Tensor
    last_deconv: Tensor

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | Sequence[int],
        stride: int | Sequence[int] = 1,
        padding: int | Sequence[int] = 0,
        dilation: int | Sequence[int] = 1,
        groups: int = 1,
        bias: bool = True,
        eps: float = 1e-5,
        n_iter: int = 5,
        momentum: float = 0.1,
        block: int = 64,
        sampling_stride: int = 3,
        freeze: bool = False,
        freeze_iter: int = 100,
        *,
        root_gradient: bool = True,
        refresh: int = 1,
        channels_together: bool = False,
        corrected_average: bool = False,
    ) -> None:
        k, s, p, d = squares(kernel_size=kernel_size, stride=stride, padding=padding, dilation=dilation)
        check_at_least_1("block", block, "published is 64")
        check_at_least_1("freeze_iter", freeze_iter, "published is 100")
        check_at_least_1("refresh", refresh, "1 refreshes the inverse root at every step")
        nn.Conv2d.__init__(self, in_channels, out_channels, k, s, p, d, groups, bias)
        self._prepare(eps, n_iter, momentum, root_gradient, sampling_stride)
        self.block = in_channels // groups if groups > 1 else block_size(in_channels, block)
        self.freeze = freeze
        self.freeze_iter = freeze_iter
        self.refresh = refresh
        self.channels_together = channels_together and groups == 1
        self.corrected_average = corrected_average
        self.calls = 0
        self.updates = 0
        features = k * k * self.block
        step = sampling_stride * s
        blocks = 1 if groups > 1 else in_channels // self.block
        self.samples: Patches | Pixels = (
            Pixels(step**2, blocks, self.channels_together)
            if k == 1
            else Patches(k, p, d, step, blocks, self.channels_together)
        )
        root = torch.eye(features)
        if groups > 1:
            root = root.repeat(groups, 1, 1)
        self.register_buffer("running_mean", torch.zeros(groups * features))
        self.register_buffer("running_deconv", root)
        if refresh > 1:
            self.register_buffer("last_mean", torch.zeros(groups * features))
            self.register_buffer("last_deconv", root.clone())

    @property
    def frozen(self) -> bool:
        """Whether the next training step takes the running averages as constants."""
        return self.freeze and self.calls % (FREEZE_PERIOD * self.freeze_iter) > self.freeze_iter

    @property
    def phase(self) -> str:
        """What the next training step takes as constants: the averages when `frozen`, the last statistics when `kept`,
        nothing when `live`."""
        if self.frozen:
            return "frozen"
        return "kept" if self.refresh > 1 and self.calls % self.refresh and self.updates else "live"

    def replayed(self) -> None:
        """Count a training step that a card did again by itself."""
        self.updates += self.phase == "live"
        self.calls += 1

    def forward(self, x: Tensor) -> Tensor:
        check_images(x, self.in_channels, self)
        if not self.training:
            return convolve(self, x, *self.folded())
        phase = self.phase
        self.calls += 1
        if phase == "frozen":
            return convolve(self, x, *self._fold(self.running_mean, self.running_deconv))
        if phase == "kept":
            return convolve(self, x, *self._fold(self.last_mean, self.last_deconv))
        features = self.running_deconv.shape[-1]
        self.warn_once(self.samples.rows(x.shape) * self.in_channels // (self.groups * self.block), features)
        mean, root = self.statistics(x, self.samples, self.groups, features)
        move_both((self.running_mean, self.running_deconv), (mean, root), self.momentum)
        self.updates += 1
        if self.refresh > 1:
            # New tensors: the graph of an earlier step may still need the old ones.
            self.last_mean = mean.detach().flatten()
            self.last_deconv = root.detach().view_as(self.last_deconv)
        return convolve(self, x, *fold(self.weight, self.bias, mean, root, self.channels_together))

    def folded(self) -> tuple[Tensor, Tensor]:
        """Weight and bias of the plain convolution that equals the layer in evaluation mode."""
        folded: tuple[Tensor, Tensor] = self.kept(lambda: self._fold(*self._averages()))
        return folded

    def to_conv2d(self) -> nn.Conv2d:
        """A plain convolution that equals the layer in evaluation mode."""
        return plain_conv(self, *self.folded())

    def _fold(self, mean: Tensor, root: Tensor) -> tuple[Tensor, Tensor]:
        features = root.shape[-1]
        root = root.view(-1, features, features)
        return fold(self.weight, self.bias, mean.view(-1, features), root, self.channels_together)

    def _averages(self) -> tuple[Tensor, Tensor]:
        if not (self.corrected_average and self.updates):
            return self.running_mean, self.running_deconv
        initial = (1 - self.momentum) ** self.updates
        identity = torch.eye(self.running_deconv.shape[-1]).to(self.running_deconv)
        return self.running_mean / (1 - initial), (self.running_deconv - initial * identity) / (1 - initial)

    def _save_to_state_dict(self, destination: Any, prefix: str, keep_vars: bool) -> None:
        super()._save_to_state_dict(destination, prefix, keep_vars)
        if self.freeze or self.refresh > 1 or self.corrected_average:
            destination[prefix + "steps"] = torch.tensor([self.calls, self.updates])

    def _load_from_state_dict(self, state_dict: Any, prefix: str, *args: Any, **kwargs: Any) -> None:
        # A published checkpoint has no steps: what counts them starts from 0 there.
        steps = state_dict.pop(prefix + "steps", None)
        self.calls, self.updates = (0, 0) if steps is None else (int(count) for count in steps)
        super()._load_from_state_dict(state_dict, prefix, *args, **kwargs)

    def extra_repr(self) -> str:
        frozen = f", freeze after {self.freeze_iter}" if self.freeze else ""
        plain = nn.Conv2d.extra_repr(self)  # type: ignore[no-untyped-call]
        return (
            f"{plain}, block={self.block}, sampling_stride={self.sampling_stride}, "
            f"n_iter={self.n_iter}, eps={self.eps}{frozen}"
        )
