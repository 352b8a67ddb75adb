"""What the layers of network deconvolution refuse, each in one sentence."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator, Mapping, Sequence

from torch import Tensor, nn

from trainables.layers.deconv.inverse_root import check_iterations


def check_statistics(eps: float, n_iter: int, momentum: float, sampling_stride: int = 1) -> None:
    """Refuse settings of the statistics out of their range."""
    if not 0 <= eps < math.inf:
        raise ValueError(f"`eps` is {eps:g}, but must be finite and at least 0; published are 1e-5 and 1e-2")
    check_iterations(n_iter, "n_iter")
    if not 0 < momentum <= 1:
        raise ValueError(f"`momentum` is {momentum:g}, but must lie above 0 and at most at 1; published is 0.1")
    check_at_least_1("sampling_stride", sampling_stride, "3 takes every third pixel of a row")


def check_at_least_1(name: str, value: int, remedy: str) -> None:
    """Refuse a count below 1."""
    if value < 1:
        raise ValueError(f"`{name}` is {value}, but must be at least 1; {remedy}")


def squares(**sides: int | Sequence[int]) -> Iterator[int]:
    """One number for both sides of each: `kernel_size`, `stride`, ...; a pair of equal ones is taken as well."""
    for name, value in sides.items():
        if isinstance(value, int):
            yield value
        elif len(set(value)) == 1:
            yield int(value[0])
        else:
            raise ValueError(
                f"`{name}` is {tuple(value)}, but must be the same along both sides; give one number, such as {max(value)}"
            )


def check_divides(num_groups: int, channels: Mapping[str, int]) -> None:
    """Refuse, for all layers at once, input channels that the 2019 groups don't divide.

    Args:
        num_groups: channels in a block; layers with fewer channels are one block.
        channels: input channels by the name of the layer.
    """
    check_at_least_1("num_groups", num_groups, "published is 16")
    wrong = [f"{name} ({count})" for name, count in channels.items() if count % min(num_groups, count)]
    if wrong:
        raise ValueError(
            f"`num_groups` is {num_groups}, but must divide the input channels of every layer, unlike those of "
            f"{', '.join(wrong)}; choose a divisor, or the 2020 layers, which choose one by themselves"
        )


def check_images(x: Tensor, channels: int, layer: nn.Module) -> None:
    """Refuse anything but floating point images [N, channels, H, W]."""
    if x.dim() != 4:
        raise ValueError(
            f"the input has shape {list(x.shape)}, but {type(layer).__name__} takes [N, C, H, W]; reshape it"
        )
    if x.shape[1] != channels:
        raise ValueError(f"the input has {x.shape[1]} channels, but this layer has {channels}; make them equal")
    check_values(x, layer)


def check_values(x: Tensor, layer: nn.Module) -> None:
    """Refuse an input that isn't floating point, and in training one without values."""
    if not x.is_floating_point():
        raise ValueError(f"the input is {x.dtype}, but must be floating point; convert it with `.float()`")
    if layer.training and x.numel() == 0:
        raise ValueError(f"the input has shape {list(x.shape)} and no values, but training needs some; drop the batch")


def warn_of_few_rows(rows: int, features: int, name: str) -> None:
    """Warn of a covariance from fewer samples than twice its features."""
    warnings.warn(
        f"layer {name} whitens {features} features by {rows} samples, fewer than twice as many, so its inverse root is "
        "ill-conditioned; use a larger batch, a smaller block or a smaller sampling stride",
        stacklevel=3,
    )
