"""torchvision's ResNets with the norm swapped: the same network otherwise, in every mode."""

import pytest
import torch
import torchvision
from torch import nn

from tests.trainables.models.counting import parameters as count
from trainables.models.normalised.norms import LAYERS, MODES
from trainables.models.normalised.resnet_imagenet import resnet_imagenet


@pytest.mark.parametrize(("arch", "parameters", "norms"), [("resnet18", 11_689_512, 20), ("resnet50", 25_557_032, 53)])
@pytest.mark.parametrize("norm", ["batch", "group", "layer", "instance", "online"])
def test_every_norm_has_the_published_number_of_parameters_and_layers(arch, parameters, norms, norm):
    with torch.device("meta"):
        model = resnet_imagenet(arch, norm=norm)
    assert count(model) == parameters
    assert sum(isinstance(module, LAYERS) for module in model.modules()) == norms


def test_batch_is_torchvisions_own_network():
    torch.manual_seed(0)
    ours = resnet_imagenet("resnet18", 7).state_dict()
    torch.manual_seed(0)
    theirs = torchvision.models.resnet18(num_classes=7).state_dict()
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_one_seed_gives_the_same_convolutions_in_every_mode():
    def convolutions(norm):
        torch.manual_seed(5)
        return [
            m.weight for m in resnet_imagenet("resnet18", 3, norm).modules() if isinstance(m, nn.Conv2d | nn.Linear)
        ]

    expected = convolutions("batch")
    for norm in MODES:
        assert all(torch.equal(a, b) for a, b in zip(convolutions(norm), expected, strict=True))


@pytest.mark.parametrize("norm", MODES)
@pytest.mark.parametrize("channels", [1, 3])
def test_colour_and_gray_images_pass_in_every_mode(norm, channels):
    model = resnet_imagenet("resnet18", 5, norm, in_channels=channels)
    assert model(torch.randn(2, channels, 64, 64)).shape == (2, 5)


def test_what_cannot_be_built_is_one_sentence():
    with pytest.raises(ValueError, match="`arch` is 'resnet19', but must be one of resnet18, resnet34"):
        resnet_imagenet("resnet19")
    with pytest.raises(ValueError, match=r"`gn_num_groups` is 128, but must divide .* for 64 in bn1, layer1.0.bn1"):
        resnet_imagenet("resnet18", norm="group", gn_num_groups=128)
