"""The passes over activations: fused or broadcast, contiguous or channels-last, they compute what their formula says."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from trainables.layers import planes

LAYOUTS = ["contiguous", "channels-last", "one pixel", "features"]


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def activations(layout: str, seed: int = 0) -> Tensor:
    shape = {"one pixel": (4, 3, 1, 1), "features": (4, 3)}.get(layout, (4, 3, 5, 6))
    x = 2 + random(*shape, seed=seed)
    return x.contiguous(memory_format=torch.channels_last) if layout == "channels-last" else x


def per_plane(values: Tensor, x: Tensor) -> Tensor:
    return values.reshape(values.shape + (1,) * (x.dim() - 2))


def plane_means(x: Tensor) -> Tensor:
    return x.flatten(2).mean(2) if x.dim() == 4 else x


@pytest.mark.parametrize("layout", LAYOUTS)
def test_moments_are_mean_and_biased_variance_and_rescaling_starts_from_them(layout: str) -> None:
    x = activations(layout)
    scale, constant = random(4, 3, seed=1), random(4, 3, seed=2)
    moments = planes.moments(x)
    mean = plane_means(x)
    torch.testing.assert_close(moments.mean, mean)
    torch.testing.assert_close(moments.variance, plane_means((x - per_plane(mean, x)).square()), rtol=1e-12, atol=1e-15)
    rescaled = planes.rescaled(moments, scale, constant)
    expected = per_plane(scale, x) * (x - per_plane(mean, x)) + per_plane(constant, x)
    torch.testing.assert_close(rescaled, expected, rtol=1e-12, atol=1e-12)
    assert rescaled.stride() == x.stride()


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("gradient", LAYOUTS[:2])
def test_sums_and_combinations_follow_their_formulas_whatever_the_layout_of_the_gradient(layout, gradient) -> None:
    x, center = activations(layout), random(4, 3, seed=1)
    a, b, c = (random(4, 3, seed=seed) for seed in (2, 3, 4))
    g = activations(layout, seed=5)
    if gradient == "channels-last" and g.dim() == 4:
        g = g.contiguous(memory_format=torch.channels_last)
    about = x - per_plane(center, x)
    mean_g, mean_gx = planes.means(g, x, center)
    torch.testing.assert_close(mean_g, plane_means(g), rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(mean_gx, plane_means(g * about), rtol=1e-12, atol=1e-12)
    affine = per_plane(b, x) * about + per_plane(c, x)
    torch.testing.assert_close(planes.affine(x, b, center, c), affine, rtol=1e-12, atol=1e-12)
    combined = planes.combined(g, a, x, b, center, c)
    torch.testing.assert_close(combined, per_plane(a, x) * g + affine, rtol=1e-12, atol=1e-12)
    assert combined.stride() == x.stride()


@pytest.mark.parametrize("layout", ["contiguous", "channels-last"])
def test_the_variance_of_a_constant_plane_is_zero(layout: str) -> None:
    moments = planes.moments(torch.full_like(activations(layout), 7.0))
    assert (moments.variance <= 1e-20).all()
    assert moments.centered.isfinite().all()


@pytest.mark.parametrize("layout", ["contiguous", "channels-last"])
def test_float32_moments_hold_where_the_mean_is_a_hundred_deviations(layout: str) -> None:
    x = activations(layout) + 100
    moments = planes.moments(x.float())
    variance = plane_means((x - per_plane(plane_means(x), x)).square())
    torch.testing.assert_close(moments.variance.double(), variance, rtol=2e-5, atol=0)
