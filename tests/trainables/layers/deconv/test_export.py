"""Layers of network deconvolution against reference numbers, the published steps written out, and what they leave unchanged."""

import copy
import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from trainables.layers.deconv import (
    ChannelDeconv2d,
    DeConv2d2019,
    Delinear,
    FastDeconv2d,
    FastDeconv2d2019,
    check_divides,
    export,
    name_layers,
)
from trainables.layers.deconv.inverse_root import by_products

REFERENCE = Path(__file__).parents[4].parent / "shared" / "reference"
pytestmark = pytest.mark.filterwarnings("ignore:layer .* whitens")


def random(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


def correlated(*shape: int, seed: int = 0) -> Tensor:
    """Images whose neighbours and channels resemble each other, far from centred."""
    x = random(*shape, seed=seed)
    return x + 0.5 * x.roll(1, -1) + 0.5 * x.roll(1, 1) + 2


def assert_close(one: Tensor, other: Tensor, tolerance: float = 1e-12, what: str = "") -> None:
    error = (one - other).abs().max() / other.abs().max()
    assert one.shape == other.shape
    assert error <= tolerance, f"{what}: {error}"


def in_evaluation(layer: nn.Module, x: Tensor) -> Tensor:
    with torch.no_grad():
        return layer.eval()(x)


def trained(layer: nn.Module, *shape: int, steps: int = 3) -> nn.Module:
    layer.double()
    for step in range(steps):
        layer(correlated(*shape, seed=step))
    return layer


# The reference numbers


def built(config: dict[str, Any]) -> nn.Module:
    if config["cls"] == "ChannelDeconv":
        return ChannelDeconv2d(config["block"])
    if config["cls"] == "Delinear":
        return Delinear(config["cin"], config["cout"], block=config["block"])
    kind = DeConv2d2019 if config["cls"] == "DeConv2d" else FastDeconv2d2019 if "num_groups" in config else FastDeconv2d
    options = {key: config[key] for key in ("padding", "mode", "num_groups") if key in config}
    return kind(config["cin"], config["cout"], config["k"], **options)


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-9), (torch.float32, 2e-5)])
@pytest.mark.parametrize(
    "name",
    ["2019_mode4_G8", "2019_mode5_G8_k3", "2020_channel_16_block8", "2020_conv_k3_16_32", "2020_linear_128_block32"],
)
def test_two_steps_and_the_evaluation_after_them_match_the_reference_numbers(name, dtype, tolerance) -> None:
    path = REFERENCE / f"deconv_{name}.npz"
    if not path.is_file():
        pytest.skip(f"no reference numbers at {path.name}")
    numbers = dict(np.load(path))
    layer = built(json.loads(str(numbers["config"]))).to(dtype)
    parameters = {key[6:]: torch.from_numpy(value) for key, value in numbers.items() if key.startswith("param_")}
    layer.load_state_dict(parameters, strict=False)
    images = {key: torch.from_numpy(value).to(dtype) for key, value in numbers.items() if key[0] in "xg"}
    results = {}
    if "ye_untrained" in numbers:
        results["ye_untrained"] = in_evaluation(layer, images["xe"])
    layer.train()
    for step in range(2):
        layer.zero_grad()
        x = images[f"x{step}"].clone().requires_grad_()
        out = layer(x)
        out.backward(images[f"go{step}"])
        results |= {f"y{step}": out.detach(), f"gx{step}": x.grad}
        results |= {f"g{step}_{key}": value.grad.clone() for key, value in layer.named_parameters()}
        results |= {f"buf{step}_{key}": value.clone() for key, value in layer.named_buffers()}
    results["ye"] = in_evaluation(layer, images["xe"])
    expected = {key for key in numbers if (key[0] in "yg" and not key.startswith("go")) or key.startswith("buf")}
    assert set(results) == expected - {"y0_f32"}
    for key, value in results.items():
        want = torch.from_numpy(numbers[key])
        assert value.dtype in (dtype, torch.int64)
        error = (value.double() - want.double()).abs().max()
        assert error <= tolerance * want.abs().max(), f"{key}: {error}"


