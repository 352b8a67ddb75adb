"""Network Deconvolution (Ye et al., ICLR 2020): convolutions and linear layers that whiten their input.

A layer folds the whitening of its input's patches into its weights, W D with D = Cov^(-1/2) approximately, and calls an
ordinary convolution; gradients pass through mean and covariance. The layers of 2020 are in `fast`, `linear` and `channel`,
those of 2019 in `revision2019`; what they compute is exact, and what differs from the published layers is named an
extension and off.
"""

from trainables.layers.deconv.channel import ChannelDeconv2d
from trainables.layers.deconv.checks import check_divides
from trainables.layers.deconv.export import export
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
