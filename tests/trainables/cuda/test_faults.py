"""Faults that only a card has, each held by what a card that is not there has seen."""

import copy

import pytest
import torch
from torch import nn

from tests.trainables.cuda import cases, steps
from tests.trainables.cuda.fake_cuda import fake_cuda
from trainables import engine, optim
from trainables.layers.deconv import ChannelDeconv2d, DeConv2d2019, Delinear, FastDeconv2d, FastDeconv2d2019
from trainables.layers.frozen.conv import FrozenConv2d
from trainables.layers.transfer import constant, upload
from trainables.models.classic.response_norm import ResponseNorm
from trainables.process.precision import effective

pytestmark = pytest.mark.filterwarnings("ignore")

CUDA, CPU = torch.device("cuda"), torch.device("cpu")
ADAM = {**cases.VGG, "optimizer": "adam"}
LAYERS = {
    "plain": lambda: FastDeconv2d(8, 8, 3, padding=1, block=4),
    "grouped": lambda: FastDeconv2d(8, 8, 3, padding=1, groups=2),
    "depthwise": lambda: FastDeconv2d(8, 16, 3, padding=1, groups=8),
    "pointwise": lambda: FastDeconv2d(8, 8, 1, block=4),
    "pointwise grouped": lambda: FastDeconv2d(8, 8, 1, groups=4),
    "channels together": lambda: FastDeconv2d(8, 8, 3, padding=1, block=4, channels_together=True),
    "of 2019": lambda: FastDeconv2d2019(8, 8, 3, padding=1, num_groups=4),
    **{f"of 2019, mode {m}": lambda m=m: DeConv2d2019(8, 8, 3, padding=1, mode=m, num_groups=4) for m in (1, 2, 3, 4)},
    "of channels": lambda: ChannelDeconv2d(4),
    "frozen": lambda: FrozenConv2d(8, 8, 3, padding=1).requires_grad_(False),
    "frozen grouped": lambda: FrozenConv2d(8, 8, 3, padding=1, groups=4).requires_grad_(False),
    "response norm": lambda: ResponseNorm(5, 1e-4, 0.75, 1.0),
}


