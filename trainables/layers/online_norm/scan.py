"""First-order linear recurrences over the samples of a batch, one for each channel: all of a layer that is sequential.

A step composes with the next one to a step of the same form, (a2, x2) o (a1, x1) = (a2 a1, a2 x1 + x2), so log2(B)
doublings of the distance solve all samples at once (Hillis and Steele, "Data parallel algorithms", 1986). Nothing is
divided by a product of coefficients and no logarithm is taken: coefficients may be zero, negative or larger than one.

The [B, C] numbers are NumPy arrays on a CPU, where a small operation costs half of what torch takes, and tensors
elsewhere.
"""

from __future__ import annotations

from typing import Any

import numpy as np

Array = Any  # np.ndarray or Tensor: what follows uses nothing that the two do not share

# NumPy walks the rows one by one where channels times doublings are at least this many, for coefficients that differ and
# for one coefficient: measured between [32, 16] and [512, 2048], the break-even moves little with the samples.
WALK_FROM = (1500, 6000)


def scan(coefficients: Array | float, values: Array, start: Array) -> tuple[Array, Array]:
    """The states of s <- a_t s + x_t before each sample, and the state after the last one.

    Args:
        coefficients: a, [B, C], or one number for all.
        values: x, [B, C] with B >= 1.
        start: the state before the first sample, [C].

    Returns:
        The states before the samples [B, C], and the state after the last one [C].
    """
    shape = (len(values) + 1, values.shape[1])
    on_cpu = isinstance(values, np.ndarray)
    states: Array = np.empty(shape, values.dtype) if on_cpu else values.new_empty(shape)
    states[0], states[1:] = start, values
    single = isinstance(coefficients, float)
    if on_cpu and values.shape[1] * len(values).bit_length() >= WALK_FROM[single]:
        _walk(coefficients, states)
    elif single:
        _double_one(coefficients, states)
    else:
        _double(coefficients, states)
        # A product of coefficients may overflow and meet a zero where the recurrence itself stays finite.
        if on_cpu and not np.isfinite(states[-1]).all():
            states[1:] = values
            _walk(coefficients, states)
    return states[:-1], states[-1]


def _double_one(a: float, states: Array) -> None:
    """Turn the start followed by the values into the states; each round doubles the number of samples composed."""
    s = states[1:]
    s[0] += a * states[0]
    distance = 1
    while distance < len(s):
        later = s[distance:]
        later += a * s[:-distance]
        a *= a
        distance *= 2


def _double(a: Array, states: Array) -> None:
    """The same with a coefficient for each value."""
    s = states[1:]
    s[0] += a[0] * states[0]
    a = a[1:]
    distance = 1
    while distance < len(s):
        later = s[distance:]
        later += a * s[:-distance]
        # Only samples whose window does not reach back to the start go on: those from twice the distance.
        a = a[distance:] * a[:-distance]
        distance *= 2


def _walk(a: Array | float, states: Array) -> None:
    """The same row by row."""
    rows = list(states)
    factors = [a] * (len(rows) - 1) if isinstance(a, float) else a
    for factor, before, after in zip(factors, rows, rows[1:], strict=False):
        after += factor * before
