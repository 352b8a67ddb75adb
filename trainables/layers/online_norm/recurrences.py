"""The recurrences of Online Normalization in closed form, on [B, C] numbers: one for each sample and channel.

Chiley et al., "Online Normalization for Training Neural Networks", NeurIPS 2019. The samples t of a batch pass in order
and every channel has four numbers of state: the streams mu, var of the forward pass and the controls u, v of the
backward pass. With the decays a and b, k = 1 - b, and m_t, w_t the mean and the biased variance of x_t over its plane,

    y_t = (x_t - mu) / s_t,   s_t = sqrt(var + eps)       g'_t = g_t - k v y_t,          v <- v + mean(g'_t y_t)
    var <- a var + (1-a) w_t + a (1-a) (m_t - mu)^2       dx_t = g'_t / s_t - k u,       u <- u + mean(dx_t)
    mu  <- mu + (1-a) (m_t - mu)

where every right-hand side has the state before sample t, and g_t is the gradient of y_t. The means of y_t and y_t^2
follow from m_t and w_t; with those of g_t and g_t y_t the controls are linear recurrences of numbers as well:

    v <- (1 - k mean(y_t^2)) v + mean(g_t y_t)            u <- b u + (mean(g_t) - k v mean(y_t)) / s_t

Then z = gamma y + beta, and layer scaling gives o = z / zeta with zeta^2 = mean(z^2) + ls_eps over all channels and
pixels of a sample. Everything is affine in x_t for each plane, so activations are met in four passes only.

Arrays are those of `online_scan`. What is not finite passes through; NumPy's warnings are the caller's to silence.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from torch import Tensor

from trainables.layers.online_norm.scan import Array, scan
from trainables.layers.online_norm.state import Settings


class Streams(NamedTuple):
    """The moments of the planes, and what each meets."""

    mean: Array
    variance: Array
    center: Array  # mu before each sample
    distance: Array  # mean - center
    square_s: Array  # var before each sample, plus eps


class Normalised(NamedTuple):
    """What the backward pass needs of the forward pass."""

    center: Array
    reciprocal: Array  # 1 / s
    mean_y: Array
    square_y: Array  # the mean of y^2
    layer: Array | None  # 1 / zeta, [B, 1]; None without layer scaling


def run_streams(
    mean: Array, variance: Array, mu: Array, var: Array, settings: Settings
) -> tuple[Streams, Array, Array]:
    """The streams that each sample meets when the first one meets `mu` and `var` [C], and those after the last one."""
    a = settings.afwd
    center, mu = scan(a, (1 - a) * mean, mu)
    distance = mean - center
    entering = distance * distance
    entering *= a
    entering += variance
    entering *= 1 - a
    before, var = scan(a, entering, var)
    return Streams(mean, variance, center, distance, before + settings.eps), mu, var


def normalise(streams: Streams, gamma: Array, beta: Array, settings: Settings) -> tuple[Array, Array, Normalised]:
    """o before clamping as `scale * (x - mean) + shift`, so `shift` is its mean; and what the backward pass needs."""
    reciprocal = 1 / _sqrt(streams.square_s)
    mean_y = streams.distance * reciprocal
    square_y = streams.variance * reciprocal
    square_y *= reciprocal
    scale = gamma * reciprocal
    shift = scale * streams.distance
    shift += beta
    layer = None
    if settings.ecm == "ls":
        square_z = (shift * shift).sum(1) + _dot(square_y, gamma * gamma)  # the variance of y so far
        layer = 1 / _sqrt(square_z / shift.shape[1] + settings.ls_eps)[:, None]
        scale *= layer
        shift *= layer
    square_y += mean_y * mean_y
    return scale, shift, Normalised(streams.center, reciprocal, mean_y, square_y, layer)


def through_layer(
    do: Array, doy: Array, gamma: Array, beta: Array, norm: Normalised
) -> tuple[Array, Array, Array | None]:
    """From the sums over each plane of the gradient of o, and of that times y, to those of zeta times the gradient of z.

    With layer scaling that is do - along o, where along is the mean of do o over all channels and pixels; without it
    nothing changes. The third result is along [B, 1] times the number of pixels, or None.
    """
    if norm.layer is None:
        return do, doy, None
    along = (_dot(doy, gamma) + _dot(do, beta))[:, None] * norm.layer / do.shape[1]
    of_y, of_1 = along * norm.layer * gamma, along * norm.layer * beta  # along o = of_y y + of_1
    do, doy = do - of_1, doy - of_1 * norm.mean_y
    do -= of_y * norm.mean_y
    doy -= of_y * norm.square_y
    return do, doy, along


def run_controls(
    dy: Array, dyy: Array, norm: Normalised, u: Array, v: Array, settings: Settings
) -> tuple[Array, Array, Array, Array]:
    """The corrections -k u and -k v that each sample meets, and u and v after the last one; [B, C], [C].

    Args:
        dy: -k times the mean of the gradient of y over each plane; it is used up.
        dyy: the same of that times y.
        u, v: what the first sample meets, for a loss without scale. The recurrences are linear in the gradient, so they
            run in units of the corrections and of the scaled loss.
    """
    k = 1 - settings.abkw
    unit = -k * settings.loss_scale
    of_y, v = scan(1 - k * norm.square_y, dyy, unit * v)
    dy -= k * of_y * norm.mean_y
    dy *= norm.reciprocal
    constant, u = scan(settings.abkw, dy, unit * u)
    return constant, of_y, u / unit, v / unit


def gradient(
    constant: Array, of_y: Array, along: Array | None, gamma: Array, beta: Array, norm: Normalised
) -> tuple[Array, Array, Array]:
    """The gradient of x as `of_g * g + of_x * (x - center) + constant`, g being that of o; uses the corrections up."""
    if norm.layer is None:
        of_g = gamma * norm.reciprocal
    else:
        through = norm.layer * gamma  # dy = through (do - along o)
        of_g = through * norm.reciprocal
        constant -= along * norm.layer * beta * of_g
        through *= through
        through *= along
        of_y -= through
    of_y *= norm.reciprocal
    of_y *= norm.reciprocal
    return of_g, of_y, constant


def _sqrt(array: Array) -> Array:
    return array.sqrt() if isinstance(array, Tensor) else np.sqrt(array)


def _dot(array: Array, vector: Array) -> Array:
    """The product of a matrix and a vector; for a tensor not as such, because TF32 or autocast might round it."""
    return (array * vector).sum(1) if isinstance(array, Tensor) else array @ vector
