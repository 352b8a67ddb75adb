"""The norm factory: what each mode normalises over, its parameters, what is refused."""

import pytest
import torch
from torch import nn

from trainables.layers.online_norm import OnlineNorm2d
from trainables.models.normalised.norms import LAYERS, MODES, Norm

MAPS = 3 + 2 * torch.randn(4, 8, 5, 5, generator=torch.Generator().manual_seed(0))
OVER = {"batch": (0, 2, 3), "instance": (2, 3), "layer": (1, 2, 3)}


@pytest.mark.parametrize("mode", OVER)
def test_a_mode_normalises_over_its_own_dimensions(mode):
    normalised = Norm(mode)(8)(MAPS)
    assert normalised.mean(OVER[mode]).abs().max() < 1e-5
    assert (normalised.var(OVER[mode], unbiased=False) - 1).abs().max() < 1e-4


def test_group_normalises_over_each_group_of_channels():
    groups = Norm("group", gn_num_groups=2)(8)(MAPS).view(4, 2, -1)
    assert groups.mean(2).abs().max() < 1e-5
    assert (groups.var(2, unbiased=False) - 1).abs().max() < 1e-4


def test_none_is_the_identity_without_parameters():
    layer = Norm("none")(8)
    assert layer(MAPS) is MAPS
    assert list(layer.parameters()) == []


def test_layer_has_gamma_and_beta_for_each_element_where_the_map_is_known_and_for_each_channel_elsewhere():
    known, unknown = Norm("layer")(8, size=5), Norm("layer")(8)
    assert known.weight.shape == known.bias.shape == (8, 5, 5)
    assert unknown.weight.shape == unknown.bias.shape == (8,)
    torch.testing.assert_close(known(MAPS), unknown(MAPS))


def test_online_takes_its_options():
    layer = Norm("online", afwd=0.75, abkw=0.5, ecm="ac", clamp_val=3.0, ls_eps=1e-3)(8)
    assert isinstance(layer, OnlineNorm2d)
    assert (layer.afwd, layer.abkw, layer.ecm, layer.clamp_val, layer.ls_eps) == (0.75, 0.5, "ac", 3.0, 1e-3)


@pytest.mark.parametrize("mode", [mode for mode in MODES if mode != "none"])
def test_every_norm_starts_with_gamma_1_and_beta_0_and_eps_1e_5(mode):
    layer = Norm(mode)(8)
    assert isinstance(layer, LAYERS)
    assert torch.equal(layer.weight, torch.ones(8))
    assert torch.equal(layer.bias, torch.zeros(8))
    assert layer.eps == 1e-5


@pytest.mark.parametrize("mode", MODES)
def test_no_norm_draws_a_random_number(mode):
    torch.manual_seed(0)
    before = torch.get_rng_state()
    Norm(mode)(8, size=5)
    assert torch.equal(torch.get_rng_state(), before)


def test_instance_keeps_no_running_statistics():
    layer = Norm("instance")(8)
    assert dict(layer.named_buffers()) == {}
    assert not isinstance(layer, nn.BatchNorm2d)


def test_an_unknown_mode_or_option_is_one_sentence():
    with pytest.raises(ValueError, match="`norm` is 'bathc', but must be one of batch, group, layer"):
        Norm("bathc")
    with pytest.raises(ValueError, match=r"`gn_groups` is not an option of a norm; did you mean `gn_num_groups`\?"):
        Norm.of("group", gn_groups=4)
    with pytest.raises(ValueError, match="`x` is not an option of a norm; they are: afwd, abkw"):
        Norm.of("batch", x=4)
