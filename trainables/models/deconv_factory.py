"""The layers that one network is built from: convolution with batch normalisation, or a deconvolution of 2020 or 2019.

An architecture asks its factory for convolutions, norms and a classifier, and so is written once for all forms. With
deconvolution a convolution whitens its own input and has a bias, and there is nothing left to normalise.
Source: Ye et al., "Network Deconvolution", ICLR 2020 (2020 revision) and arXiv:1905.11926v1 (2019 revision).
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Protocol

from torch import nn

from trainables.layers.deconv import ChannelDeconv2d, DeConv2d2019, Delinear, FastDeconv2d, FastDeconv2d2019
from trainables.layers.deconv_checks import check_divides

NORMS = ("bn", "deconv")
REVISIONS = (2020, 2019)
MODES = (1, 2, 3, 4, 5)


class Layers(Protocol):
    """What an architecture asks for. Padding keeps the size of a map at stride 1 everywhere."""

    @property
    def whitens(self) -> bool:
        """Whether convolutions are deconvolutions."""

    def conv(
        self,
        inputs: int,
        outputs: int,
        kernel: int = 3,
        stride: int = 1,
        *,
        groups: int = 1,
        bias: bool = False,
        n_iter: int | None = None,
        block: int | None = None,
    ) -> nn.Module:
        """A convolution. `bias` is that of the batch-normalised form; `n_iter` and `block` this layer's own values."""

    def stem(
        self, inputs: int, outputs: int, kernel: int = 3, stride: int = 1, *, n_iter: int, bias: bool = False
    ) -> nn.Module:
        """The convolution on the image of a network whose 2020 form freezes it and gives it `n_iter` iterations."""

    def norm(self, channels: int) -> nn.Module:
        """What stands between a convolution and its ReLU."""

    def channel(self, channels: int) -> nn.Module:
        """What stands between the last maps, of this many channels, and their pooling."""

    def classifier(self, inputs: int, outputs: int) -> nn.Module:
        """A linear layer."""


@dataclass(frozen=True)
class Options:
    """How a network is whitened. Options of another norm or revision have no effect.

    Args:
        revision: 2020 or 2019.
        block: channels in a block of the 2020 covariances.
        block_fc: features in a block of the last layer's covariance; 0 leaves that layer alone. The 2020 revision heeds
            it with batch normalisation too.
        delinear: whether the last layer is a Delinear (True) or an ordinary one behind a ChannelDeconv2d (False).
            The 2019 revision knows the second alone.
        eps: added to the diagonal of a covariance; None: 1e-5 in 2020, 1e-2 in 2019.
        n_iter: Newton-Schulz steps, but for the layers that have their own number.
        momentum: of the running statistics.
        sampling_stride: of the pixels that covariances are taken from, in strides of the convolution.
        bias: of the deconvolutions.
        stem_n_iter: Newton-Schulz steps of the convolution on the image; None: the network's own number, 10 or 15. The
            CIFAR ResNets and DenseNet have no special stem and do not heed it.
        stem_freeze: whether that convolution freezes its statistics after `freeze_iter` steps (again no such stem there).
        freeze_iter: training steps before the freezing, and a tenth of the cycle.
        mode: 1 to 5, of the 2019 revision (see `trainables.layers.deconv`).
        num_groups: channels in a block of the 2019 revision.
        root_gradient: extension, False: no gradient passes through the inverse roots.
        refresh: extension of the 2020 convolutions, above 1: training steps between two inverse roots.
        channels_together: extension of the 2020 convolutions: a block is whole channels where blocks interleave.
        corrected_average: extension of the 2020 convolutions: running statistics without their start.
        centered: extension of the ChannelDeconv2d before the pooling: covariance in place of the second moment.
    """

    revision: int = 2020
    block: int = 64
    block_fc: int = 0
    delinear: bool = True
    eps: float | None = None
    n_iter: int = 5
    momentum: float = 0.1
    sampling_stride: int = 3
    bias: bool = True
    stem_n_iter: int | None = None
    stem_freeze: bool = True
    freeze_iter: int = 100
    mode: int = 5
    num_groups: int = 16
    root_gradient: bool = True
    refresh: int = 1
    channels_together: bool = False
    corrected_average: bool = False
    centered: bool = False

    def __post_init__(self) -> None:
        if self.revision not in REVISIONS:
            raise ValueError(f"`revision` is {self.revision!r}, but must be 2020 or 2019; choose one of them")
        if self.mode not in MODES:
            raise ValueError(f"`mode` is {self.mode!r}, but must be 1, 2, 3, 4 or 5; 5 is the published default")
        if self.block < 1:
            raise ValueError(f"`block` is {self.block}, but must be at least 1; 64 is the published default")
        if self.num_groups < 1:
            raise ValueError(f"`num_groups` is {self.num_groups}, but must be at least 1; 16 is the published default")
        if self.block_fc < 0:
            raise ValueError(f"`block_fc` is {self.block_fc}, but must be at least 0; 0 leaves the last layer alone")

    @property
    def effective_eps(self) -> float:
        """`eps`, or the revision's own."""
        if self.eps is not None:
            return self.eps
        return 1e-5 if self.revision == 2020 else 1e-2

    def layers(self, norm: str) -> Layers:
        """The factory of one network; `ValueError` for a norm other than `bn` and `deconv`."""
        if norm not in NORMS:
            near = difflib.get_close_matches(str(norm), NORMS, n=1)
            hint = f"did you mean `{near[0]}`?" if near else "choose one of them"
            raise ValueError(f"`norm` is {norm!r}, but must be bn or deconv; {hint}")
        if norm == "bn":
            return BatchNormLayers(self)
        return Deconv2020Layers(self) if self.revision == 2020 else Deconv2019Layers(self)

    def moments(self) -> dict[str, Any]:
        """What every layer that whitens takes."""
        return {
            "eps": self.effective_eps,
            "n_iter": self.n_iter,
            "momentum": self.momentum,
            "root_gradient": self.root_gradient,
        }


