"""The frozen convolution: PyTorch's values and gradients, and nothing kept but the weight."""

import pytest
import torch
from torch import nn

from trainables.layers.frozen.conv import FrozenConv2d

GEOMETRIES = [
    {"kernel_size": 3, "padding": 1},
    {"kernel_size": 3, "padding": 1, "stride": 2},
    {"kernel_size": 1, "stride": 2},
    {"kernel_size": 1},
    {"kernel_size": 3, "padding": 0},
    {"kernel_size": 7, "padding": 3, "stride": 2},
    {"kernel_size": 3, "padding": 2, "dilation": 2},
    {"kernel_size": 3, "padding": 1, "groups": 2},
    {"kernel_size": (3, 5), "padding": (1, 2)},
    {"kernel_size": 2, "padding": 1},
    {"kernel_size": 3, "padding": "same"},
    {"kernel_size": 3, "padding": 1, "padding_mode": "circular"},
]


def pair(bias=False, **geometry):
    """PyTorch's layer and ours on the same weight, both frozen."""
    torch.manual_seed(0)
    plain = nn.Conv2d(4, 6, bias=bias, **geometry).double().requires_grad_(False)
    return plain, FrozenConv2d.of(plain)


def saved_by(function):
    """The tensors that autograd keeps while `function` runs, once each."""
    kept = {}

    def pack(tensor):
        kept[tensor.data_ptr()] = tensor
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        result = function()
    return result, list(kept.values())


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("geometry", GEOMETRIES, ids=str)
def test_values_and_input_gradients_are_pytorchs(geometry, bias):
    plain, frozen = pair(bias, **geometry)
    one = torch.randn(3, 4, 9, 8, dtype=torch.float64, requires_grad=True)
    two = one.detach().clone().requires_grad_()
    expected, found = plain(one), frozen(two)
    assert torch.equal(found, expected)
    weights = torch.randn_like(expected)
    (expected * weights).sum().backward()
    (found * weights).sum().backward()
    assert torch.allclose(two.grad, one.grad, rtol=1e-12, atol=1e-12)
    assert frozen.weight.grad is None


def test_the_input_is_not_kept_where_pytorch_keeps_it():
    plain, frozen = pair(kernel_size=3, padding=1)
    maps = torch.randn(2, 4, 8, 8, dtype=torch.float64, requires_grad=True)
    _, kept = saved_by(lambda: plain(maps * 1))
    assert any(tensor.shape == maps.shape for tensor in kept)
    _, kept = saved_by(lambda: frozen(maps * 1))
    assert [tensor.shape for tensor in kept] == [frozen.weight.shape]


def test_a_trained_weight_gets_its_gradient_as_ever():
    plain, ours = pair(kernel_size=3, padding=1)
    plain.weight.requires_grad_(True)  # one weight for both
    maps = torch.randn(2, 4, 8, 8, dtype=torch.float64, requires_grad=True)
    plain(maps).square().sum().backward()
    expected, plain.weight.grad = plain.weight.grad, None
    ours(maps).square().sum().backward()
    assert torch.equal(ours.weight.grad, expected)


def test_a_frozen_stem_starts_no_graph():
    _, frozen = pair(kernel_size=3, padding=1)
    assert not frozen(torch.randn(1, 4, 5, 5, dtype=torch.float64)).requires_grad


def test_autocast_gives_its_type_and_the_gradient_comes_back_in_the_inputs():
    conv = FrozenConv2d(4, 6, 3, padding=1, bias=False).requires_grad_(False)
    maps = torch.randn(2, 4, 8, 8, requires_grad=True)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = conv(maps)
    assert found.dtype == torch.bfloat16
    found.float().sum().backward()
    assert maps.grad.dtype == torch.float32
    exact = torch.autograd.grad(conv(maps).sum(), maps)[0]
    assert torch.allclose(maps.grad, exact, rtol=0.05, atol=0.05)


def test_it_has_the_parameters_of_the_layer_it_is_made_of():
    plain = nn.Conv2d(4, 6, 3)
    ours = FrozenConv2d.of(plain)
    assert ours.weight is plain.weight
    assert ours.bias is plain.bias
    assert isinstance(ours, nn.Conv2d)
