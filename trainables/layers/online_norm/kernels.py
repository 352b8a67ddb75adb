"""Online Normalization as six Triton kernels, three each way: passes over activations, and the walks along the samples.

`online_recurrences` states the mathematics; the same letters are used here. Activations are [B, C, pixels] by any three
strides, read and written in their own type and computed in WIDE; [B, C] and [C] numbers are computed and kept in the
type of the state. A kernel over activations has one program a sample (and a block of pixels), which sees all channels
of its pixels, since layer scaling sums over them. A walk has one program a block of channels and takes the samples one
by one: nothing is divided by a product of coefficients, and nothing overflows that the recurrence itself leaves finite.

Numbers of the layer come as float64, so that a float64 state is exact. BLOCK_C is at least the number of channels,
except in a walk; both blocks are powers of two.
"""

# ruff: noqa: N803, SIM102
# mypy: ignore-errors
# What is in here is Triton's own language: constants in capitals, conditions on them apart, types that are not Python's.

import triton
import triton.language as tl

# Rows of a walk that are on their way from memory while one is computed: without them each waits for its own.
STAGES = tl.constexpr(8)


@triton.jit
def number(value, like):
    """One of the layer's numbers in the type of the state."""
    return tl.full((), value, like.dtype.element_ty)


@triton.jit
def moments(
    x, mean, variance, channels, pixels, of_sample, of_channel, of_pixel,
    WIDE: tl.constexpr, BLOCK_P: tl.constexpr, BLOCK_C: tl.constexpr,
):  # fmt: skip
    """Mean and biased variance [B, C] of each plane, in two passes: the second about the mean."""
    sample = tl.program_id(0).to(tl.int64)
    c = tl.arange(0, BLOCK_C)
    x += sample * of_sample + c[None, :] * of_channel
    total = tl.zeros((BLOCK_P, BLOCK_C), WIDE)
    for start in range(0, pixels, BLOCK_P):
        p = start + tl.arange(0, BLOCK_P)
        inside = (p[:, None] < pixels) & (c[None, :] < channels)
        total += tl.load(x + p[:, None] * of_pixel, mask=inside, other=0).to(WIDE)
    m = tl.sum(total, 0) / pixels
    squares = tl.zeros((BLOCK_P, BLOCK_C), WIDE)
    for start in range(0, pixels, BLOCK_P):
        p = start + tl.arange(0, BLOCK_P)
        inside = (p[:, None] < pixels) & (c[None, :] < channels)
        distance = tl.load(x + p[:, None] * of_pixel, mask=inside, other=0).to(WIDE) - m[None, :]
        squares += tl.where(inside, distance * distance, 0)
    tl.store(mean + sample * channels + c, m, mask=c < channels)
    tl.store(variance + sample * channels + c, tl.sum(squares, 0) / pixels, mask=c < channels)


@triton.jit
def walk_streams(
    mean, variance, mu, var, center, reciprocal, begin, end, samples, channels,
    a: tl.float64, rest: tl.float64, eps: tl.float64, BLOCK_C: tl.constexpr,
):  # fmt: skip
    """The streams that each sample meets: center [B, C] and 1 / s [B, C]; where they began and end.

    `rest` is 1 - a. `begin` [3, C] gets mu, var and the sum of the means, `end` [2, C] mu and var.
    """
    c = tl.program_id(0) * BLOCK_C + tl.arange(0, BLOCK_C)
    inside = c < channels
    a_, rest_, eps_ = number(a, mu), number(rest, mu), number(eps, mu)
    m, s = tl.load(mu + c, mask=inside, other=0), tl.load(var + c, mask=inside, other=1)
    total = m - m
    tl.store(begin + c, m, mask=inside)
    tl.store(begin + channels + c, s, mask=inside)
    for t in tl.range(samples, num_stages=STAGES):
        row = t * channels + c
        plane = tl.load(mean + row, mask=inside, other=0)
        spread = tl.load(variance + row, mask=inside, other=0)
        tl.store(center + row, m, mask=inside)
        tl.store(reciprocal + row, 1 / tl.sqrt(s + eps_), mask=inside)
        distance = plane - m
        s = a_ * s + rest_ * (spread + a_ * distance * distance)
        m = a_ * m + rest_ * plane
        total += plane
    tl.store(begin + 2 * channels + c, total, mask=inside)
    tl.store(end + c, m, mask=inside)
    tl.store(end + channels + c, s, mask=inside)


@triton.jit
def scale_and_bias(weight, bias, state, c, inside):
    """gamma and beta in the type of the state; 1 and 0 where the layer has none."""
    gamma, beta = tl.full(c.shape, 1, state.dtype.element_ty), tl.full(c.shape, 0, state.dtype.element_ty)
    if weight is not None:
        gamma = tl.load(weight + c, mask=inside, other=0).to(gamma.dtype)
    if bias is not None:
        beta = tl.load(bias + c, mask=inside, other=0).to(beta.dtype)
    return gamma, beta


