"""The layers against reference numbers, a hand example and a loop over samples; their state moves once, whatever happens."""

from __future__ import annotations

import copy
import io
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from trainables.layers.online_norm import OnlineNorm1d, OnlineNorm2d, planes, set_loss_scale

REFERENCE = Path(__file__).parents[4].parent / "shared" / "reference"
STATE = ("mu", "var", "u", "v")
ECM = ("ls", "ac", "none")


def random(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


def layer_2d(channels: int = 3, **options: Any) -> OnlineNorm2d:
    """A float64 layer with decays that matter within one batch, and a scale and a bias of no special value."""
    layer = OnlineNorm2d(channels, **({"afwd": 0.9, "abkw": 0.8, "clamp_val": 1.0} | options)).double()
    if layer.weight is not None:
        with torch.no_grad():
            layer.weight.copy_(1 + 0.5 * random(channels, seed=7))
            layer.bias.copy_(0.5 * random(channels, seed=8))
    return layer


def train(layer: nn.Module, x: Tensor, grad: Tensor) -> tuple[Tensor, Tensor]:
    """The result of one step and the gradient of its input; gradients of parameters add up."""
    x = x.clone().requires_grad_()
    out = layer(x)
    out.backward(grad)
    return out.detach(), x.grad


def state(layer: nn.Module) -> dict[str, Tensor]:
    return {name: buffer.clone() for name, buffer in layer.named_buffers()}


def assert_same(one: dict[str, Tensor], other: dict[str, Tensor], tolerance: float = 0.0) -> None:
    assert one.keys() == other.keys()
    for name in one:
        torch.testing.assert_close(
            one[name], other[name], rtol=tolerance, atol=tolerance, msg=lambda m, n=name: f"{n}: {m}"
        )


class Loop:
    """The recurrences as they are written down, sample by sample, with the ordinary gradient behind them from autograd."""

    def __init__(self, layer: OnlineNorm1d | OnlineNorm2d) -> None:
        self.layer = copy.deepcopy(layer)
        self.mu, self.var, self.u, self.v = (getattr(self.layer, name).clone() for name in STATE)

    def step(self, x: Tensor, grad: Tensor) -> dict[str, Tensor]:
        layer, k = self.layer, 1 - self.layer.abkw
        column = (slice(None),) + (None,) * (x.dim() - 2)
        pixels = tuple(range(1, x.dim() - 1))
        y, roots = torch.empty_like(x), []
        for t, sample in enumerate(x):
            roots.append((self.var + layer.eps).sqrt())
            y[t] = (sample - self.mu[column]) / roots[t][column]
            mean = sample.mean(pixels) if pixels else sample
            variance = (sample - mean[column]).square().mean(pixels) if pixels else torch.zeros_like(mean)
            distance = mean - self.mu
            self.var = layer.afwd * self.var + (1 - layer.afwd) * (variance + layer.afwd * distance.square())
            self.mu = self.mu + (1 - layer.afwd) * distance
        y.requires_grad_()
        weight = layer.weight if layer.weight is not None else y.new_ones(x.shape[1], requires_grad=True)
        bias = layer.bias if layer.bias is not None else y.new_zeros(x.shape[1], requires_grad=True)
        out = y * weight[column] + bias[column]
        if layer.ecm == "ls":
            out = out / (out.square().mean(tuple(range(1, x.dim())), keepdim=True) + layer.ls_eps).sqrt()
        elif layer.ecm == "ac":
            out = out.clamp(-layer.clamp_val, layer.clamp_val)
        grad_y, grad_weight, grad_bias = torch.autograd.grad(out, (y, weight, bias), grad)
        grad_x = torch.empty_like(x)
        for t in range(len(x)):
            corrected = grad_y[t] - k * self.v[column] * y.detach()[t]
            product = corrected * y.detach()[t]
            self.v = self.v + (product.mean(pixels) if pixels else product)
            grad_x[t] = corrected / roots[t][column] - k * self.u[column]
            self.u = self.u + (grad_x[t].mean(pixels) if pixels else grad_x[t])
        return {"out": out.detach(), "x": grad_x, "weight": grad_weight, "bias": grad_bias} | {
            name: getattr(self, name) for name in STATE
        }


# What is computed


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-11), (torch.float32, 5e-6)])
@pytest.mark.parametrize(("name", "kind"), [("2d_ls", OnlineNorm2d), ("1d_none", OnlineNorm1d)])
def test_every_step_and_the_evaluation_after_them_match_the_reference_numbers(name, kind, dtype, tolerance) -> None:
    path = REFERENCE / f"online_norm_{name}_f64.npz"
    if not path.is_file():
        pytest.skip(f"no reference numbers at {path.name}")
    numbers = dict(np.load(path))
    options = {key: float(numbers[key]) for key in ("afwd", "abkw", "eps", "ls_eps")}
    layer = kind(len(numbers["weight"]), ecm=str(numbers["ecm"]), clamp_val=float(numbers["clamp"]), **options).to(
        dtype
    )
    tensors = {key: torch.from_numpy(value).to(dtype) for key, value in numbers.items() if value.dtype.kind == "f"}
    layer.load_state_dict({"weight": tensors["weight"], "bias": tensors["bias"]}, strict=False)

    def assert_close(key: str, value: Tensor, expected: Tensor) -> None:
        assert value.dtype == dtype
        error = (value.detach() - expected).abs().max() / expected.abs().max()
        assert error <= tolerance, f"{key}: {error}"

    for step in range(len(numbers["x"])):
        layer.zero_grad()
        out, grad_in = train(layer, tensors["x"][step], tensors["grad_out"][step])
        results = {"out": out, "grad_in": grad_in, "grad_weight": layer.weight.grad, "grad_bias": layer.bias.grad}
        results |= {"m": layer.mu, "var": layer.var, "u": layer.u, "v": layer.v}
        for key, value in results.items():
            assert_close(key, value, tensors[key][step])
    assert_close("eval_out", layer.eval()(tensors["x_eval"]), tensors["eval_out"])