@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_gives_the_same_in_either_layout_of_weights_and_images(name):
    torch.manual_seed(0)
    one = LAYERS[name]().double()
    other = copy.deepcopy(one).to(memory_format=torch.channels_last)
    x = torch.randn(6, 8, 9, 8, dtype=torch.float64)
    inputs = x.clone().requires_grad_(), x.contiguous(memory_format=torch.channels_last).requires_grad_()
    weights = torch.randn_like(copy.deepcopy(one)(x))
    for layer, given in zip((one, other), inputs, strict=True):
        (layer(given) * weights).sum().backward()
    torch.testing.assert_close(inputs[1].grad, inputs[0].grad, rtol=1e-9, atol=1e-9)
    for mine, theirs in zip(one.parameters(), other.parameters(), strict=True):
        if mine.grad is not None:
            torch.testing.assert_close(theirs.grad, mine.grad, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(other.eval()(inputs[1]), one.eval()(inputs[0]), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("optimizer", ["adam", "rmsprop", "host-counted"])
def test_an_optimizer_that_was_away_from_the_card_waits_for_nothing(optimizer):
    """As when replicates take turns on a card: away after an epoch, and back."""
    with fake_cuda() as seen:
        parameters = [nn.Parameter(torch.randn(4, 4, device="cuda")) for _ in range(3)]
        make = {"adam": optim.adam_of, "rmsprop": optim.rmsprop_of, "host-counted": torch.optim.Adam}[optimizer]
        made = make(parameters, lr=0.1)
        for turn in range(2):
            for parameter in parameters:
                parameter.grad = torch.ones_like(parameter)
            seen.clear()
            made.step()
            assert seen.problems() == [], turn
            for device in (CPU, CUDA):
                optim.move(made, device)
        steps_are = {state["step"].device.type for state in made.state.values()}
        assert steps_are == ({"cpu"} if optimizer == "host-counted" else {"cuda"})


def test_how_an_optimizer_computes_is_not_taken_over_from_a_checkpoint():
    with fake_cuda():
        there = steps.build("blur", {"arch": "small_cnn", "mode": "normal"})
        engine.train_epoch(there, 0)
        state = there.optimizer.state_dict()
        assert state["param_groups"][0]["fused"]
    here = torch.optim.SGD([nn.Parameter(torch.zeros(2))], lr=0.5, momentum=0.9)
    saved = {"state": {}, "param_groups": [{**state["param_groups"][0], "params": [0]}]}
    optim.load(here, saved)
    assert here.param_groups[0]["fused"] is None
    assert here.param_groups[0]["lr"] == state["param_groups"][0]["lr"]


def test_on_a_card_sgd_is_one_kernel_for_all_parameters():
    with fake_cuda() as seen:
        replicate = steps.build("blur", {"arch": "small_cnn", "mode": "normal"})
        for parameter in replicate.model.parameters():
            parameter.grad = torch.ones_like(parameter)
        replicate.optimizer.step()
        seen.clear()
        replicate.optimizer.step()
        assert dict(seen.kernels) == {"_fused_sgd_": 1}


def test_on_a_card_the_gradient_through_a_frozen_convolution_is_cudnns():
    with fake_cuda() as seen:
        conv = FrozenConv2d(8, 8, 3, padding=1).requires_grad_(False).to("cuda")
        x = torch.randn(4, 8, 9, 9, device="cuda").contiguous(memory_format=torch.channels_last).requires_grad_()
        loss = conv(x).sum()
        seen.clear()
        loss.backward()
        assert "convolution_backward" in seen.kernels
        assert "flip" not in seen.kernels
        assert x.grad.is_contiguous(memory_format=torch.channels_last)


def test_what_a_layer_needs_at_each_step_is_made_once():
    with fake_cuda() as seen:
        x = torch.randn(4, 8, 9, 9, device="cuda")
        layer = ResponseNorm(5, 1e-4, 0.75, 1.0)
        layer(x)
        seen.clear()
        layer(x)
        assert not {"ones", "new_ones", "triu", "tril", "fill_"} & set(seen.kernels)


def test_a_constant_is_copied_once_and_an_upload_is_not_waited_for():
    constant.cache_clear()
    with fake_cuda() as seen:
        assert constant((0.5, 0.25), CUDA) is constant((0.5, 0.25), CUDA)
        upload(torch.ones(3), CUDA)
        assert sum(seen.uploads.values()) == 2
        assert seen.problems() == []
    constant.cache_clear()


@pytest.mark.parametrize("name", [name for name in LAYERS if "frozen" not in name and name != "response norm"])
def test_whitening_layers_compute_in_float32_under_bfloat16(name):
    torch.manual_seed(0)
    exact, narrow = LAYERS[name](), LAYERS[name]()
    narrow.load_state_dict(exact.state_dict())
    x = torch.randn(6, 8, 9, 8)
    expected = exact(x)
    with torch.autocast("cpu", torch.bfloat16):
        found = narrow(x)
        evaluated = narrow.eval()(x)
    assert found.dtype == evaluated.dtype == torch.float32
    assert torch.equal(found, expected)
    assert torch.equal(evaluated, exact.eval()(x))


def test_a_whitening_linear_layer_too():
    torch.manual_seed(0)
    layer = Delinear(8, 4)
    x = torch.randn(64, 8)
    expected = layer(x)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(layer(x), expected)


def test_precision_is_the_devices_own_unless_chosen():
    assert effective(None, CUDA) == "bf16"
    assert effective(None, CPU) == "float32"
    assert effective("tf32", CUDA) == "tf32"
    assert effective("tf32", CPU) == "float32"
    assert effective("bf16", CPU) == "bf16"


@pytest.mark.parametrize(("precision", "cast"), [("bf16", True), (None, True), ("tf32", False), ("float32", False)])
def test_precision_decides_what_a_step_on_a_card_computes_in(precision, cast):
    seen_types = set()
    with fake_cuda():
        replicate = steps.build("blur", {"arch": "small_cnn", "mode": "normal", "precision": precision})
        replicate.model.register_forward_hook(lambda module, inputs, output: seen_types.add(output.dtype))
        engine.train_epoch(replicate, 0)
    assert seen_types == {torch.bfloat16 if cast else torch.float32}
