"""The GPU's kernels of Online Normalization give the numbers of the CPU's form and of the reference.

Without a card Triton's interpreter runs them.
"""

from __future__ import annotations

import os
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from trainables.layers.online_norm import OnlineNorm1d, OnlineNorm2d
from trainables.layers.online_norm import on_triton as online_triton
from trainables.layers.online_norm import operators as online_operators

triton = pytest.importorskip("triton", reason="Triton comes with CUDA's torch alone")

REFERENCE = Path(__file__).parents[4].parent / "shared" / "reference"
STATE = ("mu", "var", "u", "v")
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
# Shape and memory format: more channels than a walk takes at a time; one sample; features; a plane that is no power of two.
CASES = (
    ((7, 3, 5, 4), torch.channels_last),
    ((5, 35, 2, 2), torch.contiguous_format),
    ((1, 5, 3, 1), torch.contiguous_format),
    ((9, 6), torch.contiguous_format),
)


@pytest.fixture
def by_kernels(monkeypatch):
    """Switch the layers over to the kernels: on a card as they are compiled, elsewhere as the interpreter runs them."""

    def switch() -> None:
        online_operators.load()
        monkeypatch.setattr(online_triton, "takes", lambda x: True)

    return switch


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def steps(layer: nn.Module, inputs: list[tuple[Tensor, Tensor]]) -> list[dict[str, Tensor]]:
    """After each step of a layer, on its device: the result, the gradients, the state."""
    found, device = [], layer.mu.device
    for x, grad in inputs:
        layer.zero_grad()
        x = x.detach().clone().to(device).requires_grad_()
        out = layer(x)
        out.backward(grad.to(device))
        parameters = {name: p.grad.clone() for name, p in layer.named_parameters()}
        state = {name: layer.get_buffer(name).clone() for name in STATE}
        found.append({name: t.cpu() for name, t in ({"out": out.detach(), "x": x.grad} | parameters | state).items()})
    return found


def assert_close(ours: list[dict[str, Tensor]], others: list[dict[str, Tensor]], tolerance: float) -> None:
    for step, (one, other) in enumerate(zip(ours, others, strict=True)):
        for name in other:
            error = (one[name].double() - other[name].double()).abs().max() / other[name].double().abs().max()
            assert error <= tolerance, f"step {step}, {name}: off by {error:.2e} of the largest"
            assert one[name].dtype == other[name].dtype


@pytest.mark.parametrize("ecm", ["ls", "ac", "none"])
@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize(("shape", "layout"), CASES)
def test_two_steps_give_the_numbers_of_the_cpu(by_kernels, ecm, affine, layout, shape) -> None:
    kind = OnlineNorm2d if len(shape) == 4 else OnlineNorm1d

    def made() -> nn.Module:
        layer = kind(shape[1], 0.95, 0.9, affine=affine, ecm=ecm, clamp_val=0.9).double()
        if affine:
            layer.load_state_dict({"weight": random(shape[1], seed=7), "bias": random(shape[1], seed=8)}, strict=False)
        return layer

    def laid_out(x: Tensor) -> Tensor:
        return x.contiguous(memory_format=layout) if x.dim() == 4 else x

    inputs = [(laid_out(1 + 2 * random(*shape, seed=seed)), random(*shape, seed=9 + seed)) for seed in range(2)]
    expected = steps(made(), inputs)
    by_kernels()
    assert_close(steps(made().to(DEVICE), inputs), expected, 1e-12)


@pytest.mark.parametrize(("name", "kind"), [("2d_ls", OnlineNorm2d), ("1d_none", OnlineNorm1d)])
def test_every_step_matches_the_reference_numbers(by_kernels, name, kind) -> None:
    path = REFERENCE / f"online_norm_{name}_f64.npz"
    if not path.is_file():
        pytest.skip(f"no reference numbers at {path.name}")
    numbers = dict(np.load(path))
    options = {key: float(numbers[key]) for key in ("afwd", "abkw", "eps", "ls_eps")}
    layer = kind(len(numbers["weight"]), ecm=str(numbers["ecm"]), clamp_val=float(numbers["clamp"]), **options)
    layer = layer.double().to(DEVICE)
    tensors = {key: torch.from_numpy(value) for key, value in numbers.items() if value.dtype.kind == "f"}
    layer.load_state_dict({"weight": tensors["weight"], "bias": tensors["bias"]}, strict=False)
    by_kernels()
    found = steps(layer, list(zip(tensors["x"], tensors["grad_out"], strict=True)))
    names = {"out": "out", "x": "grad_in", "weight": "grad_weight", "bias": "grad_bias", "mu": "m"}
    names |= {name: name for name in ("var", "u", "v")}
    expected = [{ours: tensors[key][step] for ours, key in names.items()} for step in range(len(found))]
    assert_close(found, expected, 1e-11)


