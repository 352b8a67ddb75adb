"""The CIFAR ResNets: parameter counts, one initialisation for all norms, training in every mode, what is refused."""

import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from tests.trainables.models.counting import parameters as count
from trainables.models.normalised.norms import LAYERS, MODES
from trainables.models.resnet_cifar import resnet_cifar


def meta(*args, **options):
    with torch.device("meta"):
        return resnet_cifar(*args, **options)


def seeded(norm, **options):
    torch.manual_seed(3)
    return resnet_cifar(8, norm=norm, **options)


@pytest.mark.parametrize(
    ("depth", "parameters"),
    [(8, 78_042), (20, 272_474), (32, 466_906), (44, 661_338), (56, 855_770), (110, 1_730_714)],
)
def test_depth_gives_the_published_number_of_parameters(depth, parameters):
    assert count(meta(depth)) == parameters


@pytest.mark.parametrize(
    ("norm", "classes", "parameters"), [("batch", 100, 278_324), ("none", 10, 270_906), ("none", 100, 276_756)]
)
def test_classes_and_missing_norms_change_the_number_as_published(norm, classes, parameters):
    assert count(meta(20, classes, norm=norm)) == parameters


@pytest.mark.parametrize("norm", ["batch", "group", "layer", "instance", "online"])
def test_every_norm_has_21_layers_at_depth_20_and_as_many_parameters(norm):
    model = meta(20, norm=norm)
    assert sum(isinstance(module, LAYERS) for module in model.modules()) == 21
    assert count(model) == 272_474


def test_layer_norm_of_known_maps_has_a_gamma_and_beta_for_each_element():
    elements = 7 * (16 * 32 * 32 + 32 * 16 * 16 + 64 * 8 * 8)  # 7 norms in each stage, the stem counted with the first
    assert count(meta(20, norm="layer", image_size=32)) == 270_906 + 2 * elements


def test_no_convolution_has_a_bias_in_any_mode():
    for norm in MODES:
        assert all(module.bias is None for module in meta(8, norm=norm).modules() if isinstance(module, nn.Conv2d))


def test_one_seed_gives_the_same_convolutions_and_classifier_in_every_mode():
    def shared(norm):
        modules = seeded(norm, image_size=32).named_modules()
        return {name: m.weight for name, m in modules if isinstance(m, nn.Conv2d | nn.Linear)}

    expected = shared("batch")
    assert len(expected) == 10
    for norm in MODES:
        found = shared(norm)
        assert found.keys() == expected.keys()
        assert all(torch.equal(found[name], expected[name]) for name in expected)


def test_convolutions_start_kaiming_normal_over_the_fan_out():
    torch.manual_seed(0)
    model = resnet_cifar(20)
    for name, module in model.named_modules():
        if isinstance(module, nn.Conv2d):
            std = math.sqrt(2 / (module.kernel_size[0] ** 2 * module.out_channels))
            noise = 5 / math.sqrt(2 * module.weight.numel())  # five standard errors of a standard deviation
            assert module.weight.std().item() == pytest.approx(std, rel=noise), name


def test_the_map_halves_at_the_entry_of_the_second_and_third_stage():
    sizes = {}
    model = resnet_cifar(14).eval()
    for name in ("layer1", "layer2", "layer3"):
        getattr(model, name).register_forward_hook(lambda _, __, out, name=name: sizes.update({name: out.shape[1:]}))
    assert model(torch.zeros(2, 3, 32, 32)).shape == (2, 10)
    assert sizes == {"layer1": (16, 32, 32), "layer2": (32, 16, 16), "layer3": (64, 8, 8)}


def test_width_multiplies_the_maps_of_every_stage():
    one, two = meta(20), meta(20, width=2)
    assert two.conv1.out_channels == 2 * one.conv1.out_channels
    assert two.fc.in_features == 2 * one.fc.in_features


@pytest.mark.parametrize("norm", MODES)
@pytest.mark.parametrize(("channels", "size"), [(1, 8), (3, 9)])
def test_every_mode_fits_any_small_image(norm, channels, size):
    images = torch.randn(2, channels, size, size)
    for image_size in (None, size):
        model = resnet_cifar(8, 4, norm=norm, in_channels=channels, image_size=image_size)
        assert model(images).shape == model.eval()(images).shape == (2, 4)


@pytest.mark.parametrize("norm", MODES)
def test_a_float64_resnet_8_trains_three_steps_in_every_mode(norm):
    model = seeded(norm, in_channels=1, image_size=8).double()
    generator = torch.Generator().manual_seed(1)
    images = torch.randn(12, 1, 8, 8, generator=generator, dtype=torch.float64)
    labels = torch.arange(12) % 10
    optimizer = torch.optim.SGD(model.parameters(), lr=0.02)
    losses = []
    for _ in range(4):
        loss = F.cross_entropy(model(images), labels)
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        assert all(parameter.grad.abs().sum() > 0 for parameter in model.parameters())
        optimizer.step()
    assert losses == sorted(losses, reverse=True)
    floating = [tensor for tensor in model.state_dict().values() if tensor.is_floating_point()]
    assert all(tensor.dtype == torch.float64 and tensor.isfinite().all() for tensor in floating)


def test_options_reach_every_norm_of_their_mode():
    online = meta(8, norm="online", afwd=0.75, abkw=0.5, ecm="ac", gn_num_groups=3)  # groups are of no concern here
    decays = {(m.afwd, m.abkw, m.ecm) for m in online.modules() if isinstance(m, LAYERS)}
    assert decays == {(0.75, 0.5, "ac")}
    assert {m.num_groups for m in meta(8, norm="group").modules() if isinstance(m, LAYERS)} == {8}
    assert {m.num_groups for m in meta(8, norm="group", gn_num_groups=4).modules() if isinstance(m, LAYERS)} == {4}


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"depth": 21}, r"`depth` is 21, but must be 6n\+2"),
        ({"depth": 21, "norm": "group"}, r"`depth` is 21, but must be 6n\+2"),
        ({"width": 0}, "`width` is 0, but must be at least 1"),
        ({"norm": "weight"}, "`norm` is 'weight', but must be one of"),
        (
            {"norm": "group", "gn_num_groups": 5},
            "for 16 in norm1, .*; 32 in layer2.0.norm1, .*; 64 in layer3.0.norm1, ",
        ),
        ({"norm": "online", "afwdd": 0.9}, "did you mean `afwd`"),
    ],
)
def test_what_cannot_be_built_is_one_sentence(options, sentence):
    with pytest.raises(ValueError, match=sentence) as caught:
        resnet_cifar(**{"depth": 8, **options})
    assert "\n" not in str(caught.value)
