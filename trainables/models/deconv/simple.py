"""The small networks of the first deconvolution experiments: linear regression, a 12-layer network, a sigmoid MLP.

`method` chooses the form; the layers of methods that whiten are those of the 2019 revision with their own defaults
(eps 1e-2, 5 iterations, sampling stride 3), which no option changes.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

from torch import nn

from trainables.layers.deconv import ChannelDeconv2d, DeConv2d2019

METHODS = (1, 2, 3, 4)
# Numbers of an image whose full covariance is taken: those of 3x64x64, a matrix of 600 MB.
LARGEST_ROOT = 3 * 64**2


def simple_v1(
    norm: str, num_classes: int = 10, in_channels: int = 3, image_size: int = 32, *, method: int | None = None
) -> nn.Module:
    """Logistic or linear regression: one convolution as large as the image, 30,730 parameters at 3x32x32.

    Args:
        norm: `bn` is method 1 and `deconv` method 3 where `method` is None.
        num_classes: outputs.
        in_channels: image channels.
        image_size: side of the images in pixels.
        method: 1 plain; 2 channels whitened; 3 all pixels and channels whitened together (3072 x 3072 at 3x32x32);
            4 the flattened image whitened as 32 runs of pixels.
    """
    method = _chosen(method, 1 if norm == "bn" else 3)
    pixels = in_channels * image_size**2
    if method == 3 and pixels > LARGEST_ROOT:
        raise ValueError(
            f"`method` is 3, which whitens all {pixels:,} numbers of an image together by a matrix of as many rows and "
            f"columns, but at most {LARGEST_ROOT:,} are feasible; lower `image_size` or use another method"
        )
    if method == 3:
        regression: nn.Module = DeConv2d2019(in_channels, num_classes, image_size, mode=4, num_groups=in_channels)
    else:
        regression = nn.Conv2d(in_channels, num_classes, image_size)
    before: list[nn.Module] = []
    if method == 2:
        before = [ChannelDeconv2d(in_channels)]
    if method == 4:
        shape = (in_channels, image_size, image_size)
        before = [nn.Flatten(), ChannelDeconv2d(min(32, pixels)), nn.Unflatten(1, shape)]
    return nn.Sequential(*before, regression, nn.Flatten())


def simple_v2(
    norm: str, num_classes: int = 10, in_channels: int = 3, image_size: int = 32, *, method: int | None = None
) -> nn.Module:
    """Twelve 3x3 convolutions without padding (to 4, 8, ..., 44 maps and the classes), ReLU between, average pooling.

    Args:
        norm: `bn` is method 1 and `deconv` method 3 where `method` is None.
        num_classes: outputs.
        in_channels: image channels.
        image_size: side of the images in pixels, at least 25.
        method: 1 batch normalisation, 68,250 parameters; 2 channels whitened before each convolution; 3 channels and
            patches whitened together, in blocks of 16 channels where they divide a layer's channels and of their
            greatest common divisor elsewhere; 4 patches whitened alone, 67,702 parameters.
    """
    method = _chosen(method, 1 if norm == "bn" else 3)
    widths = [in_channels, *range(4, 48, 4), num_classes]
    modules: list[nn.Module] = []
    for inputs, outputs in itertools.pairwise(widths):
        if modules:
            modules.append(nn.ReLU())
        match method:
            case 1:
                modules += [nn.Conv2d(inputs, outputs, 3), nn.BatchNorm2d(outputs)]
            case 2:
                modules += [ChannelDeconv2d(min(16, inputs)), nn.Conv2d(inputs, outputs, 3)]
            case 3:
                # Sixteen channels a block would mix samples in layers of 20 channels and more.
                groups = inputs if inputs < 16 else math.gcd(16, inputs)
                modules.append(DeConv2d2019(inputs, outputs, 3, mode=4, num_groups=groups))
            case _:
                modules.append(DeConv2d2019(inputs, outputs, 3, mode=2))
    return nn.Sequential(*modules, nn.AdaptiveAvgPool2d(1), nn.Flatten())


def mlp(
    norm: str, num_classes: int = 10, in_channels: int = 3, image_size: int = 32, *, method: int | None = None
) -> nn.Module:
    """pixels-128-128-classes with sigmoids between; biases start at 0.

    Parameters are those at gray 28x28 images and 10 classes.

    Args:
        norm: `bn` is method 2 and `deconv` method 3 where `method` is None.
        num_classes: outputs.
        in_channels: image channels.
        image_size: side of the images in pixels.
        method: 1 plain, 118,282 parameters; 2 batch normalisation before each sigmoid and no bias, 118,528; 3 features
            whitened in blocks of 32 before each linear layer and no bias, 118,016; 4 both, 118,528.
    """
    method = _chosen(method, 2 if norm == "bn" else 3)
    pixels = in_channels * image_size**2
    modules: list[nn.Module] = [nn.Flatten()]
    for inputs, outputs, last in ((pixels, 128, False), (128, 128, False), (128, num_classes, True)):
        if method in (3, 4):
            modules.append(ChannelDeconv2d(min(32, inputs)))
        linear = nn.Linear(inputs, outputs, bias=method == 1)
        if method == 1:
            nn.init.zeros_(linear.bias)
        modules.append(linear)
        if last:
            break
        if method in (2, 4):
            modules.append(nn.BatchNorm1d(outputs))
        modules.append(nn.Sigmoid())
    return nn.Sequential(*modules)


def _chosen(method: int | None, default: int) -> int:
    if method is None:
        return default
    if method not in METHODS:
        raise ValueError(f"`method` is {method!r}, but must be 1, 2, 3 or 4; 1 is the plain network")
    return method


BUILDERS: dict[str, Callable[..., nn.Module]] = {"simple_v1": simple_v1, "simple_v2": simple_v2, "mlp": mlp}