def test_a_1x1_convolution_of_two_samples_by_hand() -> None:
    layer = FastDeconv2d(1, 1, 1, eps=0, n_iter=1, sampling_stride=1).double()
    layer.load_state_dict({"weight": torch.full((1, 1, 1, 1), 3.0), "bias": torch.ones(1)}, strict=False)
    out = layer(torch.tensor([2.0, 6.0], dtype=torch.float64).view(1, 1, 1, 2))
    # Mean 4 and variance 4: one step from the norm gives exactly 1 / 2.
    assert out.flatten().tolist() == pytest.approx([-2, 4], abs=1e-14)
    assert layer.running_mean.tolist() == pytest.approx([0.4], abs=1e-14)
    assert layer.running_deconv.flatten().tolist() == pytest.approx([0.95], abs=1e-14)
    assert in_evaluation(layer, torch.zeros(1, 1, 1, 1, dtype=torch.float64)).item() == pytest.approx(
        1 - 3 * 0.4 * 0.95, abs=1e-14
    )


# The published steps, written out


def published_convolution(layer: FastDeconv2d, x: Tensor) -> Tensor:
    """One training step of the 2020 convolution with unfolded patches, rows first, as it was published."""
    k, s, p, d, g = layer.kernel_size[0], layer.stride[0], layer.padding[0], layer.dilation[0], layer.groups
    step, c = layer.sampling_stride * s, x.shape[1]
    if k > 1:
        rows = F.unfold(x, k, d, p, step).transpose(1, 2).reshape(-1, c * k * k)
    else:
        rows = x.permute(0, 2, 3, 1).reshape(-1, c)[:: step**2]
    q = layer.block * k * k
    columns = [rows] if g == 1 else rows.split(q, 1)
    weights, biases = [], []
    for part, weight, bias in zip(columns, layer.weight.chunk(g), layer.bias.chunk(g), strict=True):
        if g == 1:
            part = part.reshape(-1, q, c // layer.block).transpose(1, 2).reshape(-1, q)
        mean = part.mean(0)
        covariance = (part - mean).T @ (part - mean) / len(part) + layer.eps * torch.eye(q, dtype=x.dtype)
        root = by_products(covariance, layer.n_iter)
        flat = weight.reshape(len(weight), q, -1).transpose(1, 2)
        white = flat @ root
        weights.append(white.transpose(1, 2).reshape(weight.shape))
        biases.append(bias - (white @ mean).sum(1))
    return F.conv2d(x, torch.cat(weights), torch.cat(biases), s, p, d, g)


@pytest.mark.parametrize(
    "options",
    [
        {"in_channels": 8, "kernel_size": 3, "padding": 1},
        {"in_channels": 8, "kernel_size": 3, "padding": 1, "block": 4, "stride": 2},
        {"in_channels": 8, "kernel_size": 3, "padding": 2, "dilation": 2, "sampling_stride": 1},
        {"in_channels": 8, "kernel_size": 3, "padding": 4, "dilation": 4, "sampling_stride": 2},
        {"in_channels": 12, "kernel_size": 3, "block": 8},
        {"in_channels": 8, "kernel_size": 5, "padding": 2, "sampling_stride": 2},
        {"in_channels": 32, "kernel_size": 3, "padding": 1, "sampling_stride": 2},
        {"in_channels": 8, "kernel_size": 1, "block": 4, "stride": 2},
        {"in_channels": 8, "kernel_size": 1, "sampling_stride": 1},
        {"in_channels": 8, "kernel_size": 1, "groups": 2},
        {"in_channels": 8, "kernel_size": 3, "padding": 1, "groups": 4, "n_iter": 3},
        {"in_channels": 8, "kernel_size": 3, "padding": 1, "groups": 8, "n_iter": 1, "stride": 2},
    ],
    ids=str,
)
def test_output_and_gradients_equal_those_of_the_published_steps(options) -> None:
    layer = FastDeconv2d(out_channels=8, **options).double()
    x, other = (correlated(3, options["in_channels"], 11, 10).requires_grad_() for _ in range(2))
    out, expected = layer(x), published_convolution(layer, other)
    grad = random(*out.shape, seed=3)
    results = torch.autograd.grad(out, (x, layer.weight, layer.bias), grad)
    wanted = torch.autograd.grad(expected, (other, layer.weight, layer.bias), grad)
    assert_close(out, expected, 1e-11, "out")
    for name, result, want in zip(("x", "weight", "bias"), results, wanted, strict=True):
        assert_close(result, want, 1e-9, name)


def whitened(rows: Tensor, eps: float) -> Tensor:
    centered = rows - rows.mean(1, keepdim=True)
    covariance = centered @ centered.T / rows.shape[1] + eps * torch.eye(len(rows), dtype=rows.dtype)
    return by_products(covariance, 5) @ centered


@pytest.mark.parametrize("mode", [1, 2, 3, 4])
@pytest.mark.parametrize("stride", [1, 2])
def test_2019_modes_equal_explicit_whitening_of_patches_also_at_odd_sizes(mode, stride) -> None:
    layer = DeConv2d2019(8, 6, 3, stride, 1, mode=mode, num_groups=4).double()
    x = correlated(3, 8, 9, 7)
    out = layer(x)
    if mode in (1, 3):
        rows = x.transpose(0, 1).reshape(4, -1)
        sampled = rows[:, ::9]
        moment = sampled @ sampled.T / sampled.shape[1]
        root = by_products(moment + layer.eps * torch.eye(4, dtype=x.dtype), 5)
        x = (root @ (rows - sampled.mean(1, keepdim=True))).view(8, 3, 9, 7).transpose(0, 1)
    patches = F.unfold(x, 3, padding=1, stride=stride).permute(1, 0, 2).reshape(72, -1)
    if mode != 3:
        patches = whitened(patches.reshape(36 if mode == 4 else 9, -1), layer.eps).view(72, -1)
    expected = layer.weight.view(6, -1) @ patches + layer.bias[:, None]
    sides = [(size - 1) // stride + 1 for size in (9, 7)]
    assert_close(out, expected.view(6, 3, *sides).transpose(0, 1), 1e-11)


# What stays the same


@pytest.mark.parametrize("n_iter", [1, 5])
def test_output_does_not_change_with_scale_and_shift_of_the_input(n_iter) -> None:
    layer = FastDeconv2d(4, 6, 3, eps=0, n_iter=n_iter, sampling_stride=1).double()
    x = correlated(8, 4, 12, 12)
    assert_close(layer(3.5 * x - 7), layer(x), 1e-11)


def test_many_iterations_give_each_channel_its_bias_as_mean_and_its_squared_weight_as_variance() -> None:
    layer = FastDeconv2d(4, 6, 3, eps=0, n_iter=30, sampling_stride=1).double()
    out = layer(correlated(8, 4, 12, 12)).transpose(0, 1).flatten(1)
    assert_close(out.mean(1), layer.bias, 1e-10)
    assert_close(out.var(1, correction=0), layer.weight.flatten(1).square().sum(1), 1e-9)


def test_an_untrained_layer_evaluates_as_the_plain_convolution() -> None:
    layer = FastDeconv2d(4, 6, 3, padding=1).double()
    x = random(2, 4, 8, 8)
    assert_close(in_evaluation(layer, x), F.conv2d(x, layer.weight, layer.bias, padding=1))
    assert_close(in_evaluation(ChannelDeconv2d(4, eps=0).double(), x), x)


def test_without_a_bias_the_mean_is_still_taken_off() -> None:
    with_bias = FastDeconv2d(4, 6, 3).double()
    nn.init.zeros_(with_bias.bias)
    without = FastDeconv2d(4, 6, 3, bias=False).double()
    without.load_state_dict({"weight": with_bias.weight}, strict=False)
    x = correlated(4, 4, 12, 12)
    assert_close(without(x), with_bias(x))


# Block rule


@pytest.mark.parametrize(("channels", "block", "expected"), [(3, 64, 3), (64, 64, 64), (96, 64, 32), (128, 64, 64)])
def test_a_block_is_the_greatest_common_divisor_unless_it_exceeds_the_channels(channels, block, expected) -> None:
    assert FastDeconv2d(channels, 4, 1, block=block).running_deconv.shape == (expected, expected)
    assert Delinear(channels, 4, block=block).running_deconv.shape == (expected, expected)


def test_a_grouped_convolution_has_a_root_for_each_group_whatever_block_is_asked() -> None:
    layer = FastDeconv2d(8, 8, 3, groups=4, block=64)
    assert layer.running_mean.shape == (72,)
    assert layer.running_deconv.shape == (4, 18, 18)


# Freezing


def moved(layer: FastDeconv2d, x: Tensor) -> bool:
    before = layer.running_deconv.clone()
    layer(x)
    return not torch.equal(before, layer.running_deconv)


def test_freezing_holds_from_the_step_after_freeze_iter_plus_one_to_ten_times_it_then_thaws() -> None:
    layer = FastDeconv2d(2, 2, 1, freeze=True, freeze_iter=3, sampling_stride=1)
    x = correlated(2, 2, 3, 3).float()
    live = [moved(layer, x) for _ in range(36)]
    assert live == [True] * 4 + [False] * 26 + [True] * 4 + [False] * 2


def test_the_counter_of_freezing_survives_save_and_load() -> None:
    x = correlated(2, 2, 3, 3).float()
    layer = FastDeconv2d(2, 2, 1, freeze=True, freeze_iter=3, sampling_stride=1)
    for _ in range(3):
        layer(x)
    other = FastDeconv2d(2, 2, 1, freeze=True, freeze_iter=3, sampling_stride=1)
    other.load_state_dict(layer.state_dict())
    assert [moved(other, x) for _ in range(3)] == [True, False, False]


def test_a_checkpoint_without_a_counter_loads_and_starts_live() -> None:
    layer = FastDeconv2d(2, 2, 1, freeze=True, freeze_iter=1, sampling_stride=1)
    state = {key: value for key, value in layer.state_dict().items() if key != "steps"}
    x = correlated(2, 2, 3, 3).float()
    for _ in range(5):
        layer(x)
    layer.load_state_dict(state)
    assert moved(layer, x)


def test_a_layer_that_never_freezes_has_the_published_state_only() -> None:
    assert list(FastDeconv2d(2, 2, 1).state_dict()) == ["weight", "bias", "running_mean", "running_deconv"]


# Folding and export


@pytest.mark.parametrize(
    "build",
    [
        lambda: FastDeconv2d(8, 6, 3, 2, 1, block=4),
        lambda: FastDeconv2d(8, 6, 3, 1, 2, 2, groups=2),
        lambda: FastDeconv2d(8, 6, 1, channels_together=True, block=4),
        lambda: FastDeconv2d2019(8, 6, 3, 1, 1, num_groups=4),
        *(lambda mode=mode: DeConv2d2019(8, 6, 3, 2, 1, mode=mode, num_groups=4) for mode in (1, 2, 3)),
        lambda: DeConv2d2019(8, 6, 3, 2, 1, num_groups=4),
        lambda: nn.Sequential(FastDeconv2d(8, 6, 3), nn.ReLU(), nn.Flatten(), Delinear(384, 5, block=32)),
    ],
)
def test_the_exported_plain_layers_equal_the_trained_ones_in_evaluation(build) -> None:
    layer = trained(build(), 4, 8, 10, 10)
    x = correlated(3, 8, 10, 10, seed=9)
    plain = export(layer).eval()
    assert_close(plain(x), in_evaluation(layer, x))
    assert {type(module) for module in plain.modules()} <= {nn.Sequential, nn.Conv2d, nn.Linear, nn.ReLU, nn.Flatten}


def test_the_exported_channel_layer_equals_the_trained_one_with_channels_left_over() -> None:
    layer = trained(ChannelDeconv2d(4), 4, 10, 6, 6)
    x = correlated(3, 10, 6, 6, seed=9)
    assert_close(layer.to_conv2d(10)(x), in_evaluation(layer, x))


def test_weights_folded_for_evaluation_follow_every_change() -> None:
    layer = trained(FastDeconv2d(4, 6, 3), 2, 4, 8, 8)
    x = random(2, 4, 8, 8)
    first = in_evaluation(layer, x)
    with torch.no_grad():
        assert layer.folded()[0] is layer.folded()[0]
        layer.weight.mul_(2)
    twice = in_evaluation(layer, x)
    assert_close(twice - layer.bias[:, None, None], 2 * (first - layer.bias[:, None, None]))
    state = copy.deepcopy(layer.state_dict())
    layer.train()(correlated(2, 4, 8, 8, seed=5))
    assert not torch.equal(in_evaluation(layer, x), twice)
    layer.load_state_dict(state)
    assert torch.equal(in_evaluation(layer, x), twice)


def test_evaluation_passes_gradients_to_the_weights() -> None:
    layer = trained(FastDeconv2d(4, 6, 3), 2, 4, 8, 8).eval()
    layer(random(2, 4, 8, 8)).square().sum().backward()
    assert layer.weight.grad.abs().max() > 0


# The channel layer


def test_channels_left_over_are_normalised_by_one_mean_and_one_variance() -> None:
    layer = ChannelDeconv2d(4, eps=0, sampling_stride=1).double()
    rest = layer(correlated(3, 10, 6, 6))[:, 8:]
    assert rest.mean().item() == pytest.approx(0, abs=1e-12)
    assert rest.var().item() == pytest.approx(1, abs=1e-12)


def test_vectors_pass_the_channel_layer_as_images_of_one_pixel() -> None:
    x = random(9, 8)
    assert_close(ChannelDeconv2d(4).double()(x), ChannelDeconv2d(4).double()(x[:, :, None, None]).flatten(1))


def test_the_centred_moment_whitens_what_the_published_one_does_not() -> None:
    x = correlated(8, 4, 9, 9)

    def covariance(centered: bool) -> Tensor:
        layer = ChannelDeconv2d(4, eps=0, n_iter=30, sampling_stride=1, centered=centered).double()
        return torch.cov(layer(x).transpose(0, 1).flatten(1), correction=0)

    assert_close(covariance(True), torch.eye(4, dtype=torch.float64), 1e-9)
    assert (covariance(False) - torch.eye(4)).abs().max() > 0.1


# Extensions


def test_without_a_gradient_through_the_root_the_output_stays_and_its_mean_still_has_no_gradient() -> None:
    full, cut = FastDeconv2d(4, 6, 3, sampling_stride=1), FastDeconv2d(4, 6, 3, sampling_stride=1, root_gradient=False)
    cut.load_state_dict(full.state_dict())
    grads = []
    for layer in (full.double(), cut.double()):
        x = correlated(4, 4, 8, 8).requires_grad_()
        out = layer(x)
        grads.append(torch.autograd.grad(out.square().sum(), x, retain_graph=True)[0])
        assert torch.autograd.grad(out.sum(), x)[0].abs().max() < 1e-10
    assert not torch.allclose(*grads)


def test_between_refreshes_the_last_statistics_stand_also_after_a_reload() -> None:
    layer = FastDeconv2d(4, 6, 3, refresh=3).double()
    batches = [correlated(4, 4, 8, 8, seed=seed) for seed in range(4)]
    layer(batches[0])
    between = layer(batches[1])
    mean, root = layer.last_mean[None].clone(), layer.last_deconv[None].clone()
    assert not torch.allclose(root, torch.eye(36, dtype=torch.float64))
    white = layer.weight.view(6, -1) @ root[0]
    assert_close(between, F.conv2d(batches[1], white.view(6, 4, 3, 3), layer.bias - white @ mean[0]))
    other = FastDeconv2d(4, 6, 3, refresh=3).double()
    other.load_state_dict(layer.state_dict())
    for batch in batches[2:]:
        assert torch.equal(layer(batch), other(batch))
    assert not torch.equal(layer.last_deconv, root[0])


def test_blocks_of_whole_channels_whiten_each_block_as_if_alone_when_all_are_alike() -> None:
    block = correlated(4, 4, 9, 9)
    wide = FastDeconv2d(8, 6, 3, block=4, channels_together=True).double()
    narrow = FastDeconv2d(4, 6, 3).double()
    with torch.no_grad():
        narrow.weight.copy_(wide.weight[:, :4])
        narrow.bias.copy_(wide.bias)
        wide.weight[:, 4:] = 0
    x, other = torch.cat([block, block], 1).requires_grad_(), block.clone().requires_grad_()
    one, two = wide(x), narrow(other)
    assert_close(one, two, 1e-11)
    grad = random(*one.shape, seed=2)
    (grad_wide,), (grad_narrow,) = torch.autograd.grad(one, x, grad), torch.autograd.grad(two, other, grad)
    assert_close(grad_wide[:, :4] + grad_wide[:, 4:], grad_narrow, 1e-10)


def test_a_corrected_average_evaluates_after_one_step_as_that_step() -> None:
    layer = FastDeconv2d(4, 6, 3, corrected_average=True).double()
    x = correlated(4, 4, 9, 9)
    assert_close(layer(x), in_evaluation(layer, x), 1e-10)


# Types


def test_half_precision_and_autocast_leave_the_statistics_in_float32() -> None:
    layer = FastDeconv2d(4, 6, 3).bfloat16()
    assert layer.running_deconv.dtype == torch.float32
    assert layer(correlated(4, 4, 9, 9).bfloat16()).dtype == torch.bfloat16
    exact, auto = FastDeconv2d(4, 6, 3), FastDeconv2d(4, 6, 3)
    x = correlated(4, 4, 9, 9).float()
    exact(x)
    with torch.autocast("cpu", torch.bfloat16):
        auto(x).float().sum().backward()
    assert torch.equal(auto.running_deconv, exact.running_deconv)


def test_a_batch_that_is_not_finite_gives_numbers_that_are_not_finite() -> None:
    layer = FastDeconv2d(16, 6, 3)
    x = torch.full((2, 16, 9, 9), torch.nan, requires_grad=True)
    out = layer(x)
    out.sum().backward()
    assert out.isnan().all()


@pytest.mark.parametrize("options", [{"kernel_size": 3, "padding": 1}, {"kernel_size": 3}, {"kernel_size": 1}], ids=str)
def test_channels_last_gives_the_same_numbers(options) -> None:
    layer = FastDeconv2d(4, 6, **options).double()
    one = correlated(3, 4, 9, 8).requires_grad_()
    other = correlated(3, 4, 9, 8).contiguous(memory_format=torch.channels_last).requires_grad_()
    assert_close(layer(other), layer(one))
    grads = [torch.autograd.grad(layer(x).square().sum(), x)[0] for x in (other, one)]
    assert_close(*grads)


def test_statistics_that_a_step_awaits_its_backward_pass_with_outlive_the_next_refresh() -> None:
    layer = FastDeconv2d(4, 6, 3, refresh=2).double()
    outs = [layer(correlated(2, 4, 8, 8, seed=seed)).square().sum() for seed in range(4)]
    sum(outs).backward()
    assert layer.weight.grad.isfinite().all()


# What is refused


@pytest.mark.parametrize(
    ("build", "sentence"),
    [
        (lambda: FastDeconv2d(4, 4, 3, block=0), "`block` is 0, but must be at least 1"),
        (lambda: Delinear(4, 4, block=0), "`block` is 0, but must be at least 1"),
        (lambda: ChannelDeconv2d(0), "`block` is 0, but must be at least 1"),
        (lambda: FastDeconv2d(4, 4, 3, n_iter=0), "`n_iter` is 0, but must be at least 1"),
        (lambda: FastDeconv2d(4, 4, 3, eps=-1e-3), "`eps` is -0.001, but must be finite and at least 0"),
        (lambda: FastDeconv2d(4, 4, (3, 5)), r"`kernel_size` is \(3, 5\), but must be the same along both sides"),
        (lambda: FastDeconv2d(4, 4, 3, sampling_stride=0), "`sampling_stride` is 0, but must be at least 1"),
        (lambda: FastDeconv2d(4, 4, 3, momentum=0), "`momentum` is 0, but must lie above 0"),
        (lambda: FastDeconv2d(4, 4, 3, freeze_iter=0), "`freeze_iter` is 0, but must be at least 1"),
        (lambda: FastDeconv2d(4, 4, 3, refresh=0), "`refresh` is 0, but must be at least 1"),
        (lambda: FastDeconv2d2019(20, 4, 3), "`num_groups` is 16, but must divide the input channels"),
        (lambda: DeConv2d2019(4, 4, 3, mode=6), "`mode` is 6, but must be 1, 2, 3 or 4"),
        (lambda: DeConv2d2019(4, 4, 3, mode=5), "mode 5 is FastDeconv2d2019"),
        (lambda: FastDeconv2d(4, 4, 3)(torch.zeros(4, 8, 8)), "takes \\[N, C, H, W\\]"),
        (lambda: FastDeconv2d(4, 4, 3)(torch.zeros(1, 3, 8, 8)), "the input has 3 channels, but this layer has 4"),
        (lambda: FastDeconv2d(4, 4, 3)(torch.zeros(1, 4, 2, 2)), "smaller than a kernel of 3"),
        (lambda: FastDeconv2d(4, 4, 3)(torch.zeros(0, 4, 8, 8)), "no values, but training needs some"),
        (lambda: FastDeconv2d(4, 4, 3)(torch.zeros(1, 4, 8, 8).int()), "must be floating point"),
        (lambda: Delinear(4, 4)(torch.zeros(2, 5)), r"this layer takes \[N, 4\]"),
        (lambda: ChannelDeconv2d(8)(torch.zeros(2, 4, 3, 3)), "the input has 4 channels, but `block` is 8"),
    ],
)
def test_bad_input_is_refused_in_one_sentence(build, sentence) -> None:
    with pytest.raises(ValueError, match=sentence) as caught:
        build()
    assert "\n" not in str(caught.value)


def test_every_layer_that_the_2019_groups_do_not_divide_is_named_at_once() -> None:
    with pytest.raises(ValueError, match=r"unlike those of layer1 \(24\), layer3 \(20\);"):
        check_divides(16, {"stem": 3, "layer1": 24, "layer2": 64, "layer3": 20})


@pytest.mark.filterwarnings("default")
def test_fewer_rows_than_twice_the_features_are_warned_of_once_by_the_name_of_the_layer() -> None:
    model = nn.Sequential(nn.Identity(), FastDeconv2d(4, 4, 3, padding=1))
    name_layers(model)
    x = correlated(2, 4, 9, 9).float()
    with pytest.warns(UserWarning, match="layer 1 whitens 36 features by 18 samples, fewer than twice as many"):
        model(x)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model(x)
