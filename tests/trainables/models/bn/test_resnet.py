"""The CIFAR network of BatchNorm-only training: names of its tensors, initial values, what it computes."""

import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from trainables.bn_only import build, disabled_fraction
from trainables.models.bn.init import initialise
from trainables.models.bn.resnet import BNResNet


def seeded(name, seed=0):
    torch.manual_seed(seed)
    return build(name)


def test_tensors_have_the_published_names_in_the_order_of_construction():
    names = list(dict(build("cifar_freeze_14").named_parameters()))
    block = ["conv1.weight", "bn1.weight", "bn1.bias", "conv2.weight", "bn2.weight", "bn2.bias"]
    skip = ["skip.0.weight", "skip.1.weight", "skip.1.bias"]
    expected = ["conv.weight", "bn.weight", "bn.bias"]
    for k in range(6):
        expected += [f"blocks.{k}.{name}" for name in block + (skip if k in (2, 4) else [])]
    assert names == [*expected, "fc.weight", "fc.bias"]


@pytest.mark.parametrize(("depth", "below", "features"), [(14, 8, 560), (866, 317, 32_368)])
def test_seed_0_gives_the_studys_number_of_small_gammas(depth, below, features):
    assert disabled_fraction(seeded(f"cifar_freeze_{depth}")) == pytest.approx(below / features, abs=1e-12)


def test_a_seed_gives_what_modules_first_and_values_second_gives_elsewhere():
    """The same order written out once more: stem, blocks, classifier; then their values in the same order."""
    torch.manual_seed(5)
    layers = {"conv": nn.Conv2d(3, 16, 3, bias=False), "bn": nn.BatchNorm2d(16)}
    for k, (inputs, outputs) in enumerate([(16, 16), (16, 32), (32, 64)]):
        layers[f"blocks.{k}.conv1"] = nn.Conv2d(inputs, outputs, 3, bias=False)
        layers[f"blocks.{k}.bn1"] = nn.BatchNorm2d(outputs)
        layers[f"blocks.{k}.conv2"] = nn.Conv2d(outputs, outputs, 3, bias=False)
        layers[f"blocks.{k}.bn2"] = nn.BatchNorm2d(outputs)
        if k:
            layers[f"blocks.{k}.skip.0"] = nn.Conv2d(inputs, outputs, 1, bias=False)
            layers[f"blocks.{k}.skip.1"] = nn.BatchNorm2d(outputs)
    layers["fc"] = nn.Linear(64, 10)
    for layer in layers.values():
        if isinstance(layer, nn.BatchNorm2d):
            layer.weight.data = torch.rand(layer.num_features)
        else:
            fan_in = layer.weight[0].numel()
            layer.weight.data.normal_(0, math.sqrt(2 / fan_in))
    expected = {f"{name}.{key}": value for name, layer in layers.items() for key, value in layer.state_dict().items()}
    found = seeded("cifar_freeze_8", seed=5).state_dict()
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[name], expected[name]) for name in found)


def test_both_kinds_start_alike():
    one, two = seeded("cifar_freeze_14_2").state_dict(), seeded("cifar_resnet_14_2").state_dict()
    assert all(torch.equal(one[name], two[name]) for name in one)


def test_initial_values_have_the_published_spread():
    state = seeded("cifar_freeze_32_2").state_dict()
    assert state["conv.weight"].std() == pytest.approx(math.sqrt(2 / 27), rel=0.1)
    assert state["blocks.1.conv1.weight"].std() == pytest.approx(math.sqrt(2 / 288), rel=0.05)
    assert state["fc.weight"].std() == pytest.approx(math.sqrt(2 / 128), rel=0.1)
    bound = 1 / math.sqrt(128)
    assert 0.5 * bound < state["fc.bias"].abs().max() <= bound
    assert all((value == 0).all() for name, value in state.items() if "bn" in name and name.endswith(("bias", "mean")))
    gamma = torch.cat([value for name, value in state.items() if "bn" in name and name.endswith("weight")])
    assert (gamma.min() >= 0) & (gamma.max() < 1)
    assert gamma.mean() == pytest.approx(0.5, abs=0.03)


def test_the_four_published_initialisations_of_batch_norm():
    def gamma_beta(*how):
        torch.manual_seed(0)
        model = BNResNet(8)
        initialise(model, *how)
        return model.blocks[2].bn1.weight, model.blocks[2].bn1.bias

    for gamma, low, high in (("uniform", 0, 1), ("signed", -1, 1)):
        drawn, beta = gamma_beta(gamma)
        assert low <= drawn.min() < low + 0.2
        assert high - 0.2 < drawn.max() < high
        assert (beta == 0).all()
    for beta in (0.0, 1.0):
        ones, found = gamma_beta("ones", 1.0, beta)
        assert (ones == 1).all()
        assert (found == beta).all()
    assert torch.equal(gamma_beta("uniform", 0.5)[0], 0.5 * gamma_beta("uniform")[0])


def test_the_four_published_initialisations_of_weights():
    def weights(how):
        torch.manual_seed(0)
        model = BNResNet(8)
        initialise(model, weight=how)
        return model.blocks[0].conv2.weight.detach()

    he = math.sqrt(2 / 144)
    assert weights("kaiming_normal").std() == pytest.approx(he, rel=0.05)
    assert weights("kaiming_uniform").abs().max() == pytest.approx(math.sqrt(3) * he, rel=0.01)
    rows = weights("orthogonal").flatten(1)
    assert torch.allclose(rows @ rows.T, torch.eye(16), atol=1e-5)
    binary, normal = weights("binary"), weights("kaiming_normal")
    assert torch.equal(binary, normal.sign() * normal.std())


def test_the_classifiers_bias_can_start_at_zero_without_changing_anything_else():
    torch.manual_seed(0)
    zero = BNResNet(8)
    initialise(zero, zero_output_bias=True)
    usual = seeded("cifar_freeze_8")
    differing = [n for n, p in usual.named_parameters() if not torch.equal(p, dict(zero.named_parameters())[n])]
    assert differing == ["fc.bias"]
    assert (zero.fc.bias == 0).all()


def test_the_network_computes_what_its_definition_says():
    model = seeded("cifar_resnet_8").eval()
    images = torch.randn(2, 3, 32, 32)

    def norm(layer, x):
        return F.batch_norm(x, layer.running_mean, layer.running_var, layer.weight, layer.bias)

    x = F.relu(norm(model.bn, F.conv2d(images, model.conv.weight, padding=1)))
    for k, block in enumerate(model.blocks):
        stride = 2 if k in (1, 2) else 1
        y = F.relu(norm(block.bn1, F.conv2d(x, block.conv1.weight, stride=stride, padding=1)))
        y = norm(block.bn2, F.conv2d(y, block.conv2.weight, padding=1))
        skip = norm(block.skip[1], F.conv2d(x, block.skip[0].weight, stride=2)) if stride == 2 else x
        x = F.relu(y + skip)
    expected = x.mean((2, 3)) @ model.fc.weight.T + model.fc.bias
    assert x.shape == (2, 64, 8, 8)
    assert torch.allclose(model(images), expected, atol=1e-5)


def test_the_last_group_of_weights_reaches_images_of_any_size():
    for size in (8, 16, 27, 32):
        assert build("cifar_freeze_8")(torch.zeros(2, 3, size, size)).shape == (2, 10)
