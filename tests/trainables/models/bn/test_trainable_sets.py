"""What is trained and what is not: chosen by the type of a module, and frozen for good."""

import pytest
import torch
from torch import nn

from trainables.bn_only import BNOnlyConfig, build
from trainables.models.bn.trainable_sets import SETS, frozen_state, select_trainable, trained_parameters


def built(trainable_set, depth=8, **knobs):
    torch.manual_seed(0)
    return build(BNOnlyConfig(depth=depth, trainable_set=trainable_set, **knobs))


def trained_names(model):
    return {name for name, parameter in model.named_parameters() if parameter.requires_grad}


def step(model, steps=3, **options):
    """A few steps of SGD on random images, strong weight decay included, on every parameter that there is."""
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, **{"weight_decay": 0.5} | options)
    generator = torch.Generator().manual_seed(1)
    for _ in range(steps):
        images = torch.randn(8, 3, 16, 16, generator=generator)
        loss = nn.functional.cross_entropy(model.train()(images), torch.arange(8))
        optimizer.zero_grad()
        if loss.requires_grad:
            loss.backward()
        optimizer.step()


def test_each_set_trains_the_tensors_it_names():
    everything = {name for name, _ in built("all").named_parameters()}
    bn = {name for name in everything if "bn" in name or ".skip.1." in name}
    output = {"fc.weight", "fc.bias"}
    shortcut = {"blocks.1.skip.0.weight", "blocks.2.skip.0.weight"}
    expected = {
        "none": set(),
        "output": output,
        "bn": bn,
        "bn_output": bn | output,
        "shortcut_output": shortcut | output,
        "bn_shortcut_output": bn | shortcut | output,
        "all": everything,
    }
    for name, names in expected.items():
        assert trained_names(built(name)) == names
    assert len(bn) == 18


def test_a_set_can_be_chosen_again_on_the_same_network():
    model = select_trainable(select_trainable(built("all"), "none"), "bn")
    assert trained_names(model) == trained_names(built("bn"))


@pytest.mark.parametrize("trainable_set", SETS)
def test_what_is_frozen_is_bit_identical_after_steps_with_weight_decay_and_what_is_trained_moves(trainable_set):
    model = built(trainable_set)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    frozen = set(frozen_state(model))
    step(model)
    after = model.state_dict()
    for name in frozen:
        assert torch.equal(before[name], after[name]), name
    for name in trained_names(model):
        assert not torch.equal(before[name], after[name]), name
    # Whatever the set, the running statistics go on moving.
    statistics = [name for name in before if "running" in name]
    assert len(statistics) == 18
    assert all(not torch.equal(before[name], after[name]) for name in statistics)


def test_random_k_trains_exactly_as_many_weights_as_there_are_gammas_and_betas():
    model = built("random_k", depth=14)
    features = sum(m.num_features for m in model.modules() if isinstance(m, nn.BatchNorm2d))
    assert sum(p.numel() for p in trained_parameters(model)) == 2 * features == 1120


@pytest.mark.parametrize("k", [1, 2, 5])
def test_random_k_moves_k_weights_of_every_filter_and_decays_no_other(k):
    model = built("random_k", k=k)
    convs = [m for m in model.modules() if isinstance(m, nn.Conv2d)]
    assert len(convs) == 9
    before = [conv.weight.detach().clone() for conv in convs]
    step(model)
    for conv, start in zip(convs, before, strict=True):
        moved = (conv.weight.detach() != start).flatten(1).sum(1)
        assert (moved == k).all()


def test_random_k_starts_from_the_network_as_it_was():
    torch.manual_seed(0)
    plain = build("cifar_resnet_8")
    images = torch.randn(2, 3, 16, 16)
    assert torch.equal(built("random_k").eval()(images), plain.eval()(images))


def test_the_choice_of_random_k_hangs_on_its_seed_alone():
    def positions(seed, before=0):
        torch.manual_seed(before)
        state = select_trainable(built("all"), "random_k", 2, seed).state_dict()
        return torch.cat([value.flatten() for name, value in state.items() if name.endswith("positions")])

    assert torch.equal(positions(3), positions(3, before=9))
    assert not torch.equal(positions(3), positions(4))
    state = torch.random.get_rng_state()
    select_trainable(built("all"), "none")
    model = built("all")
    state = torch.random.get_rng_state()
    select_trainable(model, "random_k", 2, 0)
    assert torch.equal(torch.random.get_rng_state(), state)


def test_random_k_draws_without_replacement_and_evenly():
    model = built("random_k", depth=32, width=2, k=2)
    hits = torch.zeros(288)
    for name, value in model.state_dict().items():
        if name.endswith("positions"):
            assert (value[:, 0] != value[:, 1]).all()
            if value.max() < 288 and "blocks.1." in name:
                hits += torch.bincount(value.flatten(), minlength=288)
    assert hits.sum() == 128
    assert hits.max() <= 5  # 128 draws of 288


def test_unknown_sets_and_impossible_k_are_refused():
    with pytest.raises(ValueError, match="the trainable set is 'batchnorm', but must be one of none, output, bn"):
        select_trainable(built("all"), "batchnorm")
    for k in (0, -1, 17):
        with pytest.raises(
            ValueError, match=f"`k` is {k}, but must be from 1 to 16, the weights of the smallest filter"
        ):
            select_trainable(built("all"), "random_k", k)