@dataclass(frozen=True)
class WhitenedEnd:
    """The end of a network: linear; or whitened in blocks of `block_fc` features, by a Delinear or a ChannelDeconv2d."""

    options: Options

    def channel(self, channels: int) -> nn.Module:
        block = self.options.block_fc
        if block == 0 or self._in_classifier():
            return nn.Identity()
        if block > channels:
            raise ValueError(
                f"`block_fc` is {block}, but must be at most {channels}, the channels of this network's last maps; "
                "lower it, or whiten the classifier itself with `delinear`"
            )
        stride = self.options.sampling_stride
        return ChannelDeconv2d(block, **self.options.moments(), sampling_stride=stride, centered=self.options.centered)

    def classifier(self, inputs: int, outputs: int) -> nn.Module:
        if self.options.block_fc == 0 or not self._in_classifier():
            return nn.Linear(inputs, outputs)
        return Delinear(inputs, outputs, **self.options.moments(), block=self.options.block_fc)

    def _in_classifier(self) -> bool:
        return self.options.delinear and self.options.revision == 2020


@dataclass(frozen=True)
class BatchNormLayers:
    """Convolutions and BatchNorm2d (momentum 0.1, eps 1e-5), with PyTorch's default initialisers."""

    options: Options = Options()
    whitens = False

    def conv(
        self,
        inputs: int,
        outputs: int,
        kernel: int = 3,
        stride: int = 1,
        *,
        groups: int = 1,
        bias: bool = False,
        n_iter: int | None = None,
        block: int | None = None,
    ) -> nn.Module:
        return nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=bias)

    def stem(
        self, inputs: int, outputs: int, kernel: int = 3, stride: int = 1, *, n_iter: int, bias: bool = False
    ) -> nn.Module:
        return self.conv(inputs, outputs, kernel, stride, bias=bias)

    def norm(self, channels: int) -> nn.Module:
        return nn.BatchNorm2d(channels)

    def channel(self, channels: int) -> nn.Module:
        return WhitenedEnd(self.options).channel(channels) if self._end_is_whitened() else nn.Identity()

    def classifier(self, inputs: int, outputs: int) -> nn.Module:
        if self._end_is_whitened():
            return WhitenedEnd(self.options).classifier(inputs, outputs)
        return nn.Linear(inputs, outputs)

    def _end_is_whitened(self) -> bool:
        # The 2019 revision whitens nothing at all beside batch normalisation.
        return self.options.revision == 2020