def test_half_types_are_computed_in_float32_and_come_back_as_they_were(by_kernels) -> None:
    x, grad = random(12, 4, 6, 6).bfloat16(), random(12, 4, 6, 6, seed=1).bfloat16()
    expected = steps(OnlineNorm2d(4, 0.9, 0.8), [(x, grad)])
    by_kernels()
    found = steps(OnlineNorm2d(4, 0.9, 0.8).to(DEVICE), [(x, grad)])
    assert found[0]["out"].dtype == torch.bfloat16
    assert found[0]["mu"].dtype == torch.float32
    assert_close(found, expected, 1e-2)  # one rounding of bfloat16
    assert_close([{name: found[0][name] for name in STATE}], [{name: expected[0][name] for name in STATE}], 1e-5)


def test_float32_is_off_by_little_more_than_the_rounding_of_its_inputs_also_far_from_zero(by_kernels) -> None:
    x, grad = (10 + random(32, 3, 9, 9)).float(), random(32, 3, 9, 9, seed=1).float()
    expected = steps(OnlineNorm2d(3, 0.5, 0.9).double(), [(x.double(), grad.double())])
    by_kernels()
    found = steps(OnlineNorm2d(3, 0.5, 0.9).to(DEVICE), [(x, grad)])
    for name in ("out", "x"):
        assert (found[0][name] - expected[0][name]).abs().max() < 3e-6 * expected[0][name].abs().max()


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")  # of the interpreter's NumPy
def test_a_batch_that_is_not_finite_moves_no_stream_and_no_control(by_kernels) -> None:
    by_kernels()
    layer = OnlineNorm2d(40, 0.9, 0.8).double().to(DEVICE)
    steps(layer, [(random(4, 40, 3, 3), random(4, 40, 3, 3, seed=1))])
    before = {name: layer.get_buffer(name).clone() for name in STATE}
    bad = random(4, 40, 3, 3, seed=2).to(DEVICE)
    bad[1, 38, 0, 0] = torch.nan
    out = layer(bad)
    assert out.isnan().any()
    good = random(4, 40, 3, 3, seed=3)
    steps(layer, [(good, torch.full_like(good, torch.inf))])
    assert torch.equal(layer.u, before["u"])
    assert torch.equal(layer.v, before["v"])
    layer = OnlineNorm2d(40, 0.9, 0.8).double().to(DEVICE)
    layer.load_state_dict(before, strict=False)
    layer(bad)
    assert all(torch.equal(layer.get_buffer(name), before[name]) for name in STATE)


def test_a_recomputed_forward_pass_and_a_second_backward_pass_move_nothing(by_kernels) -> None:
    x, grad = random(6, 3, 4, 4), random(6, 3, 4, 4, seed=1)
    by_kernels()
    once = OnlineNorm2d(3, 0.9, 0.8).double().to(DEVICE)
    expected = steps(once, [(x, grad)])[0]
    layer = OnlineNorm2d(3, 0.9, 0.8).double().to(DEVICE)
    leaf, grad = x.to(DEVICE, copy=True).requires_grad_(), grad.to(DEVICE)
    out = torch.utils.checkpoint.checkpoint(layer, leaf, use_reentrant=False)
    out.backward(grad, retain_graph=False)
    found = {"x": leaf.grad.cpu()} | {name: layer.get_buffer(name).cpu() for name in STATE}
    assert_close([found], [{name: expected[name] for name in found}], 0)
    out = layer(leaf)
    (first,) = torch.autograd.grad(out, leaf, grad, retain_graph=True)
    moved = {name: layer.get_buffer(name).clone() for name in STATE}
    (second,) = torch.autograd.grad(out, leaf, grad)
    assert torch.equal(first, second)
    assert all(torch.equal(layer.get_buffer(name), moved[name]) for name in STATE)


@pytest.mark.parametrize("reason", ["No module named 'triton'", "Failed to find C compiler"])
def test_without_kernels_the_layer_says_so_once_and_why(reason, monkeypatch) -> None:
    def missing() -> None:
        raise ImportError("No module named 'triton'")

    def compile_without_compiler(_: torch.device) -> None:
        """What Triton does first when it starts a kernel on a card."""
        from triton.runtime import build

        monkeypatch.setenv("PATH", "")
        monkeypatch.delenv("CC", raising=False)
        build._build("name", "source.c", ".", [], [], [], [])

    if "triton" in reason:
        monkeypatch.setattr(online_operators, "load", missing)
    monkeypatch.setattr(online_triton, "_try", compile_without_compiler)
    online_triton.usable.cache_clear()
    try:
        with pytest.warns(UserWarning, match=rf"{reason}.*install Triton and a C compiler"):
            assert not online_triton.usable(torch.device("cpu"))
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert not online_triton.usable(torch.device("cpu"))
    finally:
        online_triton.usable.cache_clear()


@pytest.mark.slow
def test_every_kernel_is_compiled_for_a_card_without_spilling(tmp_path) -> None:
    environment = os.environ | {"TRITON_INTERPRET": "0", "TRITON_CACHE_DIR": str(tmp_path)}
    command = [sys.executable, "-m", "tests.trainables.layers.online_norm.compile_kernels", "90"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    lines = [line.split() for line in done.stdout.splitlines()]
    assert len({kernel for kernel, *_ in lines}) == 6
    assert all(spilled == "0" for *_, spilled, _ in lines), done.stdout
