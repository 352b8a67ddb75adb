"""Network Deconvolution: face of its rooms."""

from trainables.layers.deconv.export import (
    ChannelDeconv2d,
    DeConv2d2019,
    Delinear,
    FastDeconv2d,
    FastDeconv2d2019,
    block_size,
    check_divides,
    export,
    isqrt_newton_schulz,
    name_layers,
)

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
