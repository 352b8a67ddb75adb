"""Network Deconvolution (Ye et al., ICLR 2020): convolutions and linear layers that whiten their input.

A layer folds the whitening of its input's patches into its weights, W D with D = Cov^(-1/2) approximately, and calls an
ordinary convolution; gradients pass through mean and covariance. This file passes on the layers of 2020 (`fast_deconv`,
`delinear`, `channel_deconv`), those of 2019 (`deconv2019`) and the inverse square root, and exports trained ones; what
they compute is exact, and what differs from the published layers is named an extension and off.
"""

from __future__ import annotations

import copy

from torch import nn

from trainables.layers.deconv.channel import ChannelDeconv2d
from trainables.layers.deconv.checks import check_divides
from trainables.layers.deconv.fast import FastDeconv2d, block_size
from trainables.layers.deconv.inverse_root import isqrt_newton_schulz
from trainables.layers.deconv.linear import Delinear
from trainables.layers.deconv.revision2019 import DeConv2d2019, FastDeconv2d2019
from trainables.layers.deconv.whitening import name_layers

__all__ = [
    "ChannelDeconv2d",
    "DeConv2d2019",
    "Delinear",
    "FastDeconv2d",
    "FastDeconv2d2019",
    "block_size",
    "check_divides",
    "export",
    "isqrt_newton_schulz",
    "name_layers",
]


def export(model: nn.Module) -> nn.Module:
    """A copy of `model` whose whitening convolutions and linear layers are plain ones, equal in evaluation mode.

    `ChannelDeconv2d` stays, unless within a convolution: it doesn't know its number of channels, which
    `ChannelDeconv2d.to_conv2d` takes.
    """
    return _exported(copy.deepcopy(model))


def _exported(module: nn.Module) -> nn.Module:
    if isinstance(module, FastDeconv2d | FastDeconv2d2019 | DeConv2d2019):
        return module.to_conv2d().train(module.training)
    if isinstance(module, Delinear):
        return module.to_linear().train(module.training)
    for name, child in module.named_children():
        setattr(module, name, _exported(child))
    return module
