"""The ImageNet ResNets of BatchNorm-only training: counts, what is trained, gray images."""

import pytest
import torch
from torch import nn

from trainables.bn_only import BNOnlyConfig, build
from trainables.family import Shape
from trainables.models.bn.imagenet import bn_imagenet
from trainables.models.bn.trainable_sets import select_trainable

# arch: total, BatchNorm, shortcut convolutions, output
COUNTS = {
    "resnet18": (11_689_512, 9_600, 172_032, 513_000),
    "resnet34": (21_797_672, 17_024, 172_032, 513_000),
    "resnet50": (25_557_032, 53_120, 2_768_896, 2_049_000),
    "resnet101": (44_549_160, 105_344, 2_768_896, 2_049_000),
    "resnet200": (64_673_832, 176_000, 2_768_896, 2_049_000),
}


def trained(model, trainable_set):
    return sum(p.numel() for p in select_trainable(model, trainable_set).parameters() if p.requires_grad)


@pytest.mark.parametrize("arch", COUNTS)
def test_every_trainable_set_has_the_tabled_size(arch):
    total, bn, shortcut, output = COUNTS[arch]
    with torch.device("meta"):
        model = build(BNOnlyConfig(arch=arch, trainable_set="all"))
    assert trained(model, "all") == total
    assert trained(model, "bn") == bn
    assert trained(model, "shortcut_output") == shortcut + output
    assert trained(model, "bn_shortcut_output") == bn + shortcut + output


def test_two_random_weights_of_each_filter_are_as_many_as_gammas_and_betas():
    assert trained(bn_imagenet("resnet18"), "random_k") == COUNTS["resnet18"][1]


def test_a_frozen_network_gives_the_gradients_of_one_with_pytorchs_own_layers():
    def gradients(trainable_set):
        torch.manual_seed(0)
        config = BNOnlyConfig(arch="resnet18", trainable_set=trainable_set)
        model = build(config, Shape(1, 32, 7)).train()
        assert model(torch.ones(2, 1, 64, 64)).shape == (2, 7)
        torch.manual_seed(1)
        model(torch.randn(4, 1, 64, 64)).square().sum().backward()
        return [p.grad for m in model.modules() if isinstance(m, nn.BatchNorm2d) for p in m.parameters()]

    for one, two in zip(gradients("bn"), gradients("all"), strict=True):
        assert torch.allclose(one, two, rtol=1e-3, atol=1e-3 * two.abs().max().item())


def test_an_unknown_architecture_is_refused():
    with pytest.raises(ValueError, match="`arch` is 'resnet19', but must be one of resnet18, resnet34"):
        bn_imagenet("resnet19")
