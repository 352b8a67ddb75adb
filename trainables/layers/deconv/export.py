"""Trained whitening layers made into plain ones that compute the same in evaluation mode."""

from __future__ import annotations

import copy

from torch import nn

from trainables.layers.deconv.fast import FastDeconv2d
from trainables.layers.deconv.linear import Delinear
from trainables.layers.deconv.revision2019 import DeConv2d2019, FastDeconv2d2019


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
