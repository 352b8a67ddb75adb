"""Networks of the blur family: parameter counts, shapes, what is refused."""

import pytest
import torch

from tests.trainables.models.counting import parameters as count
from trainables.models import torchvision_nets
from trainables.models.alexnet_cifar import alexnet_cifar
from trainables.models.first_conv import first_conv
from trainables.models.small_cnn import small_cnn


def test_alexnet_cifar_has_the_published_number_of_parameters():
    with torch.device("meta"):
        assert count(alexnet_cifar()) == 36_051_786


@pytest.mark.parametrize(
    ("arch", "classes", "parameters"),
    [
        ("alexnet", 1000, 61_100_840),
        ("alexnet", 16, 57_069_392),
        ("resnet18", 1000, 11_689_512),
        ("resnet18", 16, 11_184_720),
        ("resnet50", 16, 23_540_816),
        ("vgg16", 16, 134_326_096),
    ],
)
def test_torchvision_networks_take_any_number_of_classes(arch, classes, parameters):
    with torch.device("meta"):
        assert count(torchvision_nets.build(arch, 3, classes)) == parameters


@pytest.mark.parametrize("arch", ["googlenet", "inception_v3"])
def test_networks_with_auxiliary_heads_return_plain_logits_in_training(arch):
    with torch.device("meta"):
        model = torchvision_nets.build(arch, 3, 7).train()
        assert model(torch.empty(2, 3, 299, 299)).shape == (2, 7)


def test_gray_images_pass_through_a_colour_network():
    model = torchvision_nets.build("squeezenet1_1", 1, 5).eval()
    gray = torch.randn(2, 1, 64, 64)
    assert model(gray).shape == (2, 5)
    assert torch.equal(model(gray), model[1](gray.expand(-1, 3, -1, -1)))


@pytest.mark.parametrize(("channels", "size"), [(1, 8), (1, 16), (3, 32), (3, 17)])
def test_the_small_network_fits_any_small_image(channels, size):
    assert small_cnn(channels, size, 4)(torch.randn(3, channels, size, size)).shape == (3, 4)


def test_the_first_convolution_is_found_in_every_kind_of_network():
    for model in (small_cnn(), alexnet_cifar(1, 8), torchvision_nets.build("densenet121", 1, 3)):
        assert first_conv(model).weight.shape[1] in (1, 3)


def test_too_small_images_are_refused():
    with pytest.raises(ValueError, match="small_cnn needs at least 4 pixels"):
        small_cnn(1, 3)