def test_two_samples_by_hand() -> None:
    layer = OnlineNorm2d(1, afwd=0.5, abkw=0.5, eps=0, affine=False, ecm="none")
    x = torch.tensor([[1.0, 3], [5, 7]], dtype=torch.float64).view(2, 1, 1, 2)
    y, dx = train(layer, x, torch.tensor([[1.0, 0], [2, -1]], dtype=torch.float64).view(2, 1, 1, 2))
    assert y.flatten().tolist() == pytest.approx([1, 3, 2.82842712, 4.24264069], abs=1e-8)
    assert dx.flatten().tolist() == pytest.approx([1, 0, 0.66421356, -1.70710678], abs=1e-8)
    assert [layer.mu.item(), layer.var.item()] == [3.5, 7.75]
    assert [layer.u.item(), layer.v.item()] == pytest.approx([-0.02144661, -2.04289322], abs=1e-8)


@pytest.mark.parametrize("ecm", ECM)
@pytest.mark.parametrize("shape", [(7, 3, 4, 5), (1, 3, 2, 2), (130, 3, 2, 1), (9, 3)])
@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_three_steps_match_a_loop_over_samples(ecm, shape, affine, layout) -> None:
    if len(shape) == 2 and layout == torch.channels_last:
        pytest.skip("features have no memory format")
    kind = OnlineNorm2d if len(shape) == 4 else OnlineNorm1d
    layer = kind(3, afwd=0.95, abkw=0.9, affine=affine, ecm=ecm, clamp_val=0.7).double()
    if affine:
        layer.load_state_dict({"weight": random(3, seed=7), "bias": random(3, seed=8)}, strict=False)
    loop = Loop(layer)
    for seed in range(3):
        x, grad = 1 + 2 * random(*shape, seed=seed), random(*shape, seed=10 + seed)
        layer.zero_grad()
        out, grad_x = train(layer, x.contiguous(memory_format=layout), grad)
        results = {"out": out, "x": grad_x} | {name: getattr(layer, name) for name in STATE}
        if affine:
            results |= {"weight": layer.weight.grad, "bias": layer.bias.grad}
        expected = loop.step(x, grad)
        assert_same(results, {name: expected[name] for name in results}, 1e-12)


