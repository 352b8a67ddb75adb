"""The inverse square root: the iteration as it is written, its derivative, and the limit it tends to."""

import pytest
import torch
from torch import Tensor, nn

from trainables.layers.deconv import Delinear, FastDeconv2d, inverse_root, isqrt_newton_schulz
from trainables.layers.deconv.inverse_root import by_eigenvalues, by_products
from trainables.layers.deconv.moments import moments
from trainables.layers.deconv.newton_schulz import by_pairs
from trainables.layers.deconv.pixels import Columns


def covariance(features: int, rows: int, *batch: int, seed: int = 0) -> Tensor:
    x = torch.randn(*batch, features, rows, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return x @ x.mT / rows


def as_written(matrix: Tensor, iterations: int) -> Tensor:
    """The coupled iteration with all of its products, to be differentiated step by step."""
    norm = matrix.square().sum((-2, -1), keepdim=True).sqrt()
    y, z = matrix / norm, torch.eye(matrix.shape[-1], dtype=matrix.dtype).expand_as(matrix)
    for _ in range(iterations):
        t = (3 * torch.eye(matrix.shape[-1], dtype=matrix.dtype) - z @ y) / 2
        y, z = y @ t, t @ z
    return z / norm.sqrt()


@pytest.mark.parametrize("iterations", [1, 2, 3, 5, 10])
@pytest.mark.parametrize("way", [by_products, by_pairs, by_eigenvalues])
@pytest.mark.parametrize("batch", [(), (3,)])
def test_all_ways_equal_the_iteration_as_written_with_its_gradient(way, iterations, batch) -> None:
    matrix = covariance(20, 60, *batch).requires_grad_()
    grad = torch.randn(matrix.shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    root, expected = way(matrix, iterations), as_written(matrix, iterations)
    torch.testing.assert_close(root, expected, rtol=1e-11, atol=1e-12)
    result, wanted = torch.autograd.grad(root, matrix, grad)[0], torch.autograd.grad(expected, matrix, grad)[0]
    assert (result - wanted).abs().max() <= 1e-10 * wanted.abs().max()


def one_by_one(matrix: Tensor, iterations: int) -> Tensor:
    return torch.cat([by_products(single, iterations) for single in matrix.split(1)])


@pytest.mark.parametrize("way", [one_by_one, by_pairs, by_eigenvalues])
def test_twenty_steps_of_a_network_stay_within_1e_12_whichever_way_its_roots_are_taken(way, monkeypatch) -> None:
    def trained() -> Tensor:
        torch.manual_seed(0)
        convolutions = (FastDeconv2d(3, 8, 3, padding=1, block=3), nn.ReLU(), FastDeconv2d(8, 8, 3, block=4), nn.ReLU())
        network = nn.Sequential(*convolutions, nn.Flatten(), Delinear(8 * 36, 10, block=32)).double().train()
        optimizer = torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.9)
        for _ in range(20):
            optimizer.zero_grad()
            images = torch.randn(16, 3, 8, 8, dtype=torch.float64)
            nn.functional.cross_entropy(network(images), torch.arange(16) % 10).backward()
            optimizer.step()
        return torch.cat([value.flatten() for value in network.state_dict().values()])

    expected = trained()
    taken = []
    monkeypatch.setattr(inverse_root, "by_products", lambda *given: taken.append(given) or way(*given))
    apart = trained() - expected
    assert len(taken) == 60  # three layers
    assert apart.norm() <= 1e-12 * expected.norm()


def test_equal_and_vanishing_eigenvalues_leave_the_gradient_exact() -> None:
    matrix = torch.diag(torch.tensor([2.0, 2.0, 2.0, 0.0, 0.0], dtype=torch.float64)).requires_grad_()
    grad = torch.randn(5, 5, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    result = torch.autograd.grad(by_eigenvalues(matrix, 5), matrix, grad)[0]
    wanted = torch.autograd.grad(as_written(matrix, 5), matrix, grad)[0]
    torch.testing.assert_close(result, wanted, rtol=1e-11, atol=1e-12)


def test_rounding_does_not_grow_from_step_to_step_in_pairs_of_products() -> None:
    """As it does with Z T in place of T Z, which is off by a thousand times the root here."""
    values = torch.logspace(0, -4, 24, dtype=torch.float64)
    vectors = torch.linalg.qr(covariance(24, 30)).Q
    matrix = (vectors * values) @ vectors.mT
    root = by_pairs(matrix.float(), 15).double()
    wanted = by_eigenvalues(matrix, 15)
    assert (root - wanted).abs().max() < 1e-3 * wanted.abs().max()


def test_many_iterations_tend_to_the_inverse_root() -> None:
    matrix = covariance(140, 2000)
    root = isqrt_newton_schulz(matrix, 40)
    torch.testing.assert_close(root @ matrix @ root, torch.eye(140, dtype=torch.float64), rtol=0, atol=1e-10)


@pytest.mark.parametrize("features", [8, 140])
def test_no_eigenvalue_grows_by_more_than_one_and_a_half_a_step(features) -> None:
    matrix = covariance(features, features // 2)  # half of the eigenvalues are 0
    grown = torch.linalg.eigvalsh(isqrt_newton_schulz(matrix)) * torch.linalg.matrix_norm(matrix).sqrt()
    assert grown.max().item() == pytest.approx(1.5**5, rel=1e-9)


@pytest.mark.parametrize("features", [8, 140])
def test_a_matrix_that_is_not_finite_gives_a_root_that_is_not(features) -> None:
    matrix = torch.full((features, features), torch.inf)
    assert isqrt_newton_schulz(matrix).isnan().all()


@pytest.mark.parametrize("features", [8, 140])
def test_half_precision_is_computed_in_float32(features) -> None:
    matrix = covariance(features, 4 * features).bfloat16()
    assert torch.equal(isqrt_newton_schulz(matrix), isqrt_newton_schulz(matrix.float()).bfloat16())


@pytest.mark.parametrize(
    ("matrix", "iterations", "sentence"),
    [
        (torch.eye(3), 0, "`iterations` is 0, but must be at least 1"),
        (torch.ones(3, 4), 5, r"the matrix has shape \[3, 4\], but must be square"),
        (torch.eye(3).int(), 5, "must be floating point"),
    ],
)
def test_bad_input_is_refused_in_one_sentence(matrix, iterations, sentence) -> None:
    with pytest.raises(ValueError, match=sentence):
        isqrt_newton_schulz(matrix, iterations)


@pytest.mark.parametrize("features", [30, 300])
@pytest.mark.parametrize("centered", [True, False])
def test_moments_equal_those_written_out_with_their_gradient_in_stripes_or_not(features, centered) -> None:
    x = 3 + torch.randn(400, features, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    x.requires_grad_()
    mean, second = moments(x, Columns(features), 1, features, centered)
    centre = x - x.mean(0) if centered else x
    grads = [torch.randn(shape, dtype=torch.float64) for shape in ((1, features), (1, features, features))]
    expected = (x.mean(0)[None], (centre.T @ centre / 400)[None])
    torch.testing.assert_close((mean, second), expected, rtol=1e-12, atol=1e-13)
    result = torch.autograd.grad((mean, second), x, grads)[0]
    torch.testing.assert_close(result, torch.autograd.grad(expected, x, grads)[0], rtol=1e-11, atol=1e-13)
