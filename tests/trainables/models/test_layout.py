"""Channels-last where it wins: the weights' memory format by device and network, the same numbers, checkpoints of either."""

from __future__ import annotations

import copy
import io

import pytest
import torch

from tests.trainables.training import run, untimed
from trainables import families
from trainables.family import Shape
from trainables.lockstep import LockStep
from trainables.models import layout

FEW = {"dataset": "digits", "train_images": 200, "epochs": 2, "batch_size": 32}
WINNERS = [
    ("blur", {"arch": "small_cnn"}),
    ("online_norm", {"depth": 8, "norm_mode": "batch"}),
    ("deconv", {"arch": "vgg_tiny", "norm": "bn"}),
    ("bn_only", {"depth": 8, "trainable_set": "all"}),
    ("bn_only", {"depth": 8, "trainable_set": "bn"}),
    ("imagenet", {"model": "lenet5"}),
]
LOSERS = [
    ("blur", {"arch": "alexnet_cifar"}),
    ("online_norm", {"depth": 8, "norm_mode": "online"}),
    ("online_norm", {"depth": 8, "norm_mode": "layer"}),
    ("online_norm", {"depth": 8, "norm_mode": "group"}),
    ("deconv", {"arch": "vgg_tiny", "norm": "deconv", "block": 8}),
]


def config_of(family, knobs):
    return families.config_class(family)(**{"dataset": "digits", "epochs": 2, **knobs})


def trial(family, knobs):
    return LockStep(family, FEW | knobs, replicates=1)


def formats(model):
    """Whether each weight of a convolution that tells the two formats apart is channels-last."""
    weights = [p for p in model.parameters() if p.dim() == 4 and p.shape[1] > 1 and p[0, 0].numel() > 1]
    return {p.is_contiguous(memory_format=torch.channels_last) for p in weights}


@pytest.mark.parametrize(("family", "knobs"), WINNERS)
def test_a_network_that_wins_by_it_trains_channels_last_on_a_cpu(family, knobs):
    assert formats(trial(family, knobs).replicates[0].model) == {True}


@pytest.mark.parametrize(("family", "knobs"), LOSERS)
def test_a_network_that_does_not_win_stays_as_it_is_on_a_cpu_and_is_channels_last_on_a_card(family, knobs):
    config = config_of(family, knobs)
    assert layout.memory_format(family, config, torch.device("cpu")) == torch.contiguous_format
    assert layout.memory_format(family, config, torch.device("cuda")) == torch.channels_last


@pytest.mark.parametrize(("family", "knobs"), WINNERS)
def test_both_formats_give_the_same_numbers_over_twenty_steps_in_float64(family, knobs):
    config, chosen = config_of(family, knobs), families.get(family)
    size = 32 if family == "imagenet" else 16

    def trained(memory_format):
        torch.manual_seed(0)
        model = chosen.build_model(config, Shape(channels=3, size=size, classes=10)).double()
        model = model.to(memory_format=memory_format).train()
        optimizer = chosen.build_optimizer(config, model)
        generator = torch.Generator().manual_seed(1)
        for _ in range(20):
            images = torch.randn(8, 3, size, size, generator=generator, dtype=torch.float64)
            optimizer.zero_grad()
            chosen.loss(config, model(images), torch.arange(8)).backward()
            optimizer.step()
        return [p.detach() for p in model.parameters()]

    for one, other in zip(trained(torch.channels_last), trained(torch.contiguous_format), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-11)
        assert (one - other).norm() <= 1e-12 * other.norm()


@pytest.mark.parametrize(("family", "knobs"), WINNERS)
def test_a_trial_continued_from_its_state_is_bit_equal_to_one_never_interrupted(family, knobs):
    whole = run(trial(family, knobs))
    first = trial(family, knobs)
    first.step()
    file = io.BytesIO()
    torch.save(first.state(), file)
    second = trial(family, knobs)
    second.load(torch.load(io.BytesIO(file.getvalue()), weights_only=True))
    assert untimed(run(second)) == untimed(whole)


def test_a_state_of_the_other_format_continues_with_weights_and_momentum_in_this_one(monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(layout, "WINS_ON_CPU", {})
        other = trial("bn_only", {"depth": 8, "trainable_set": "all"})
        other.step()
        assert formats(other.replicates[0].model) == {False}
    here = trial("bn_only", {"depth": 8, "trainable_set": "all"})
    here.load(copy.deepcopy(other.state()))
    [replicate] = here.replicates
    assert formats(replicate.model) == {True}
    for parameter, values in replicate.optimizer.state.items():
        assert values["momentum_buffer"].stride() == parameter.stride()
    ours, theirs = run(here)[-1], run(other)[-1]
    assert ours["train_loss"] == pytest.approx(theirs["train_loss"], rel=1e-3)