@pytest.mark.parametrize("ecm", ECM)
def test_twenty_steps_of_training_stay_within_1e_12_of_the_loop(ecm: str) -> None:
    layer = layer_2d(ecm=ecm, afwd=0.99, abkw=0.95)
    loop = Loop(layer)
    for seed in range(20):
        x, grad = 1 + 2 * random(16, 3, 4, 4, seed=seed), random(16, 3, 4, 4, seed=100 + seed)
        layer.zero_grad()
        train(layer, x, grad)
        expected = loop.step(x, grad)
        with torch.no_grad():
            for name in ("weight", "bias"):
                getattr(layer, name).sub_(0.01 * getattr(layer, name).grad)
                getattr(loop.layer, name).sub_(0.01 * expected[name])
    trained = {name: getattr(layer, name).detach() for name in (*STATE, "weight", "bias")}
    wanted = {name: getattr(loop if name in STATE else loop.layer, name).detach() for name in trained}
    assert_same(trained, wanted, 1e-12)


@pytest.mark.parametrize("ecm", ECM)
def test_without_correction_gradients_are_those_of_the_function_with_its_streams_held_still(ecm: str) -> None:
    layer = layer_2d(ecm=ecm, abkw=1 - 1e-13)
    x, grad = random(6, 3, 4, 4), random(6, 3, 4, 4, seed=1)
    centers, roots = [], []
    streams = copy.deepcopy(layer)
    for sample in x.split(1):
        centers.append(streams.mu.clone())
        roots.append((streams.var + streams.eps).sqrt())
        streams(sample)
    center, root = (torch.stack(values)[:, :, None, None] for values in (centers, roots))

    def function(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        z = (x - center) / root * weight[:, None, None] + bias[:, None, None]
        if ecm == "ls":
            return z / (z.square().mean((1, 2, 3), keepdim=True) + layer.ls_eps).sqrt()
        return z.clamp(-layer.clamp_val, layer.clamp_val) if ecm == "ac" else z

    inputs = (x, layer.weight.detach(), layer.bias.detach())
    out, derivative = torch.autograd.functional.vjp(function, inputs, grad)
    ours, grad_x = train(layer, x, grad)
    torch.testing.assert_close(ours, out, rtol=1e-10, atol=1e-10)
    for one, other in zip((grad_x, layer.weight.grad, layer.bias.grad), derivative, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("ecm", ECM)
@pytest.mark.parametrize("evaluate", [False, True])
def test_parameter_gradients_pass_a_numerical_check_and_evaluation_does_for_its_input_too(ecm, evaluate) -> None:
    layer = layer_2d(ecm=ecm)
    train(layer, random(4, 3, 3, 3), random(4, 3, 3, 3, seed=1))
    layer.train(not evaluate)
    begin = state(layer)

    def function(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        parameters = {"weight": weight, "bias": bias} | {name: value.clone() for name, value in begin.items()}
        return torch.func.functional_call(layer, parameters, (x,))

    x = random(4, 3, 3, 3, seed=2).requires_grad_(evaluate)
    weight, bias = (p.detach().clone().requires_grad_() for p in layer.parameters())
    assert torch.autograd.gradcheck(function, (x, weight, bias))


@pytest.mark.parametrize("sizes", [[4, 4], [1, 5, 2], [1] * 8])
@pytest.mark.parametrize("ecm", ECM)
def test_micro_batches_give_the_numbers_of_one_batch(sizes: list[int], ecm: str) -> None:
    x, grad = random(sum(sizes), 3, 4, 4), random(sum(sizes), 3, 4, 4, seed=1)
    whole, parts = layer_2d(ecm=ecm), layer_2d(ecm=ecm)
    out, grad_x = train(whole, x, grad)
    results = [train(parts, *micro) for micro in zip(x.split(sizes), grad.split(sizes), strict=True)]
    torch.testing.assert_close(torch.cat([r[0] for r in results]), out, rtol=1e-13, atol=1e-13)
    torch.testing.assert_close(torch.cat([r[1] for r in results]), grad_x, rtol=1e-13, atol=1e-13)
    assert_same(state(parts), state(whole), 1e-13)
    torch.testing.assert_close(parts.weight.grad, whole.weight.grad, rtol=1e-12, atol=1e-12)


def test_u_grows_by_the_sum_of_the_mean_gradients() -> None:
    layer = layer_2d()
    train(layer, random(5, 3, 4, 4), random(5, 3, 4, 4, seed=1))
    before = layer.u.clone()
    _, grad_x = train(layer, random(9, 3, 4, 4, seed=2), random(9, 3, 4, 4, seed=3))
    torch.testing.assert_close(layer.u - before, grad_x.mean((2, 3)).sum(0), rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("ecm", ECM)
def test_images_of_one_pixel_are_features(ecm: str) -> None:
    x, grad = random(8, 3), random(8, 3, seed=1)
    images, features = OnlineNorm2d(3, ecm=ecm).double(), OnlineNorm1d(3, ecm=ecm).double()
    out_2d, grad_2d = train(images, x[:, :, None, None], grad[:, :, None, None])
    out_1d, grad_1d = train(features, x, grad)
    torch.testing.assert_close(out_2d.flatten(1), out_1d, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(grad_2d.flatten(1), grad_1d, rtol=1e-12, atol=1e-12)
    assert_same(state(images), state(features), 1e-12)


def test_the_order_of_the_samples_matters() -> None:
    x = random(16, 3, 4, 4) * torch.linspace(0.1, 3, 16, dtype=torch.float64)[:, None, None, None]
    forwards, backwards = layer_2d()(x), layer_2d()(x.flip(0)).flip(0)
    assert (forwards - backwards).abs().max() > 0.1


def test_evaluation_uses_the_frozen_streams_and_moves_nothing() -> None:
    layer = layer_2d(ecm="ac")
    train(layer, random(5, 3, 4, 4), random(5, 3, 4, 4, seed=1))
    before = state(layer)
    x = random(6, 3, 4, 4, seed=2)
    out, _ = train(layer.eval(), x, x)
    column = (slice(None), None, None)
    expected = (x - layer.mu[column]) / (layer.var + layer.eps).sqrt()[column]
    expected = (expected * layer.weight[column] + layer.bias[column]).clamp(-1, 1)
    torch.testing.assert_close(out, expected.detach(), rtol=1e-12, atol=1e-12)
    assert_same(state(layer), before)


@pytest.mark.parametrize(("offset", "tolerance"), [(0, 1e-6), (3, 3e-6), (10, 3e-6), (100, 2e-5), (1000, 2e-4)])
def test_float32_is_off_by_little_more_than_the_rounding_of_its_inputs(offset: float, tolerance: float) -> None:
    narrow, wide = OnlineNorm2d(3, afwd=0.5, abkw=0.9), OnlineNorm2d(3, afwd=0.5, abkw=0.9).double()
    for seed in range(3):
        x, grad = (offset + random(32, 3, 9, 9, seed=seed)).float(), random(32, 3, 9, 9, seed=9 + seed).float()
        results = zip(train(narrow, x, grad), train(wide, x.double(), grad.double()), strict=True)
        for one, other in results:
            assert (one - other).abs().max() < tolerance * other.abs().max()


def test_float32_streams_of_large_images_are_as_exact_as_those_of_small_ones() -> None:
    narrow, wide = OnlineNorm2d(3, afwd=0.5), OnlineNorm2d(3, afwd=0.5).double()
    x = (3.5 + random(9, 3, 224, 224)).float()  # the first samples move mu there, the last measure their variance
    narrow(x)
    wide(x.double())
    torch.testing.assert_close(narrow.var.double(), wide.var, rtol=1e-6, atol=0)


@pytest.mark.parametrize("ecm", ECM)
@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize("shape", [(17, 3, 4, 5), (17, 3)])
def test_the_form_for_other_devices_gives_the_numbers_of_the_cpu(monkeypatch, ecm, affine, shape) -> None:
    kind = OnlineNorm2d if len(shape) == 4 else OnlineNorm1d
    here, elsewhere = (kind(3, 0.95, 0.9, affine=affine, ecm=ecm, clamp_val=1.0).double() for _ in range(2))
    for seed in range(2):
        x, grad = random(*shape, seed=seed), random(*shape, seed=5 + seed)
        expected = train(here, x, grad)
        with monkeypatch.context() as patch:
            patch.setattr(planes, "on_cpu", lambda tensor: False)
            results = train(elsewhere, x, grad)
        for one, other in zip(results, expected, strict=True):
            torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-12)
        assert_same(state(elsewhere), state(here), 1e-12)


# The state moves once


def network(seed: int = 0) -> nn.Sequential:
    torch.manual_seed(seed)
    layers = [nn.Conv2d(3, 4, 3), OnlineNorm2d(4, 0.9, 0.8), nn.ReLU(inplace=True), nn.Conv2d(4, 5, 3)]
    return nn.Sequential(*layers, OnlineNorm2d(5, 0.9, 0.8), nn.Flatten(), nn.Linear(80, 2)).double()


def test_streams_move_in_the_forward_pass_and_controls_in_the_backward_pass() -> None:
    layer = layer_2d()
    before = state(layer)
    out = layer(random(4, 3, 4, 4).requires_grad_())
    between = state(layer)
    assert not any(torch.equal(between[name], before[name]) for name in ("mu", "var"))
    assert all(torch.equal(between[name], before[name]) for name in ("u", "v"))
    out.sum().backward()
    after = state(layer)
    assert all(torch.equal(after[name], between[name]) for name in ("mu", "var"))
    assert not any(torch.equal(after[name], between[name]) for name in ("u", "v"))


def test_a_second_backward_pass_gives_the_same_gradient_and_moves_nothing() -> None:
    layer = layer_2d()
    train(layer, random(4, 3, 4, 4, seed=3), random(4, 3, 4, 4, seed=4))
    x = random(4, 3, 4, 4).requires_grad_()
    out, grad = layer(x), random(4, 3, 4, 4, seed=1)
    (first,) = torch.autograd.grad(out, x, grad, retain_graph=True)
    moved = state(layer)
    (second,) = torch.autograd.grad(out, x, grad)
    assert torch.equal(first, second)
    assert_same(state(layer), moved)


def test_a_second_derivative_is_refused() -> None:
    x, grad = random(4, 3, 4, 4).requires_grad_(), random(4, 3, 4, 4, seed=1).requires_grad_()
    (grad_x,) = torch.autograd.grad(layer_2d()(x), x, grad, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        grad_x.sum().backward()


def steps_of(model: nn.Module, run: Callable[[nn.Module, Tensor], None]) -> dict[str, Tensor]:
    """State and summed gradients after three steps, two of them on the same batch."""
    for seed in (1, 1, 2):
        run(model, random(6, 3, 8, 8, seed=seed))
    return state(model) | {name: p.grad for name, p in model.named_parameters()}


@pytest.mark.parametrize("use_reentrant", [False, True])
@pytest.mark.parametrize("retain_graph", [False, True])
@pytest.mark.parametrize("pending", [1, 3])
def test_checkpointing_changes_no_number(use_reentrant: bool, retain_graph: bool, pending: int) -> None:
    def run(model: nn.Module, x: Tensor, forward: Callable[[nn.Module, Tensor], Tensor] = lambda m, x: m(x)) -> None:
        losses = [forward(model, part.requires_grad_()).square().sum() for part in x.chunk(pending)]
        for _ in range(1 + retain_graph):
            torch.stack(losses).sum().backward(retain_graph=retain_graph)

    def checkpointed(model: nn.Module, x: Tensor) -> Tensor:
        return checkpoint(model, x, use_reentrant=use_reentrant)

    plain = steps_of(network(), run)
    assert_same(steps_of(network(), lambda model, x: run(model, x, checkpointed)), plain, 1e-12)


@pytest.mark.filterwarnings("ignore:The .grad attribute")  # the compiler's own, on its way to our frame
def test_compiling_changes_no_number() -> None:
    model = network()
    compiled = torch.compile(model, backend="aot_eager")
    plain = steps_of(network(), lambda model, x: model(x).square().sum().backward())
    assert_same(steps_of(model, lambda _, x: compiled(x).square().sum().backward()), plain, 1e-12)


def test_without_gradients_training_moves_the_streams_alone() -> None:
    layer = layer_2d()
    with torch.no_grad():
        layer(random(4, 3, 4, 4))
    assert layer.mu.abs().min() > 0
    assert (layer.u == 0).all()


def test_an_input_that_needs_no_gradient_leaves_the_controls_and_still_trains_the_parameters() -> None:
    frozen, usual = layer_2d(), layer_2d()
    x, grad = random(4, 3, 4, 4), random(4, 3, 4, 4, seed=1)
    frozen(x).backward(grad)
    train(usual, x, grad)
    assert torch.equal(frozen.weight.grad, usual.weight.grad)
    assert torch.equal(frozen.bias.grad, usual.bias.grad)
    assert (frozen.u == 0).all()
    assert (frozen.v == 0).all()
    assert torch.equal(frozen.mu, usual.mu)


def test_frozen_parameters_change_nothing_for_the_input() -> None:
    frozen, usual = layer_2d().requires_grad_(False), layer_2d()
    x, grad = random(4, 3, 4, 4), random(4, 3, 4, 4, seed=1)
    assert torch.equal(train(frozen, x, grad)[1], train(usual, x, grad)[1])
    assert frozen.weight.grad is None


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize("on_cpu", [True, False])
def test_a_gradient_that_is_not_finite_reaches_the_input_but_not_the_controls(monkeypatch, value, on_cpu) -> None:
    monkeypatch.setattr(planes, "on_cpu", lambda tensor: on_cpu)
    layer = layer_2d()
    train(layer, random(4, 3, 4, 4), random(4, 3, 4, 4, seed=1))
    before = state(layer)
    grad = random(4, 3, 4, 4, seed=2)
    grad[1, 0, 2, 2] = value
    _, grad_x = train(layer, random(4, 3, 4, 4, seed=3), grad)
    assert not grad_x.isfinite().all()
    assert all(torch.equal(getattr(layer, name), before[name]) for name in ("u", "v"))
    _, grad_x = train(layer, random(4, 3, 4, 4, seed=4), random(4, 3, 4, 4, seed=5))
    assert grad_x.isfinite().all()


@pytest.mark.parametrize("on_cpu", [True, False])
def test_an_input_that_is_not_finite_reaches_the_result_but_not_the_streams(monkeypatch, on_cpu) -> None:
    monkeypatch.setattr(planes, "on_cpu", lambda tensor: on_cpu)
    layer = layer_2d()
    x = random(4, 3, 4, 4)
    before = state(layer)
    broken = x.clone()
    broken[2, 1, 0, 0] = float("inf")
    assert not layer(broken).isfinite().all()
    assert_same(state(layer), before)
    assert layer(x).isfinite().all()


# Loss scale and decay


def test_a_changing_loss_scale_changes_gradients_by_its_factor_and_the_state_not_at_all() -> None:
    model, scaled = nn.Sequential(layer_2d()), nn.Sequential(layer_2d())
    for seed, scale in enumerate((1.0, 1024.0, 2.0**16, 8.0)):
        x, grad = random(5, 3, 4, 4, seed=seed), random(5, 3, 4, 4, seed=10 + seed)
        set_loss_scale(scaled, scale)
        _, expected = train(model, x, grad)
        _, grad_x = train(scaled, x, grad * scale)
        torch.testing.assert_close(grad_x / scale, expected, rtol=1e-13, atol=1e-13)
    assert_same(state(scaled), state(model), 1e-13)


def test_assigning_abkw_keeps_the_correction_where_it_was() -> None:
    layer = layer_2d(abkw=0.99)
    train(layer, random(5, 3, 4, 4), random(5, 3, 4, 4, seed=1))
    before = {name: (1 - layer.abkw) * getattr(layer, name) for name in ("u", "v")}
    layer.abkw = 0.5
    assert layer.abkw == 0.5
    assert_same({name: 0.5 * getattr(layer, name) for name in before}, before, 1e-15)
    loop = Loop(layer)
    x, grad = random(5, 3, 4, 4, seed=2), random(5, 3, 4, 4, seed=3)
    torch.testing.assert_close(train(layer, x, grad)[1], loop.step(x, grad)["x"], rtol=1e-12, atol=1e-12)


def test_assigning_afwd_takes_effect_at_the_next_sample() -> None:
    layer = layer_2d(afwd=0.99)
    layer.afwd = 0.5
    layer(torch.ones(1, 3, 2, 2, dtype=torch.float64))
    assert layer.mu.tolist() == [0.5] * 3


# Copies, types and layouts


def pickled(layer: nn.Module) -> nn.Module:
    return pickle.loads(pickle.dumps(layer))


def saved(layer: nn.Module) -> nn.Module:
    file = io.BytesIO()
    torch.save(layer.state_dict(), file)
    file.seek(0)
    other = layer_2d()
    other.load_state_dict(torch.load(file, weights_only=True))
    return other


@pytest.mark.parametrize("copied", [copy.deepcopy, pickled, saved])
def test_a_copy_goes_on_alike_and_shares_nothing(copied: Callable[[nn.Module], nn.Module]) -> None:
    layer = layer_2d()
    train(layer, random(5, 3, 4, 4), random(5, 3, 4, 4, seed=1))
    layer.zero_grad(set_to_none=True)
    twin = copied(layer)
    before = state(layer)
    x, grad = random(5, 3, 4, 4, seed=2), random(5, 3, 4, 4, seed=3)
    results = train(twin, x, grad)
    assert_same(state(layer), before)
    assert all(torch.equal(one, other) for one, other in zip(results, train(layer, x, grad), strict=True))
    assert_same(state(twin), state(layer))


def test_a_layer_may_be_copied_between_forward_and_backward_pass() -> None:
    layer = layer_2d()
    out = layer(random(4, 3, 4, 4).requires_grad_())
    twin = copy.deepcopy(layer)
    out.sum().backward()
    assert (twin.u == 0).all()
    assert (layer.u != 0).all()


def test_a_layer_weighs_no_more_to_copy_for_having_been_trained() -> None:
    layer = layer_2d()
    before = len(pickle.dumps(layer))
    for _ in range(20):
        layer(random(4, 3, 4, 4))
    assert len(pickle.dumps(layer)) == before


def test_the_state_dict_holds_parameters_and_four_float32_tensors() -> None:
    entries = OnlineNorm2d(4).state_dict()
    assert list(entries) == ["weight", "bias", *STATE]
    assert {value.dtype for value in entries.values()} == {torch.float32}
    assert {tuple(value.shape) for value in entries.values()} == {(4,)}
    assert list(OnlineNorm2d(4, affine=False).state_dict()) == list(STATE)


def test_float64_input_is_computed_in_float64_and_makes_the_state_float64() -> None:
    narrow, wide = OnlineNorm2d(3), OnlineNorm2d(3).double()
    x, grad = random(4, 3, 4, 4), random(4, 3, 4, 4, seed=1)
    for one, other in zip(train(narrow, x, grad), train(wide, x, grad), strict=True):
        assert one.dtype == torch.float64
        torch.testing.assert_close(one, other, rtol=1e-13, atol=1e-13)
    assert narrow.u.dtype == torch.float64
    assert narrow.weight.grad.dtype == torch.float32


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("ecm", ECM)
def test_half_types_are_rounded_once_at_the_end_of_a_computation_in_float32(dtype: torch.dtype, ecm: str) -> None:
    half, single = OnlineNorm2d(3, ecm=ecm).to(dtype), OnlineNorm2d(3, ecm=ecm)
    x, grad = random(4, 3, 6, 6, dtype=dtype), random(4, 3, 6, 6, seed=1, dtype=dtype)
    for one, other in zip(train(half, x, grad), train(single, x.float(), grad.float()), strict=True):
        assert torch.equal(one, other.to(dtype))
    assert_same(state(half), state(single))
    assert torch.equal(half.eval()(x), single.eval()(x.float()).to(dtype))


def test_a_network_trains_under_autocast_with_its_state_in_float32() -> None:
    model = network().float()
    x = random(8, 3, 8, 8, dtype=torch.float32)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = model(x).square().mean()
    loss.backward()
    assert all(p.grad.isfinite().all() and p.grad.dtype == torch.float32 for p in model.parameters())
    assert all(buffer.dtype == torch.float32 for buffer in model.buffers())
    assert all((layer.u != 0).all() for layer in model if isinstance(layer, OnlineNorm2d))


@pytest.mark.parametrize("ecm", ECM)
def test_channels_last_stays_channels_last_in_results_and_gradients(ecm: str) -> None:
    layer = layer_2d(ecm=ecm)
    x = random(4, 3, 5, 6).contiguous(memory_format=torch.channels_last).requires_grad_()
    out = layer(x)
    out.square().sum().backward()
    assert out.is_contiguous(memory_format=torch.channels_last)
    assert x.grad.is_contiguous(memory_format=torch.channels_last)
    assert layer.eval()(x).is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("slices", [(slice(None), slice(None), slice(None, None, 2)), (slice(None, None, 3),)])
def test_strided_inputs_and_expanded_gradients_count_like_their_copies(slices) -> None:
    x = random(6, 3, 8, 4)[slices]
    results = []
    for given in (x, x.contiguous()):
        leaf = given.detach().requires_grad_()
        layer = layer_2d()
        layer(leaf).sum().backward()
        results.append(state(layer) | {"grad": leaf.grad})
    assert_same(*results)


@pytest.mark.parametrize("options", [{}, {"affine": False, "ecm": "none"}])
@pytest.mark.parametrize("kind", [OnlineNorm1d, OnlineNorm2d])
def test_the_result_may_be_overwritten_by_what_follows(kind, options) -> None:
    shape = (4, 3, 5, 5) if kind is OnlineNorm2d else (4, 3)
    layers = [kind(3, **options).double() for _ in range(2)]
    x = random(*shape)
    grads = []
    for layer, inplace in zip(layers, (True, False), strict=True):
        leaf = x.clone().requires_grad_()
        out = layer(leaf)
        out = out.add_(x) if inplace else out + x
        nn.functional.relu(out, inplace=inplace).square().sum().backward()
        grads.append(leaf.grad)
    assert torch.equal(*grads)


def test_about_one_activation_is_saved_for_the_backward_pass() -> None:
    sizes = {}

    def pack(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        sizes[storage.data_ptr()] = storage.nbytes()
        return tensor

    x = random(32, 64, 8, 8, dtype=torch.float32).requires_grad_()
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        out = OnlineNorm2d(64)(x)
    assert x.untyped_storage().nbytes() < sum(sizes.values()) <= 1.1 * x.untyped_storage().nbytes()
    assert out.grad_fn is not None


# Bad input


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"afwd": 1.0}, r"`afwd` is 1, but must lie between 0 and 1, both excluded; a horizon of h samples is 1 - 1/h"),
        ({"abkw": 0.0}, r"`abkw` is 0, but must lie between 0 and 1"),
        ({"abkw": float("nan")}, r"`abkw` is nan, but must lie between 0 and 1"),
        (
            {"ecm": "clamp"},
            r"`ecm` is 'clamp', but must be 'ls' \(layer scaling\), 'ac' \(activation clamping\) or 'none'",
        ),
        ({"eps": -1e-5}, r"`eps` is -1e-05, but must be finite and at least 0"),
        ({"ls_eps": float("inf")}, r"`ls_eps` is inf, but must be finite and at least 0"),
        ({"clamp_val": 0.0}, r"`clamp_val` is 0, but must be larger than 0"),
        ({"num_features": 0}, r"`num_features` is 0, but must be at least 1"),
    ],
)
def test_a_bad_argument_is_refused_in_one_sentence(options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        OnlineNorm2d(**({"num_features": 3} | options))


def test_a_bad_decay_is_refused_on_assignment_and_changes_nothing() -> None:
    layer = layer_2d()
    train(layer, random(4, 3, 4, 4), random(4, 3, 4, 4, seed=1))
    before = state(layer)
    with pytest.raises(ValueError, match="`abkw` is 1, but must lie"):
        layer.abkw = 1.0
    with pytest.raises(ValueError, match="`afwd` is 2, but must lie"):
        layer.afwd = 2.0
    assert (layer.afwd, layer.abkw) == (0.9, 0.8)
    assert_same(state(layer), before)


@pytest.mark.parametrize(
    ("kind", "shape", "sentence"),
    [
        (OnlineNorm2d, (4, 3), r"shape \[4, 3\], but OnlineNorm2d takes \[N, C, H, W\]"),
        (OnlineNorm1d, (4, 3, 2, 2), r"shape \[4, 3, 2, 2\], but OnlineNorm1d takes \[N, C\]"),
        (OnlineNorm2d, (4, 5, 2, 2), r"has 5 channels, but this layer has 3"),
        (OnlineNorm2d, (1, 3, 1, 1), r"shape \[1, 3, 1, 1\], one value for each channel, but training needs more"),
        (OnlineNorm2d, (0, 3, 2, 2), r"shape \[0, 3, 2, 2\] and no values"),
        (OnlineNorm1d, (0, 3), r"shape \[0, 3\] and no values"),
    ],
)
def test_a_bad_input_is_refused_in_one_sentence(kind, shape: tuple[int, ...], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        kind(3)(torch.zeros(shape))


def test_integers_are_refused() -> None:
    with pytest.raises(ValueError, match=r"the input is torch.int64, but must be floating point; convert it"):
        OnlineNorm2d(3)(torch.zeros(2, 3, 4, 4, dtype=torch.int64))


def test_one_sample_is_enough_for_features_and_for_evaluation() -> None:
    assert OnlineNorm1d(3)(torch.ones(1, 3)).shape == (1, 3)
    assert OnlineNorm2d(3).eval()(torch.ones(1, 3, 1, 1)).shape == (1, 3, 1, 1)


def test_a_loss_scale_of_zero_is_refused() -> None:
    with pytest.raises(ValueError, match="`scale` is 0, but must be finite and larger than 0"):
        set_loss_scale(layer_2d(), 0.0)
