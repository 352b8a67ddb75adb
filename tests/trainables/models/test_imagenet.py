"""The classic ImageNet models: counts and shapes as published, starts, and what makes each differ from torchvision's."""

import functools
import math

import pytest
import torch
import torchvision
from torch import nn

from tests.trainables.models.counting import parameters as count
from trainables.models.classic.response_norm import response_norm
from trainables.models.imagenet import BUILDERS, build

COUNTS = {
    "lenet5": 61_706,
    "alexnet_v1": 62_378_344,
    "alexnet_v2": 61_838_248,
    "vgg16": 138_357_544,
    "vgg19": 143_667_240,
    "resnet18": 11_689_512,
    "resnet18_projection": 11_693_736,
    "resnet34": 21_797_672,
    "resnet50": 25_557_032,
    "resnet152": 60_192_808,
    "inception_v1": 13_378_280,
    "mobilenet_v1": 4_231_976,
}


@functools.cache  # which is only looked at
def on_meta(name, *arguments, **options):
    with torch.device("meta"):
        return build(name, *arguments, **options)


def test_every_model_is_counted():
    assert COUNTS.keys() == BUILDERS.keys()


@pytest.mark.parametrize("name", COUNTS)
def test_a_model_has_the_published_number_of_parameters_and_outputs(name):
    model = on_meta(name)
    assert count(model) == COUNTS[name]
    channels, size, classes = (1, 32, 10) if name == "lenet5" else (3, 224, 1000)
    images = torch.empty(2, channels, size, size, device="meta")
    assert model.eval()(images).shape == (2, classes)
    trained = model.train()(images)
    heads = trained if isinstance(trained, tuple) else (trained,)
    assert [head.shape for head in heads] == [(2, classes)] * (3 if name == "inception_v1" else 1)


