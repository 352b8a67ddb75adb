"""The ImageNet networks with deconvolution: published counts, torchvision's functions in the plain form, the start."""

import functools
import math

import pytest
import torch
import torchvision
from torch import nn
from torch._subclasses import FakeTensorMode

from tests.trainables.models.counting import parameters
from trainables.layers.deconv import Delinear, FastDeconv2d
from trainables.models.imagenet_deconv import build
from trainables.plans import deconv_networks as cifar_plan

# arch: plain parameters, deconv parameters, deconv buffers, batch normalisations that are left
PUBLISHED = {
    "resnet18d": (11_689_512, 11_686_504, 5_357_823, 3),
    "resnet50d": (25_557_032, 25_538_152, 5_500_992, 4),
    "densenet121d": (7_978_856, 7_905_448, 19_466_076, 0),
    "vgg11d": (132_863_336, 132_863_336, 2_339_700, 0),
    "vgg16d": (138_357_544, 138_357_544, 4_001_460, 0),
}


@functools.cache  # which is only looked at
def meta(arch, *args, **options):
    with torch.device("meta"):
        return build(arch, *args, **options)


def of_type(model, kind):
    return [module for module in model.modules() if isinstance(module, kind)]


@pytest.mark.parametrize("arch", PUBLISHED)
def test_both_forms_have_the_published_counts(arch):
    plain, deconv = meta(arch), meta(arch, norm="deconv")
    buffers = sum(buffer.numel() for buffer in deconv.buffers())
    found = (parameters(plain), parameters(deconv), buffers, len(of_type(deconv, nn.BatchNorm2d)))
    assert found == PUBLISHED[arch]


@pytest.mark.parametrize("arch", cifar_plan.IMAGENET_ARCHS)
def test_the_plain_form_has_torchvisions_parameters_in_torchvisions_order(arch):
    with torch.device("meta"):
        reference = torchvision.models.get_model(arch.removesuffix("d"))
    shapes = [parameter.shape for parameter in meta(arch).parameters()]
    assert shapes == [parameter.shape for parameter in reference.parameters()]


@pytest.mark.parametrize("arch", ["resnet18d", "resnet50d", "densenet121d"])
def test_the_plain_form_computes_what_torchvision_computes(arch):
    torch.manual_seed(0)
    reference = torchvision.models.get_model(arch.removesuffix("d"), num_classes=5).eval()
    model = build(arch, 5).eval()
    values = reference.state_dict().values()
    model.load_state_dict(dict(zip(model.state_dict(), values, strict=True)))
    images = torch.randn(2, 3, 64, 64)
    torch.testing.assert_close(model(images), reference(images))


@pytest.mark.parametrize("arch", cifar_plan.IMAGENET_ARCHS)
def test_logits_have_one_column_for_each_class_in_both_forms(arch):
    assert meta(arch, 7).eval()(torch.empty(2, 3, 224, 224, device="meta")).shape == (2, 7)
    with FakeTensorMode():
        assert build(arch, 7, "deconv").eval()(torch.empty(2, 3, 224, 224)).shape == (2, 7)


@pytest.mark.parametrize("arch", cifar_plan.IMAGENET_ARCHS)
def test_the_image_has_a_frozen_convolution_with_15_iterations(arch):
    stem, *others = of_type(meta(arch, norm="deconv"), FastDeconv2d)
    assert (stem.freeze, stem.n_iter, stem.in_channels) == (True, 15, 3)
    assert not any(module.freeze or module.n_iter != 5 for module in others)


def test_every_linear_layer_is_whitened_in_blocks_of_64_by_default():
    sides = [module.running_deconv.shape[0] for module in of_type(meta("vgg11d", norm="deconv"), Delinear)]
    assert sides == [64, 64, 64]
    assert of_type(meta("vgg11d"), Delinear) == of_type(meta("vgg11d", norm="deconv", block_fc=0), Delinear) == []


def test_a_deconvolved_resnet_starts_kaiming_normal_over_the_fan_out():
    torch.manual_seed(0)
    for norm, kind in (("bn", nn.Conv2d), ("deconv", FastDeconv2d)):
        for module in of_type(build("resnet18d", 5, norm), kind):
            std = math.sqrt(2 / (module.kernel_size[0] ** 2 * module.out_channels))
            noise = 5 / math.sqrt(2 * module.weight.numel())  # five standard errors of a standard deviation
            assert module.weight.std().item() == pytest.approx(std, rel=noise)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"arch": "resnet18"}, r"`arch` is 'resnet18', but no such network is known; did you mean `resnet18d`\?"),
        ({"norm": "nd"}, "`norm` is 'nd', but must be bn or deconv"),
        ({"blocks": 3}, r"`blocks` is not an option of resnet18d; did you mean `block`\?"),
        ({"revision": 2019, "num_groups": 48}, r"`num_groups` is 48, .*blocks\.0\.residual\.0 \(64\)"),
    ],
)
def test_what_cannot_be_built_is_one_sentence(arguments, sentence):
    with pytest.raises(ValueError, match=sentence):
        meta(**{"arch": "resnet18d", "norm": "deconv", **arguments})
