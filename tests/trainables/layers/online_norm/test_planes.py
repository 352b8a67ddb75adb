"""The passes over activations: fused or broadcast, contiguous or channels-last, they compute what their formula says."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from trainables.layers.online_norm import planes

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


@pytest.fixture(params=["cpu", "elsewhere"])
def _form(request, monkeypatch):
    """The kernels for a CPU, or the broadcasting that other devices take."""
    if request.param == "elsewhere":
        monkeypatch.setattr(planes, "on_cpu", lambda tensor: False)


@pytest.mark.usefixtures("_form")
@pytest.mark.parametrize("layout", LAYOUTS)
def test_moments_are_mean_and_biased_variance(layout: str) -> None:
    x = activations(layout)
    mean, variance = planes.moments(x)
    torch.testing.assert_close(mean, plane_means(x), rtol=1e-12, atol=1e-12)
    expected = plane_means((x - per_plane(mean, x)).square())
    torch.testing.assert_close(variance, expected, rtol=1e-12, atol=1e-15)


@pytest.mark.usefixtures("_form")
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("gradient", LAYOUTS[:2])
def test_passes_follow_their_formulas_whatever_the_layout_of_the_gradient(layout: str, gradient: str) -> None:
    x, center = activations(layout), random(4, 3, seed=1)
    a, b, c = (random(4, 3, seed=seed) for seed in (2, 3, 4))
    g = activations(layout, seed=5)
    if gradient == "channels-last" and g.dim() == 4:
        g = g.contiguous(memory_format=torch.channels_last)
    about, pixels = x - per_plane(center, x), x[0, 0].numel()
    expected = {
        "sums": (plane_means(g) * pixels, plane_means(g * about) * pixels),
        "sums about 0": (plane_means(g) * pixels, plane_means(g * x) * pixels),
        "affine": per_plane(b, x) * about + per_plane(c, x),
        "combined": per_plane(a, x) * g + per_plane(b, x) * about + per_plane(c, x),
    }
    results = {
        "sums": planes.sums(g, x, center),
        "sums about 0": planes.sums(g, x, None),
        "affine": planes.affine(x, b, center, c),
        "combined": planes.combined(g, a, x, b, center, c),
    }
    for name, result in results.items():
        torch.testing.assert_close(result, expected[name], rtol=1e-12, atol=1e-12)
    assert results["affine"].stride() == x.stride()
    assert results["combined"].stride() == x.stride()


@pytest.mark.usefixtures("_form")
def test_arguments_are_left_as_they_were() -> None:
    x, g, values = activations("contiguous"), activations("contiguous", seed=1), random(4, 3, seed=2)
    copies = x.clone(), g.clone(), values.clone()
    planes.moments(x)
    planes.sums(g, x, values)
    planes.affine(x, values, values, values)
    planes.combined(g, values, x, values, values, values)
    assert all(torch.equal(one, other) for one, other in zip((x, g, values), copies, strict=True))


@pytest.mark.usefixtures("_form")
def test_the_variance_of_a_constant_plane_is_zero() -> None:
    _, variance = planes.moments(torch.full((4, 3, 5, 6), 7.0))
    assert (variance <= 1e-18).all()


@pytest.mark.usefixtures("_form")
def test_float32_moments_hold_where_the_mean_is_a_hundred_deviations() -> None:
    x = (activations("contiguous") + 100).float()
    _, variance = planes.moments(x)
    expected = x.double().flatten(2).var(2, correction=0)
    torch.testing.assert_close(variance.double(), expected, rtol=1e-5, atol=0)