def test_the_layers_of_alexnet_v1_have_the_published_sizes():
    sizes = [count(m) for m in on_meta("alexnet_v1").modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    assert sizes == [34_944, 614_656, 885_120, 1_327_488, 884_992, 37_752_832, 16_781_312, 4_097_000]


@pytest.mark.parametrize("name", COUNTS)
@pytest.mark.parametrize("channels", [1, 3])
def test_other_images_and_classes_pass(name, channels):
    size = 32 if name.startswith(("lenet", "vgg")) else 96
    options = {} if name.startswith(("resnet", "mobilenet")) else {"image_size": size}
    model = on_meta(name, 7, in_channels=channels, **options).eval()
    assert model(torch.empty(1, channels, size, size, device="meta")).shape == (1, 7)


# Local response normalisation


@pytest.mark.parametrize(("window", "size", "k"), [("channels", 6, 1.0), ("5", 5, 2.0)])
def test_response_normalisation_is_the_published_formula(window, size, k):
    x = 30 * torch.randn(2, 6, 3, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    expected = torch.empty_like(x)
    for c in range(6):
        reach = range(max(0, c - size // 2), min(5, c + (size - 1) // 2) + 1)
        squares = sum(x[:, j] ** 2 for j in reach)
        expected[:, c] = x[:, c] / (k + 1e-4 / size * squares) ** 0.75
    assert torch.allclose(response_norm(6, window, k)(x), expected, rtol=1e-12)


def test_response_normalisation_sees_all_channels_and_comes_before_pooling():
    for name, windows in {"alexnet_v1": [96, 256], "alexnet_v2": [64, 192], "inception_v1": [64, 192]}.items():
        found = [m for m in on_meta(name).modules() if isinstance(m, nn.LocalResponseNorm)]
        assert [(m.size, m.alpha, m.beta, m.k) for m in found] == [(n, 1e-4, 0.75, 1.0) for n in windows]
    features = on_meta("alexnet_v1")[0]
    after = [type(features[i + 1]) for i, m in enumerate(features) if isinstance(m, nn.LocalResponseNorm)]
    assert after == [nn.MaxPool2d, nn.MaxPool2d]
    assert not [m for m in on_meta("alexnet_v2", lrn="off").modules() if isinstance(m, nn.LocalResponseNorm)]


# What differs from torchvision


def test_vgg_drops_out_before_its_linear_layers_and_takes_torchvisions_weights():
    ours = on_meta("vgg16")
    assert [type(m) for m in ours.classifier] == [
        *(nn.Dropout, nn.Linear, nn.ReLU, nn.Dropout, nn.Linear, nn.ReLU, nn.Linear)
    ]
    with torch.device("meta"):
        theirs = torchvision.models.vgg16()
    shapes = {name: tensor.shape for name, tensor in ours.state_dict().items()}
    assert shapes == {name: tensor.shape for name, tensor in theirs.state_dict().items()}


def test_alexnet_drops_out_before_its_first_two_linear_layers():
    kinds = [type(m) for m in on_meta("alexnet_v2", dropout=0.3)[2]]
    assert kinds == [nn.Dropout, nn.Linear, nn.ReLU, nn.Dropout, nn.Linear, nn.ReLU, nn.Linear]
    assert {m.p for m in on_meta("alexnet_v2", dropout=0.3).modules() if isinstance(m, nn.Dropout)} == {0.3}


def strides(model):
    return {name: m.stride for name, m in model.named_modules() if isinstance(m, nn.Conv2d)}


@pytest.mark.parametrize("name", ["resnet50", "resnet152"])
def test_bottlenecks_halve_the_map_in_their_first_convolution(name):
    first = strides(on_meta(name))
    assert [first[f"layer{stage}.0.conv1"] for stage in (1, 2, 3, 4)] == [(1, 1), (2, 2), (2, 2), (2, 2)]
    assert {stride for layer, stride in first.items() if layer.endswith("conv2")} == {(1, 1)}
    with torch.device("meta"):
        assert strides(on_meta(name, stride_in="3x3")) == strides(torchvision.models.get_model(name))


def test_resnet18_is_torchvisions_own_and_the_published_variant_has_one_projection_more():
    torch.manual_seed(0)
    ours = build("resnet18", 5).state_dict()
    torch.manual_seed(0)
    theirs = torchvision.models.resnet18(num_classes=5).state_dict()
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)
    more = on_meta("resnet18_projection", 5).state_dict().keys() - theirs.keys()
    assert {name.rpartition(".")[0] for name in more} == {"layer1.0.downsample.0", "layer1.0.downsample.1"}


def test_inception_without_auxiliary_heads_has_one_output():
    model = on_meta("inception_v1", aux=False)
    assert count(model) == 6_998_552
    assert model.train()(torch.empty(2, 3, 224, 224, device="meta")).shape == (2, 1000)


@pytest.mark.parametrize(("width", "stem"), [(0.25, 8), (0.3, 10), (0.75, 24), (2, 64)])
def test_the_width_multiplier_of_mobilenet_works(width, stem):
    model = on_meta("mobilenet_v1", 10, width=width)
    assert model[0].out_channels == stem
    assert model.eval()(torch.empty(2, 3, 64, 64, device="meta")).shape == (2, 10)


# Starts


def test_vgg_and_inception_start_from_xavier_with_small_linear_weights():
    torch.manual_seed(0)
    for model in (build("vgg16", 10, image_size=32), build("inception_v1", 10, image_size=96)):
        for module in model.modules():
            if isinstance(module, nn.Conv2d):
                fan = module.weight[0].numel() + module.weight[:, 0].numel()
                assert module.weight.std().item() == pytest.approx(math.sqrt(2 / fan), rel=0.15)
            elif isinstance(module, nn.Linear):
                assert module.weight.std().item() == pytest.approx(0.01, rel=0.1)
            if isinstance(module, nn.Conv2d | nn.Linear):
                assert not module.bias.any()


def test_alexnet_can_start_as_its_former_versions_did():
    torch.manual_seed(0)
    for init, bias, variance in (("kaiming", 0.0, 2 / (64 * 121)), ("xavier", 0.1, 2 / (67 * 121))):
        model = build("alexnet_v2", 10, image_size=64, init=init, init_bias=bias)
        first = model[0][0]
        assert first.weight.std().item() == pytest.approx(math.sqrt(variance), rel=0.05)
        assert (first.bias == bias).all()
    default = build("alexnet_v2", 10, image_size=64)[0][0]
    assert default.weight.abs().max() <= 1 / math.sqrt(3 * 121)


# Refusals


@pytest.mark.parametrize(
    ("name", "options", "sentence"),
    [
        ("alexnet_v3", {}, "`model` is 'alexnet_v3', but must be one of .* did you mean `alexnet_v"),
        ("resnet18", {"dropout": 0.1}, "`dropout` is not an option of resnet18; it takes in_channels, stride_in"),
        ("alexnet_v2", {"image_size": 32}, "`image_size` is 32, but alexnet_v2 needs at least 63 pixels"),
        ("lenet5", {"image_size": 28}, "`image_size` is 28, but lenet5 needs at least 32 pixels"),
        ("vgg16", {"image_size": 31}, "`image_size` is 31, but vgg16 needs at least 32 pixels"),
        ("inception_v1", {"image_size": 78}, "with auxiliary heads needs at least 79 pixels"),
        ("mobilenet_v1", {"width": 0}, "`width` is 0, but must be greater than 0"),
        ("alexnet_v1", {"lrn": "all"}, "`lrn` is 'all', but must be one of channels, 5, off"),
        ("vgg19", {"init": "zero"}, "`init` is 'zero', but must be one of default, kaiming, xavier"),
        ("resnet50", {"stride_in": "2x2"}, "`stride_in` is '2x2', but must be '1x1' or '3x3'"),
    ],
)
def test_what_cannot_be_built_is_one_sentence(name, options, sentence):
    with pytest.raises(ValueError, match=sentence):
        on_meta(name, **options)


@pytest.mark.parametrize(("name", "size"), [("alexnet_v2", 63), ("inception_v1", 79), ("lenet5", 32), ("vgg16", 32)])
def test_the_smallest_images_pass(name, size):
    channels = 1 if name == "lenet5" else 3
    model = on_meta(name, 3, image_size=size).train()
    model(torch.empty(2, channels, size, size, device="meta"))
