"""The small networks of the first experiments: their four methods, counts, shapes, training."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from tests.trainables.models.counting import parameters
from trainables.layers.deconv import ChannelDeconv2d, DeConv2d2019
from trainables.models.cifar import build

GRAY = {"in_channels": 1, "image_size": 28}


def meta(arch, **options):
    with torch.device("meta"):
        return build(arch, **options)


def layers(model):
    kinds = (nn.Linear, nn.Conv2d, nn.BatchNorm1d, nn.BatchNorm2d, nn.Sigmoid, ChannelDeconv2d, DeConv2d2019)
    return [type(module).__name__ for module in model if isinstance(module, kinds)]


@pytest.mark.parametrize("method", [1, 2, 3, 4])
def test_regression_has_30730_parameters_in_every_method(method):
    assert parameters(meta("simple_v1", method=method)) == 30_730


def test_regression_whitens_channels_all_inputs_or_runs_of_pixels():
    assert layers(meta("simple_v1", method=1)) == ["Conv2d"]
    assert layers(meta("simple_v1", method=2)) == ["ChannelDeconv2d", "Conv2d"]
    assert layers(meta("simple_v1", method=4)) == ["ChannelDeconv2d", "Conv2d"]
    (whitened,) = (m for m in meta("simple_v1", method=3).modules() if isinstance(m, DeConv2d2019))
    assert whitened.running_deconv.shape == (3072, 3072)
    blocks = [m.block for k in (2, 4) for m in meta("simple_v1", method=k).modules() if isinstance(m, ChannelDeconv2d)]
    assert blocks == [3, 32]


@pytest.mark.parametrize(("method", "published"), [(1, 68_250), (2, 67_702), (3, 67_702), (4, 67_702)])
def test_twelve_convolutions_have_the_published_parameters(method, published):
    model = meta("simple_v2", method=method)
    assert parameters(model) == published
    assert sum(name in ("Conv2d", "DeConv2d2019") for name in layers(model)) == 12


@pytest.mark.parametrize(("method", "published"), [(1, 118_282), (2, 118_528), (3, 118_016), (4, 118_528)])
def test_the_mlp_has_the_published_parameters(method, published):
    model = meta("mlp", method=method, **GRAY)
    assert parameters(model) == published
    whitened, normed = ["ChannelDeconv2d"] * (method in (3, 4)), ["BatchNorm1d"] * (method in (2, 4))
    assert layers(model) == [*whitened, "Linear", *normed, "Sigmoid"] * 2 + [*whitened, "Linear"]


def test_biases_of_the_mlp_start_at_zero():
    biases = [parameter for name, parameter in build("mlp", method=1).named_parameters() if name.endswith("bias")]
    assert len(biases) == 3
    assert not any(bias.any() for bias in biases)


@pytest.mark.parametrize(("arch", "plain"), [("simple_v1", 1), ("simple_v2", 1), ("mlp", 2)])
def test_the_norm_chooses_where_no_method_is_given(arch, plain):
    assert layers(meta(arch, norm="bn")) == layers(meta(arch, method=plain))
    assert layers(meta(arch, norm="deconv")) == layers(meta(arch, norm="bn", method=3))


@pytest.mark.parametrize("method", [1, 2, 3, 4])
@pytest.mark.parametrize(
    ("arch", "channels", "size"), [("simple_v1", 3, 8), ("simple_v1", 1, 8), ("simple_v2", 3, 25), ("mlp", 1, 8)]
)
@pytest.mark.filterwarnings("ignore:layer .* whitens")
def test_a_training_step_lowers_the_loss_in_every_method(arch, channels, size, method):
    torch.manual_seed(0)
    model = build(arch, 4, in_channels=channels, image_size=size, method=method).double()
    images, labels = torch.randn(16, channels, size, size, dtype=torch.float64), torch.arange(16) % 4
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    first = F.cross_entropy(model(images), labels)
    first.backward()
    assert all(parameter.grad.abs().sum() > 0 for parameter in model.parameters() if parameter.dim() > 1)
    optimizer.step()
    assert F.cross_entropy(model(images), labels) < first


@pytest.mark.parametrize(
    ("arch", "options", "sentence"),
    [
        ("simple_v1", {"method": 5}, "`method` is 5, but must be 1, 2, 3 or 4"),
        ("simple_v2", {"image_size": 24}, "`image_size` is 24, but simple_v2 needs at least 25 pixels"),
        ("mlp", {"dropout_rate": 0.1}, "`dropout_rate` is not an option of mlp"),
        ("mlp", {"norm": "batch"}, "`norm` is 'batch', but must be bn or deconv"),
    ],
)
def test_what_cannot_be_built_is_one_sentence(arch, options, sentence):
    with pytest.raises(ValueError, match=sentence):
        meta(arch, **options)
