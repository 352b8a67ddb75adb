"""The layer lists of the ResNets are those of the networks that are built, and groups are held against all of them."""

import pytest
import torch

from trainables.models.normalised.norms import LAYERS
from trainables.models.normalised.resnet_imagenet import resnet_imagenet
from trainables.models.resnet_cifar import resnet_cifar
from trainables.plans.resnets import IMAGENET, blocks_in_stage, check_groups, cifar_norms, imagenet_norms


def built(model):
    return [(name, len(layer.weight)) for name, layer in model.named_modules() if isinstance(layer, LAYERS)]


@pytest.mark.parametrize(("depth", "width"), [(8, 1), (20, 1), (14, 3)])
def test_the_plan_of_a_cifar_resnet_lists_its_norms_in_order(depth, width):
    with torch.device("meta"):
        assert list(cifar_norms(depth, width).items()) == built(resnet_cifar(depth, width=width))


@pytest.mark.parametrize("arch", IMAGENET)
def test_the_plan_of_an_imagenet_resnet_lists_its_norms(arch):
    with torch.device("meta"):
        assert imagenet_norms(arch) == dict(built(resnet_imagenet(arch)))


def test_depth_is_6n_plus_2():
    assert [blocks_in_stage(depth) for depth in (8, 14, 20, 110)] == [1, 2, 3, 18]


@pytest.mark.parametrize(("depth", "nearest"), [(21, 20), (18, 20), (2, 8), (0, 8), (-4, 8)])
def test_another_depth_is_refused_naming_the_nearest(depth, nearest):
    with pytest.raises(ValueError, match=rf"^`depth` is {depth}, but must be 6n\+2 .*; the nearest is {nearest}$"):
        blocks_in_stage(depth)


@pytest.mark.parametrize("groups", [1, 2, 4, 8, 16])
def test_divisors_of_the_narrowest_layer_divide_all(groups):
    check_groups(cifar_norms(20), groups)


def test_groups_that_divide_some_layers_only_are_refused_listing_the_others():
    with pytest.raises(ValueError, match="must divide the channels") as caught:
        check_groups(cifar_norms(8), 32)
    assert str(caught.value) == (
        "`gn_num_groups` is 32, but must divide the channels of every group normalisation, which it does not for 16 in "
        "norm1, layer1.0.norm1, layer1.0.norm2; use 1, 2, 4, 8, 16"
    )


@pytest.mark.parametrize("groups", [0, -1, 5])
def test_groups_that_divide_no_layer_are_refused_listing_all(groups):
    with pytest.raises(ValueError, match="must divide") as caught:
        check_groups(cifar_norms(20), groups)
    assert all(f" {name}" in str(caught.value) for name in cifar_norms(20))