@triton.jit
def move(first, second, ends, channels, c, inside):
    """Overwrite both numbers of the state by `ends` [2, C], or neither where one of them is not finite."""
    new_first = tl.load(ends + c, mask=inside, other=0)
    new_second = tl.load(ends + channels + c, mask=inside, other=0)
    if tl.sum(tl.where(tl.abs(new_first + new_second) < float("inf"), 0, 1), 0) == 0:
        tl.store(first + c, new_first, mask=inside)
        tl.store(second + c, new_second, mask=inside)


@triton.jit
def normalise(
    x, out, mean, variance, center, reciprocal, weight, bias, layer, end, mu, var,
    channels, pixels, of_sample, of_channel, of_pixel, ls_eps: tl.float64, clamp: tl.float64,
    ECM: tl.constexpr, MOVE: tl.constexpr, WIDE: tl.constexpr, BLOCK_P: tl.constexpr, BLOCK_C: tl.constexpr,
):  # fmt: skip
    """o of a block of pixels of one sample; 1 / zeta of the sample into `layer` [B]; one program moves the streams."""
    sample = tl.program_id(0).to(tl.int64)
    c = tl.arange(0, BLOCK_C)
    known = c < channels
    row = sample * channels + c
    r = tl.load(reciprocal + row, mask=known, other=0)
    plane = tl.load(mean + row, mask=known, other=0)
    gamma, beta = scale_and_bias(weight, bias, mu, c, known)
    scale = gamma * r
    shift = tl.where(known, scale * (plane - tl.load(center + row, mask=known, other=0)) + beta, 0)
    if ECM == "ls":
        spread = tl.load(variance + row, mask=known, other=0)
        square_z = tl.sum(shift * shift + spread * scale * scale, 0) / channels
        by_layer = 1 / tl.sqrt(square_z + number(ls_eps, mu))
        scale *= by_layer
        shift *= by_layer
        if tl.program_id(1) == 0:
            tl.store(layer + sample, by_layer)
    p = tl.program_id(1) * BLOCK_P + tl.arange(0, BLOCK_P)
    inside = (p[:, None] < pixels) & known[None, :]
    at = sample * of_sample + p[:, None] * of_pixel + c[None, :] * of_channel
    o = tl.load(x + at, mask=inside, other=0).to(WIDE) - plane.to(WIDE)[None, :]
    o = scale.to(WIDE)[None, :] * o + shift.to(WIDE)[None, :]
    if ECM == "ac":
        bound = tl.full((), clamp, WIDE)
        o = tl.where(o > bound, bound, tl.where(o < -bound, -bound, o))  # which lets NaN pass
    tl.store(out + at, o, mask=inside)
    if MOVE:
        if (sample == 0) & (tl.program_id(1) == 0):
            move(mu, var, end, channels, c, known)


@triton.jit
def unclamped(g, x, scale, middle, beta, clamp, ECM: tl.constexpr, WIDE: tl.constexpr):
    """The gradient of z from that of o: none at and beyond the bounds of clamping; others leave it as it is."""
    if ECM == "ac":
        bound = tl.full((), clamp, WIDE)
        z = scale.to(WIDE)[None, :] * (x - middle.to(WIDE)[None, :]) + beta.to(WIDE)[None, :]
        g = tl.where((z >= bound) | (z <= -bound), 0, g)
    return g


@triton.jit
def plane_sums(
    g, x, mean, variance, center, reciprocal, weight, bias, layer, state, sums, products, along,
    channels, pixels, of_sample, of_channel, of_pixel, clamp: tl.float64,
    ECM: tl.constexpr, WIDE: tl.constexpr, BLOCK_P: tl.constexpr, BLOCK_C: tl.constexpr,
):  # fmt: skip
    """The sums over each plane of zeta times the gradient of z and of that times y [B, C]; `along` [B] as there."""
    sample = tl.program_id(0).to(tl.int64)
    c = tl.arange(0, BLOCK_C)
    known = c < channels
    row = sample * channels + c
    middle = tl.load(center + row, mask=known, other=0)
    r = tl.load(reciprocal + row, mask=known, other=0)
    gamma, beta = scale_and_bias(weight, bias, state, c, known)
    total, dot = tl.zeros((BLOCK_P, BLOCK_C), WIDE), tl.zeros((BLOCK_P, BLOCK_C), WIDE)
    for start in range(0, pixels, BLOCK_P):
        p = start + tl.arange(0, BLOCK_P)
        inside = (p[:, None] < pixels) & known[None, :]
        at = sample * of_sample + p[:, None] * of_pixel + c[None, :] * of_channel
        activation = tl.load(x + at, mask=inside, other=0).to(WIDE)
        do = tl.load(g + at, mask=inside, other=0).to(WIDE)
        do = unclamped(do, activation, gamma * r, middle, beta, clamp, ECM, WIDE)
        total += do
        dot += do * (activation - middle.to(WIDE)[None, :])
    do, doy = tl.sum(total, 0).to(r.dtype), tl.sum(dot, 0).to(r.dtype) * r
    if ECM == "ls":
        by_layer = tl.load(layer + sample)
        mean_y = (tl.load(mean + row, mask=known, other=0) - middle) * r
        square_y = tl.load(variance + row, mask=known, other=0) * r * r + mean_y * mean_y
        of_o = tl.sum(tl.where(known, doy * gamma + do * beta, 0), 0) * by_layer / channels
        of_y, of_1 = of_o * by_layer * gamma, of_o * by_layer * beta
        do = do - of_1 - of_y * mean_y
        doy = doy - of_1 * mean_y - of_y * square_y
        tl.store(along + sample, of_o)
    # The sums of what was loaded beyond the last channel are of nothing, and are not stored.
    tl.store(sums + row, do, mask=known)
    tl.store(products + row, doy, mask=known)