@dataclass(frozen=True)
class Deconv2020Layers(WhitenedEnd):
    """FastDeconv2d and, where `block_fc` is on, a whitened end."""

    whitens = True

    def conv(
        self,
        inputs: int,
        outputs: int,
        kernel: int = 3,
        stride: int = 1,
        *,
        groups: int = 1,
        bias: bool = False,
        n_iter: int | None = None,
        block: int | None = None,
    ) -> nn.Module:
        return self._conv(inputs, outputs, kernel, stride, groups=groups, n_iter=n_iter, block=block)

    def stem(
        self, inputs: int, outputs: int, kernel: int = 3, stride: int = 1, *, n_iter: int, bias: bool = False
    ) -> nn.Module:
        own = self.options.stem_n_iter
        iterations = n_iter if own is None else own
        return self._conv(inputs, outputs, kernel, stride, n_iter=iterations, freeze=self.options.stem_freeze)

    def norm(self, channels: int) -> nn.Module:
        return nn.Identity()

    def _conv(
        self,
        inputs: int,
        outputs: int,
        kernel: int,
        stride: int,
        *,
        groups: int = 1,
        n_iter: int | None = None,
        block: int | None = None,
        freeze: bool = False,
    ) -> nn.Module:
        options = self.options
        moments = options.moments() if n_iter is None else {**options.moments(), "n_iter": n_iter}
        return FastDeconv2d(
            inputs,
            outputs,
            kernel,
            stride,
            padding=kernel // 2,
            groups=groups,
            bias=options.bias,
            block=options.block if block is None else block,
            sampling_stride=options.sampling_stride,
            freeze=freeze,
            freeze_iter=options.freeze_iter,
            refresh=options.refresh,
            channels_together=options.channels_together,
            corrected_average=options.corrected_average,
            **moments,
        )


@dataclass(frozen=True)
class Deconv2019Layers(WhitenedEnd):
    """The layers of the 2019 revision, mode 1 to 5; no convolution has settings of its own."""

    whitens = True

    def conv(
        self,
        inputs: int,
        outputs: int,
        kernel: int = 3,
        stride: int = 1,
        *,
        groups: int = 1,
        bias: bool = False,
        n_iter: int | None = None,
        block: int | None = None,
    ) -> nn.Module:
        if groups != 1:
            raise ValueError("the 2019 deconvolutions have no grouped form; choose revision 2020 for this network")
        options = self.options
        shape = (inputs, outputs, kernel, stride, kernel // 2)
        settings = {"num_groups": options.num_groups, "bias": options.bias, **options.moments()}
        if options.mode == 5:
            return FastDeconv2d2019(*shape, **settings, sampling_stride=options.sampling_stride)
        return DeConv2d2019(*shape, **settings, mode=options.mode)

    def stem(
        self, inputs: int, outputs: int, kernel: int = 3, stride: int = 1, *, n_iter: int, bias: bool = False
    ) -> nn.Module:
        return self.conv(inputs, outputs, kernel, stride)

    def norm(self, channels: int) -> nn.Module:
        return nn.Identity()


OPTIONS = tuple(entry.name for entry in fields(Options))


def check_options(arch: str, options: Mapping[str, Any], own: tuple[str, ...]) -> None:
    """Refuse an option that neither the layers nor this architecture have; the `ValueError` names the nearest one."""
    known = (*OPTIONS, *own)
    for name in options:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean `{near[0]}`?" if near else f"they are: {', '.join(known)}"
            raise ValueError(f"`{name}` is not an option of {arch}; {hint}")


def check_2019_blocks(plain: nn.Module, options: Options) -> None:
    """Refuse `num_groups` that does not divide the channels of every convolution; the `ValueError` lists all of them.

    Args:
        plain: the same network with batch normalisation, on the meta device.
        options: of the 2019 revision. Mode 2 takes any number of channels.
    """
    if options.mode != 2:
        convolutions = ((name, m) for name, m in plain.named_modules() if isinstance(m, nn.Conv2d))
        check_divides(options.num_groups, {name: module.in_channels for name, module in convolutions})
