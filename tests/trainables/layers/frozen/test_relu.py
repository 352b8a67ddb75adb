"""ReLU with a mask: PyTorch's values and gradients, a byte an element, and only where nobody else keeps its output."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from tests.trainables.layers.frozen.test_conv import saved_by
from trainables.layers.frozen.relu import MaskedReLU, relu


def conv(trained):
    return nn.Conv2d(2, 2, 3).requires_grad_(trained)


@pytest.mark.parametrize("layer", [lambda x: relu(x, followed_by=conv(False)), MaskedReLU()])
def test_values_and_gradients_are_pytorchs(layer):
    start = torch.tensor([-2.0, -0.0, 0.0, 1e-40, 3.0, -1e-40]).requires_grad_()
    weights = torch.arange(1.0, 7.0)
    expected = torch.autograd.grad((F.relu(start) * weights).sum(), start)[0]
    outputs = layer(start * 1)
    assert torch.equal(outputs, F.relu(start))
    assert torch.equal(torch.autograd.grad((outputs * weights).sum(), start)[0], expected)


def test_a_byte_an_element_is_kept_before_a_frozen_convolution_and_the_output_before_a_trained_one():
    maps = torch.randn(2, 2, 8, 8, requires_grad=True)
    outputs, kept = saved_by(lambda: relu(maps * 1, followed_by=conv(False)))
    assert [tensor.dtype for tensor in kept if tensor.shape == maps.shape] == [torch.bool]
    outputs, kept = saved_by(lambda: relu(maps * 1, followed_by=conv(True)))
    assert [tensor.data_ptr() for tensor in kept if tensor.shape == maps.shape] == [outputs.data_ptr()]


def test_nothing_is_kept_where_there_is_no_gradient():
    for maps in (torch.randn(3), torch.randn(3, requires_grad=True)):
        with torch.no_grad():
            outputs, kept = saved_by(lambda maps=maps: relu(maps * 1, followed_by=conv(False)))
        assert not outputs.requires_grad
        assert kept == []


def test_nan_is_passed_on():
    maps = torch.tensor([float("nan"), 1.0], requires_grad=True)
    assert relu(maps * 1, followed_by=conv(False)).isnan().tolist() == [True, False]