@triton.jit
def walk_controls(
    sums, products, mean, variance, center, reciprocal, layer, weight, u, v,
    of_y, constant, begin, end, grad_weight, grad_bias, samples, channels,
    k: tl.float64, b: tl.float64, per_pixel: tl.float64, unit: tl.float64,
    LAYER: tl.constexpr, BLOCK_C: tl.constexpr,
):  # fmt: skip
    """The corrections -k v and -k u that each sample meets [B, C], where the controls began and end [2, C], and the
    gradients of gamma and beta [C]. `per_pixel` is -k over the number of pixels, `unit` -k times the scale of the loss."""
    c = tl.program_id(0) * BLOCK_C + tl.arange(0, BLOCK_C)
    inside = c < channels
    k_, b_, unit_ = number(k, u), number(b, u), number(unit, u)
    first, second = tl.load(u + c, mask=inside, other=0), tl.load(v + c, mask=inside, other=0)
    tl.store(begin + c, first, mask=inside)
    tl.store(begin + channels + c, second, mask=inside)
    by_u, by_v = unit_ * first, unit_ * second
    gamma, _ = scale_and_bias(weight, None, u, c, inside)
    to_y = number(per_pixel, u) * gamma
    of_gamma, of_beta = first - first, first - first
    for t in tl.range(samples, num_stages=STAGES):
        row = t * channels + c
        r = tl.load(reciprocal + row, mask=inside, other=0)
        mean_y = (tl.load(mean + row, mask=inside, other=0) - tl.load(center + row, mask=inside, other=0)) * r
        square_y = tl.load(variance + row, mask=inside, other=0) * r * r + mean_y * mean_y
        do, doy = tl.load(sums + row, mask=inside, other=0), tl.load(products + row, mask=inside, other=0)
        if LAYER:
            by_layer = tl.load(layer + t)
            do *= by_layer
            doy *= by_layer
        of_gamma += doy
        of_beta += do
        tl.store(of_y + row, by_v, mask=inside)
        tl.store(constant + row, by_u, mask=inside)
        dy = (to_y * do - k_ * by_v * mean_y) * r
        by_v = (1 - k_ * square_y) * by_v + to_y * doy
        by_u = b_ * by_u + dy
    tl.store(end + c, by_u / unit_, mask=inside)
    tl.store(end + channels + c, by_v / unit_, mask=inside)
    tl.store(grad_weight + c, of_gamma, mask=inside)
    tl.store(grad_bias + c, of_beta, mask=inside)


@triton.jit
def gradient(
    g, x, grad, center, reciprocal, layer, along, weight, bias, of_y, constant, end, u, v,
    channels, pixels, of_sample, of_channel, of_pixel, clamp: tl.float64,
    ECM: tl.constexpr, MOVE: tl.constexpr, WIDE: tl.constexpr, BLOCK_P: tl.constexpr, BLOCK_C: tl.constexpr,
):  # fmt: skip
    """The gradient of a block of pixels of one sample; one program moves the controls."""
    sample = tl.program_id(0).to(tl.int64)
    c = tl.arange(0, BLOCK_C)
    known = c < channels
    row = sample * channels + c
    middle = tl.load(center + row, mask=known, other=0)
    r = tl.load(reciprocal + row, mask=known, other=0)
    gamma, beta = scale_and_bias(weight, bias, u, c, known)
    of_g = gamma * r
    of_x = tl.load(of_y + row, mask=known, other=0)
    shift = tl.load(constant + row, mask=known, other=0)
    scale = of_g
    if ECM == "ls":
        by_layer = tl.load(layer + sample)
        of_o = tl.load(along + sample) / pixels
        through = by_layer * gamma
        of_g = through * r
        shift -= of_o * by_layer * beta * of_g
        of_x -= through * through * of_o
    of_x *= r * r
    p = tl.program_id(1) * BLOCK_P + tl.arange(0, BLOCK_P)
    inside = (p[:, None] < pixels) & known[None, :]
    at = sample * of_sample + p[:, None] * of_pixel + c[None, :] * of_channel
    activation = tl.load(x + at, mask=inside, other=0).to(WIDE)
    do = tl.load(g + at, mask=inside, other=0).to(WIDE)
    do = unclamped(do, activation, scale, middle, beta, clamp, ECM, WIDE)
    dx = of_g.to(WIDE)[None, :] * do + of_x.to(WIDE)[None, :] * (activation - middle.to(WIDE)[None, :])
    tl.store(grad + at, dx + shift.to(WIDE)[None, :], mask=inside)
    if MOVE:
        if (sample == 0) & (tl.program_id(1) == 0):
            move(u, v, end, channels, c, known)
