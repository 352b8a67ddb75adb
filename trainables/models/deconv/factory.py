"""The layers that one network is built from: convolution with batch normalisation, or a deconvolution of 2020 or 2019.

An architecture asks its factory for convolutions, norms and a classifier, and so is written once for all forms. With
deconvolution a convolution whitens its own input and has a bias, and there is nothing left to normalise.
Source: Ye et al., "Network Deconvolution", ICLR 2020 (2020 revision) and arXiv:1905.11926v1 (2019 revision).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import ClassVar

from torch import nn

from trainables.config.wording import nearest
from trainables.layers.deconv import ChannelDeconv2d, DeConv2d2019, Delinear, FastDeconv2d, FastDeconv2d2019
from trainables.layers.deconv.checks import check_divides
from trainables.models.deconv.options import PUBLISHED, Options


@dataclass(frozen=True)
class Conv:
    """A convolution as an architecture asks for it; padding keeps the size of a map at stride 1.

    Args:
        inputs: channels.
        outputs: channels.
        kernel: side of the kernel.
        stride: of the convolution.
        groups: of channels.
        bias: whether the batch-normalised form has one.
        n_iter: Newton-Schulz steps of this layer alone; None is the network's number.
        block: channels in a block of this layer alone; None is the network's number.
        stem: it is the convolution on the image of a network whose 2020 form freezes it.
    """

    inputs: int
    outputs: int
    kernel: int = 3
    stride: int = 1
    groups: int = 1
    bias: bool = False
    n_iter: int | None = None
    block: int | None = None
    stem: bool = False


@dataclass(frozen=True)
class Layers(ABC):
    """What an architecture asks for its layers; `whitens` says whether convolutions are deconvolutions."""

    options: Options = PUBLISHED
    whitens: ClassVar[bool] = True

    @abstractmethod
    def make(self, conv: Conv) -> nn.Module:
        """The layer for a convolution."""

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
        """A convolution, see `Conv`."""
        return self.make(Conv(inputs, outputs, kernel, stride, groups, bias, n_iter, block))

    def stem(
        self, inputs: int, outputs: int, kernel: int = 3, stride: int = 1, *, n_iter: int, bias: bool = False
    ) -> nn.Module:
        """The convolution on the image of a network whose 2020 form freezes it and gives it `n_iter` iterations."""
        return self.make(Conv(inputs, outputs, kernel, stride, bias=bias, n_iter=n_iter, stem=True))

    def norm(self, channels: int) -> nn.Module:
        """What stands between a convolution and its ReLU."""
        return nn.Identity() if self.whitens else nn.BatchNorm2d(channels)

    def channel(self, channels: int) -> nn.Module:
        """What stands between the last maps, of this many channels, and their pooling."""
        block = self._end_block()
        if block == 0 or self._in_classifier():
            return nn.Identity()
        if block > channels:
            raise ValueError(
                f"`block_fc` is {block}, but must be at most {channels}, the channels of this network's last maps; "
                "lower it, or whiten the classifier itself with `delinear`"
            )
        options = self.options
        stride = options.sampling_stride
        return ChannelDeconv2d(block, **options.moments(), sampling_stride=stride, centered=options.centered)

    def classifier(self, inputs: int, outputs: int) -> nn.Module:
        """A linear layer, whitened in blocks of `block_fc` features if it is a Delinear's turn."""
        block = self._end_block()
        if block == 0 or not self._in_classifier():
            return nn.Linear(inputs, outputs)
        return Delinear(inputs, outputs, **self.options.moments(), block=block)

    def _end_block(self) -> int:
        """Features in a block of the whitened end; 0: the 2019 revision whitens nothing beside batch normalisation."""
        return self.options.block_fc if self.whitens or self.options.revision == 2020 else 0

    def _in_classifier(self) -> bool:
        return self.options.delinear and self.options.revision == 2020


@dataclass(frozen=True)
class BatchNormLayers(Layers):
    """Convolutions and BatchNorm2d (momentum 0.1, eps 1e-5), with PyTorch's default initialisers."""

    whitens = False

    def make(self, conv: Conv) -> nn.Module:
        return nn.Conv2d(
            conv.inputs, conv.outputs, conv.kernel, conv.stride, conv.kernel // 2, groups=conv.groups, bias=conv.bias
        )


@dataclass(frozen=True)
class Deconv2020Layers(Layers):
    """FastDeconv2d and, where `block_fc` is on, a whitened end."""

    def make(self, conv: Conv) -> nn.Module:
        options = self.options
        if conv.stem and options.stem_n_iter is not None:
            conv = replace(conv, n_iter=options.stem_n_iter)
        moments = options.moments() if conv.n_iter is None else {**options.moments(), "n_iter": conv.n_iter}
        return FastDeconv2d(
            conv.inputs,
            conv.outputs,
            conv.kernel,
            conv.stride,
            padding=conv.kernel // 2,
            groups=conv.groups,
            bias=options.bias,
            block=options.block if conv.block is None else conv.block,
            sampling_stride=options.sampling_stride,
            freeze=conv.stem and options.stem_freeze,
            freeze_iter=options.freeze_iter,
            refresh=options.refresh,
            channels_together=options.channels_together,
            corrected_average=options.corrected_average,
            **moments,
        )


@dataclass(frozen=True)
class Deconv2019Layers(Layers):
    """The layers of the 2019 revision, mode 1 to 5; no convolution has settings of its own."""

    def make(self, conv: Conv) -> nn.Module:
        if conv.groups != 1:
            raise ValueError("the 2019 deconvolutions have no grouped form; choose revision 2020 for this network")
        options = self.options
        shape = (conv.inputs, conv.outputs, conv.kernel, conv.stride, conv.kernel // 2)
        settings = {"num_groups": options.num_groups, "bias": options.bias, **options.moments()}
        if options.mode == 5:
            return FastDeconv2d2019(*shape, **settings, sampling_stride=options.sampling_stride)
        return DeConv2d2019(*shape, **settings, mode=options.mode)


NORMS = ("bn", "deconv")


def layers_of(norm: str, options: Options) -> Layers:
    """The factory of one network; `ValueError` for a norm other than `bn` and `deconv`."""
    if norm not in NORMS:
        hint = nearest(str(norm), NORMS, "choose one of them")
        raise ValueError(f"`norm` is {norm!r}, but must be bn or deconv; {hint}")
    if norm == "bn":
        return BatchNormLayers(options)
    return Deconv2020Layers(options) if options.revision == 2020 else Deconv2019Layers(options)


def check_2019_blocks(plain: nn.Module, options: Options) -> None:
    """Refuse `num_groups` that does not divide the channels of every convolution; the `ValueError` lists all of them.

    Args:
        plain: the same network with batch normalisation, on the meta device.
        options: of the 2019 revision. Mode 2 takes any number of channels.
    """
    if options.mode != 2:
        convolutions = ((name, m) for name, m in plain.named_modules() if isinstance(m, nn.Conv2d))
        check_divides(options.num_groups, {name: module.in_channels for name, module in convolutions})
