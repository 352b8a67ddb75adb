"""The blur against a naive one, the reference kernels, OpenCV, and the identities any such blur must keep."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest
import torch

from trainables.layers.blur import gaussian_blur, gaussian_kernel1d, kernel_size, separable

REFERENCE = Path(__file__).parents[4].parent / "shared" / "reference" / "blur_kernels.npz"

# Sides 1 and 2, non-square, smaller than the radius, and large enough for the banded products (with a ragged last block).
SHAPES = [(2, 3, 32, 32), (2, 1, 5, 7), (2, 2, 1, 9), (1, 3, 8, 1), (1, 1, 1, 1), (2, 1, 2, 2), (1, 2, 100, 70)]
SIGMAS = [0.1, 0.3, 1.0, 1.3122, 4.0, 10.0]


def random_images(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def mirrored(position: int, side: int) -> int:
    """Walk from `position` to the pixel it shows, turning round at either edge."""
    while not 0 <= position < side:
        if side == 1:
            return 0
        position = -position if position < 0 else 2 * (side - 1) - position
    return position


def naive_blur(images: np.ndarray, sigma: float) -> np.ndarray:
    """Tap by tap in float64."""
    radius = (round(8 * sigma + 1) | 1) // 2
    weights = [np.exp(-(i**2) / (2 * sigma**2)) for i in range(-radius, radius + 1)]
    blurred = images.astype(np.float64)
    for axis in (2, 3):
        side = images.shape[axis]
        shifted = [
            weight * np.take(blurred, [mirrored(p + i, side) for p in range(side)], axis)
            for weight, i in zip(weights, range(-radius, radius + 1), strict=True)
        ]
        blurred = sum(shifted) / sum(weights)
    return blurred


# The kernel


# Ties: 8 sigma + 1 is 1.5 at 0.0625 and 2.5 at 0.1875, both rounded to 2; it is 3.5 at 0.3125, rounded to 4.
SIZES = {0: 1, 0.05: 1, 0.0625: 3, 0.1875: 3, 0.3: 3, 0.3125: 5, 0.5: 5, 0.8: 7, 1: 9, 1.5: 13, 2: 17, 2.5: 21, 4: 33}


@pytest.mark.parametrize(("sigma", "size"), [*SIZES.items(), (10, 81), (40, 321)])
def test_kernel_size_is_eight_sigma_plus_one_rounded_half_to_even_and_made_odd(sigma: float, size: int) -> None:
    assert kernel_size(sigma) == size
    assert gaussian_kernel1d(sigma).shape == (size,)


@pytest.mark.parametrize(
    ("sigma", "half"),
    [
        (0.3, [0.9923275, 0.00383626]),
        (1.0, [0.39894348, 0.24197145, 0.053991128, 0.0044318615, 0.00013383062]),
    ],
)
def test_kernel_has_the_published_taps(sigma: float, half: list[float]) -> None:
    expected = torch.tensor([*half[:0:-1], *half])
    torch.testing.assert_close(gaussian_kernel1d(sigma), expected, rtol=1e-5, atol=1e-8)


def test_kernel_is_symmetric_float32_and_sums_to_one() -> None:
    for sigma in SIGMAS:
        kernel = gaussian_kernel1d(sigma)
        assert kernel.dtype == torch.float32
        assert torch.equal(kernel, kernel.flip(0))
        assert kernel.double().sum().item() == pytest.approx(1, abs=1e-6)


def test_kernels_equal_the_reference_to_the_bit() -> None:
    if not REFERENCE.is_file():
        pytest.skip("shared/reference/blur_kernels.npz is not beside the repository")
    with np.load(REFERENCE) as reference:
        kernels = {name.removeprefix("k_s"): reference[name] for name in reference if name.startswith("k_s")}
        table = reference["table_sigma_support_rule"]
    assert len(kernels) >= 30
    for sigma, kernel in kernels.items():
        np.testing.assert_array_equal(gaussian_kernel1d(float(sigma)).numpy(), kernel, err_msg=f"sigma {sigma}")
    for sigma, support, _ in table:
        assert kernel_size(sigma) == support


# The blur against others


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("sigma", SIGMAS)
def test_blur_equals_the_sum_over_taps(shape: tuple[int, ...], sigma: float) -> None:
    images = random_images(*shape)
    np.testing.assert_allclose(gaussian_blur(images, sigma).numpy(), naive_blur(images.numpy(), sigma), atol=2e-6)


def test_mirror_border_repeats_when_the_radius_exceeds_the_image() -> None:
    line = torch.tensor([[[[1.0, 2.0, 4.0]]]])
    # Radius 12 over the period 4 of a line of 3: worked out by hand as 1 2 4 2 | 1 2 4 2 | ...
    period = [1.0, 2.0, 4.0, 2.0]
    kernel = gaussian_kernel1d(3.0).tolist()
    expected = [sum(w * period[(i + d - 12) % 4] for d, w in enumerate(kernel)) for i in range(3)]
    torch.testing.assert_close(gaussian_blur(line, 3.0).flatten(), torch.tensor(expected))


@pytest.mark.parametrize("shape", [(2, 3, 32, 32), (2, 3, 24, 40), (2, 3, 6, 9), (1, 3, 224, 200)])
@pytest.mark.parametrize("sigma", [0.5, 1.0, 2.5, 4.0, 8.0])
def test_blur_equals_opencv(shape: tuple[int, ...], sigma: float) -> None:
    cv2 = pytest.importorskip("cv2", reason="OpenCV is not installed")
    images = random_images(*shape)
    size = kernel_size(sigma)
    expected = [
        cv2.GaussianBlur(np.ascontiguousarray(image.permute(1, 2, 0).numpy()), (size, size), sigma) for image in images
    ]
    blurred = gaussian_blur(images, sigma).permute(0, 2, 3, 1).numpy()
    np.testing.assert_allclose(blurred, np.stack(expected), atol=2e-6)


# One sigma for each image


@pytest.mark.parametrize("shape", [(6, 3, 32, 32), (6, 1, 1, 9), (6, 2, 5, 7), (6, 1, 100, 70)])
def test_each_image_is_blurred_as_with_its_sigma_alone(shape: tuple[int, ...]) -> None:
    images = random_images(*shape)
    sigmas = torch.tensor([0.0, 0.3, 5.0, 1.0, 0.0, 2.7])
    blurred = gaussian_blur(images, sigmas)
    for image, sigma, result in zip(images, sigmas, blurred, strict=True):
        torch.testing.assert_close(result, gaussian_blur(image[None], float(sigma))[0], rtol=0, atol=1e-6)


def test_images_with_sigma_zero_come_out_as_they_were() -> None:
    images = random_images(3, 1, 8, 8)
    images[1, 0, 0, 0] = torch.inf
    blurred = gaussian_blur(images, torch.tensor([1.0, 0.0, 2.0]))
    assert torch.equal(blurred[1], images[1])
    assert not torch.equal(blurred[0], images[0])


@pytest.mark.parametrize("sigma", [0, 0.0, torch.tensor(0.0), torch.zeros(4), torch.tensor([0.0, 0.01, 0.06, 0.0])])
def test_images_that_stay_sharp_are_returned_themselves(sigma: float | torch.Tensor) -> None:
    images = random_images(4, 3, 8, 8)
    assert gaussian_blur(images, sigma) is images


def test_equal_sigmas_are_one_sigma() -> None:
    images = random_images(4, 3, 16, 16)
    assert torch.equal(gaussian_blur(images, torch.full((4,), 1.5)), gaussian_blur(images, 1.5))


# Identities


@pytest.mark.parametrize("sigma", [0.4, 3.0, 20.0])
def test_a_constant_image_stays_constant(sigma: float) -> None:
    torch.testing.assert_close(gaussian_blur(torch.full((1, 2, 13, 80), 0.7), sigma), torch.full((1, 2, 13, 80), 0.7))


def test_blur_commutes_with_normalisation() -> None:
    images = torch.rand(2, 3, 20, 20, generator=torch.Generator().manual_seed(1))
    mean, std = torch.tensor([0.49, 0.48, 0.45])[:, None, None], torch.tensor([0.25, 0.2, 0.3])[:, None, None]
    torch.testing.assert_close(
        gaussian_blur((images - mean) / std, 2.0), (gaussian_blur(images, 2.0) - mean) / std, rtol=0, atol=5e-6
    )


@pytest.mark.parametrize("axis", [2, 3])
def test_blur_commutes_with_flips(axis: int) -> None:
    images = random_images(2, 3, 70, 33)
    torch.testing.assert_close(gaussian_blur(images.flip(axis), 2.0), gaussian_blur(images, 2.0).flip(axis))


def test_blur_commutes_with_transposition() -> None:
    images = random_images(2, 3, 100, 33)
    torch.testing.assert_close(gaussian_blur(images.mT, 2.0), gaussian_blur(images, 2.0).mT, rtol=0, atol=1e-6)


def test_channels_and_images_do_not_mix() -> None:
    images = torch.zeros(2, 3, 11, 11)
    images[1, 2, 5, 5] = 1.0
    blurred = gaussian_blur(images, 1.0)
    assert blurred[1, 2].sum().item() == pytest.approx(1, abs=1e-6)
    blurred[1, 2] = 0
    assert not blurred.any()


def test_a_point_becomes_the_outer_product_of_the_kernel() -> None:
    images = torch.zeros(1, 1, 11, 11)
    images[0, 0, 5, 5] = 1.0
    kernel = gaussian_kernel1d(1.0)
    torch.testing.assert_close(gaussian_blur(images, 1.0)[0, 0, 1:-1, 1:-1], torch.outer(kernel, kernel))


# Ways of computing


@pytest.mark.parametrize("sigma", [1.0, torch.linspace(0, 3, 5)])
def test_bands_and_chunks_change_nothing(sigma: float | torch.Tensor, monkeypatch: pytest.MonkeyPatch) -> None:
    images = random_images(5, 2, 75, 90)
    banded = gaussian_blur(images, sigma)
    monkeypatch.setattr(separable, "BAND_PAYS_BELOW", 0.0)
    whole = gaussian_blur(images, sigma)
    monkeypatch.setattr(separable, "CHUNK_BYTES", 2 * images[0].numel() * 4)
    torch.testing.assert_close(banded, whole, rtol=0, atol=1e-6)
    torch.testing.assert_close(gaussian_blur(images, sigma), whole, rtol=0, atol=1e-6)


def test_a_large_batch_is_blurred_like_its_images() -> None:
    images = random_images(40, 3, 128, 128)
    blurred = gaussian_blur(images, 2.0)
    assert blurred.is_contiguous()
    for index in (0, 20, 39):
        torch.testing.assert_close(blurred[index], gaussian_blur(images[index : index + 1], 2.0)[0], rtol=0, atol=1e-6)


def test_blur_repeats_to_the_bit_and_keeps_earlier_results() -> None:
    images = random_images(4, 3, 100, 100)
    first = gaussian_blur(images, 2.0)
    kept = first.clone()
    gaussian_blur(-images, 3.0)
    assert torch.equal(first, kept)
    assert torch.equal(gaussian_blur(images, 2.0), kept)


@pytest.mark.parametrize("sigma", [1.0, torch.tensor([1.0, 0.0, 2.0, 3.0])])
def test_memory_layout_of_the_images_does_not_matter(sigma: float | torch.Tensor) -> None:
    images = random_images(4, 3, 70, 64)
    expected = gaussian_blur(images, sigma)
    channels_last = images.to(memory_format=torch.channels_last)
    strided = torch.stack([images, images], dim=-1)[..., 0]
    for other in (channels_last, strided):
        assert not other.is_contiguous()
        before = other.clone()
        torch.testing.assert_close(gaussian_blur(other, sigma), expected, rtol=0, atol=1e-6)
        assert torch.equal(other, before)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
@pytest.mark.parametrize("sigma", [2.0, torch.tensor([2.0, 0.0, 2.0])])
def test_images_keep_their_type(dtype: torch.dtype, sigma: float | torch.Tensor) -> None:
    images = random_images(3, 1, 80, 32).to(dtype)
    blurred = gaussian_blur(images, sigma)
    assert blurred.dtype == dtype
    expected = gaussian_blur(images.double(), sigma).to(dtype)
    # A half type is rounded once, at the end; so at most to the neighbouring number.
    torch.testing.assert_close(blurred, expected, rtol=2 * torch.finfo(dtype).eps, atol=1e-6)


def test_float64_is_computed_in_float64() -> None:
    images = random_images(2, 1, 70, 9).double()
    np.testing.assert_allclose(gaussian_blur(images, 2.0).numpy(), naive_blur(images.numpy(), 2.0), atol=1e-13)


def test_blur_records_no_gradient() -> None:
    images = random_images(2, 1, 8, 8).requires_grad_()
    assert not gaussian_blur(images, 1.0).requires_grad
    assert not gaussian_blur(images, torch.tensor([1.0, 2.0], requires_grad=True)).requires_grad


def test_reduced_precision_around_it_does_not_reach_the_blur() -> None:
    images = random_images(2, 3, 64, 64)
    expected = gaussian_blur(images, 1.0)
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("medium")
    try:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            blurred = gaussian_blur(images, 1.0)
        assert torch.get_float32_matmul_precision() == "medium"
    finally:
        torch.set_float32_matmul_precision(before)
    assert torch.equal(blurred, expected)


def test_blur_works_in_and_after_inference_mode(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(separable, "_kept", threading.local())  # as in a thread that has blurred nothing yet
    images = random_images(2, 3, 21, 21)
    with torch.inference_mode():
        inside = gaussian_blur(images, 1.7).clone()
    assert torch.equal(gaussian_blur(images, 1.7), inside)


def test_an_empty_batch_is_returned_itself() -> None:
    images = torch.empty(0, 3, 8, 8)
    assert gaussian_blur(images, 2.0) is images
    assert gaussian_blur(images, torch.empty(0)) is images


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("sigma", [2.0, torch.tensor([2.0, 0.0, 9.0])])
def test_cuda_blurs_as_the_cpu_does(sigma: float | torch.Tensor) -> None:
    images = random_images(3, 3, 100, 32)
    blurred = gaussian_blur(images.cuda(), sigma)
    assert blurred.is_cuda
    torch.testing.assert_close(blurred.cpu(), gaussian_blur(images, sigma), rtol=0, atol=1e-5)


# Bad input


@pytest.mark.parametrize("sigma", [-1.0, float("nan"), float("inf")])
def test_negative_or_non_finite_sigma_is_refused(sigma: float) -> None:
    for refused in (
        lambda: kernel_size(sigma),
        lambda: gaussian_kernel1d(sigma),
        lambda: gaussian_blur(torch.zeros(2, 1, 4, 4), sigma),
        lambda: gaussian_blur(torch.zeros(2, 1, 4, 4), torch.tensor([1.0, sigma])),
    ):
        with pytest.raises(ValueError, match=rf"^sigma is {sigma:g}, but must be finite and at least 0"):
            refused()


@pytest.mark.parametrize("sigmas", [torch.ones(3), torch.ones(1), torch.ones(2, 1), torch.ones(0)])
def test_another_number_of_sigmas_than_images_is_refused(sigmas: torch.Tensor) -> None:
    with pytest.raises(ValueError, match=r"^sigma has shape \[.*\], but the batch has 2 images"):
        gaussian_blur(torch.zeros(2, 1, 4, 4), sigmas)


@pytest.mark.parametrize("shape", [(4,), (3, 8, 8), (1, 1, 1, 8, 8)])
def test_images_of_another_rank_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"^the images have shape .*, but must have shape \[N, C, H, W\]"):
        gaussian_blur(torch.zeros(shape), 1.0)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int64, torch.bool])
def test_images_of_integers_are_refused(dtype: torch.dtype) -> None:
    with pytest.raises(ValueError, match=rf"^the images are {dtype}, but must be floating point"):
        gaussian_blur(torch.zeros(2, 1, 4, 4, dtype=dtype), 1.0)
