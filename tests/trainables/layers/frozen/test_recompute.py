"""Activations computed again: the same gradients and statistics, updated once, and far less kept."""

import copy

import pytest
import torch
from torch import nn

from tests.trainables.layers.frozen.test_conv import saved_by
from trainables.bn_only import build
from trainables.layers.frozen.recompute import recomputed
from trainables.models.bn.resnet import BNResNet
from trainables.models.bn.trainable_sets import select_trainable


def trained_step(model, recompute_blocks):
    model = copy.deepcopy(model)
    model.recompute_blocks = recompute_blocks
    torch.manual_seed(1)
    outputs = model.train()(torch.randn(8, 3, 16, 16))
    outputs.square().sum().backward()
    return model, outputs


@pytest.mark.parametrize("trainable_set", ["bn", "all", "random_k", "bn_shortcut_output"])
@pytest.mark.parametrize("group", [1, 2, 4, 100])
def test_gradients_and_statistics_are_bit_equal_to_those_without(trainable_set, group):
    torch.manual_seed(0)
    start = select_trainable(BNResNet(14), trainable_set)
    plain, expected = trained_step(start, 0)
    model, outputs = trained_step(start, group)
    assert torch.equal(outputs, expected)
    for (name, one), (_, two) in zip(plain.named_parameters(), model.named_parameters(), strict=True):
        assert (one.grad is None) == (two.grad is None), name
        assert one.grad is None or torch.equal(one.grad, two.grad), name
    for (name, one), (_, two) in zip(plain.named_buffers(), model.named_buffers(), strict=True):
        assert torch.equal(one, two), name
    counters = [m.num_batches_tracked for m in model.modules() if isinstance(m, nn.BatchNorm2d)]
    assert {int(counter) for counter in counters} == {1}
    assert {m.momentum for m in model.modules() if isinstance(m, nn.BatchNorm2d)} == {0.1}


def test_the_first_group_behind_a_frozen_stem_has_gradients():
    model, _ = trained_step(build("cifar_freeze_8"), 1)
    assert all(p.grad is not None for p in model.parameters() if p.requires_grad)


def test_the_input_of_a_group_is_all_that_is_kept():
    layers = nn.Sequential(nn.BatchNorm2d(2), nn.ReLU(), nn.BatchNorm2d(2))
    maps = torch.randn(4, 2, 8, 8, requires_grad=True)
    _, kept = saved_by(lambda: recomputed(layers, maps))
    assert [tensor.data_ptr() for tensor in kept] in ([], [maps.data_ptr()])  # the closure holds it


def test_evaluation_recomputes_nothing():
    model = build("cifar_freeze_8").eval()
    images = torch.randn(2, 3, 16, 16)
    expected = model(images)
    model.recompute_blocks = 1
    assert torch.equal(model(images), expected)
