"""The recurrences over the samples of a batch: whichever way they are solved, they are those of a plain loop."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from trainables.layers.online_norm import scan as online_scan
from trainables.layers.online_norm.scan import scan


def looped(coefficients: np.ndarray, values: np.ndarray, start: np.ndarray) -> np.ndarray:
    """The start and the state after each sample, in float64."""
    states = [start.astype(np.float64)]
    for a, x in zip(coefficients.astype(np.float64), values.astype(np.float64), strict=True):
        states.append(a * states[-1] + x)
    return np.stack(states)


def problem(samples: int, channels: int, dtype: str = "float64") -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Coefficients from -1.5 to 1.5, some of them zero; values; a start."""
    generator = np.random.default_rng(samples)
    coefficients = generator.uniform(-1.5, 1.5, (samples, channels))
    coefficients[generator.random(coefficients.shape) < 0.1] = 0
    values, start = generator.normal(size=(samples, channels)), generator.normal(size=channels)
    return coefficients.astype(dtype), values.astype(dtype), start.astype(dtype)


@pytest.fixture(params=["double", "walk", "tensor"])
def solve(request, monkeypatch):
    """`scan` by each of its ways, as a function from arrays to all states."""
    monkeypatch.setattr(online_scan, "WALK_FROM", (0, 0) if request.param == "walk" else (10**9, 10**9))

    def states(coefficients, values, start):
        arrays = (coefficients, values, start)
        if request.param == "tensor":
            arrays = tuple(torch.from_numpy(a) if isinstance(a, np.ndarray) else a for a in arrays)
        before, last = scan(*arrays)
        return np.concatenate([np.asarray(before), np.asarray(last)[None]])

    return states


@pytest.mark.parametrize("samples", [1, 2, 3, 8, 37, 128, 300])
def test_states_are_those_of_a_loop(solve, samples: int) -> None:
    coefficients, values, start = problem(samples, 5)
    expected = looped(coefficients, values, start)
    np.testing.assert_allclose(solve(coefficients, values, start), expected, rtol=0, atol=1e-12 * abs(expected).max())


@pytest.mark.parametrize("samples", [1, 2, 5, 128, 300])
def test_one_coefficient_serves_all_samples(solve, samples: int) -> None:
    _, values, start = problem(samples, 4)
    expected = looped(np.full_like(values, 0.97), values, start)
    np.testing.assert_allclose(solve(0.97, values, start), expected, rtol=1e-12, atol=1e-12)


def test_float32_stays_float32_and_close_to_float64(solve) -> None:
    coefficients, values, start = problem(128, 16, "float32")
    states = solve(coefficients, values, start)
    expected = looped(coefficients, values, start)
    assert states.dtype == np.float32
    np.testing.assert_allclose(states, expected, rtol=0, atol=2e-6 * abs(expected).max())


def test_the_arguments_are_left_as_they_were(solve) -> None:
    arrays = problem(16, 3)
    copies = [array.copy() for array in arrays]
    solve(*arrays)
    assert all((array == copy).all() for array, copy in zip(arrays, copies, strict=True))


def test_coefficients_whose_product_overflows_do_not_spoil_a_state_that_stays_zero() -> None:
    coefficients = np.full((64, 2), -1e4, dtype=np.float32)
    values = np.zeros((64, 2), dtype=np.float32)
    values[-1, 1] = 3
    with np.errstate(over="ignore", invalid="ignore"):
        before, last = scan(coefficients, values, np.zeros(2, dtype=np.float32))
    assert (before == 0).all()
    assert last.tolist() == [0, 3]
