"""What is reported of gamma and beta: disabled features, the summary, pruning that leaves nothing behind."""

import pytest
import torch
from torch import nn

from trainables.bn_only import build, disabled_fraction
from trainables.models.bn.report import pruned, summary


def norms(model):
    return [m for m in model.modules() if isinstance(m, nn.BatchNorm2d)]


def test_the_disabled_fraction_counts_gammas_of_every_norm_by_their_size():
    model = build("cifar_freeze_8")
    for norm in norms(model):
        nn.init.ones_(norm.weight)
    assert disabled_fraction(model) == 0
    with torch.no_grad():
        model.bn.weight[:4] = torch.tensor([0.0099, -0.0099, 0.01, -0.011])
        model.blocks[1].skip[1].weight[0] = 0
    assert disabled_fraction(model) == pytest.approx(3 / 336)
    assert disabled_fraction(model, threshold=0.0105) == pytest.approx(4 / 336)
    assert disabled_fraction(model, threshold=2) == 1


def test_a_network_without_batch_norm_is_refused():
    with pytest.raises(ValueError, match="has no BatchNorm"):
        disabled_fraction(nn.Linear(2, 2))


def test_the_summary_describes_gamma_and_beta_and_where_small_gammas_are():
    model = build("cifar_freeze_8")
    with torch.no_grad():
        for norm in norms(model):
            norm.weight.fill_(0.5)
            norm.bias.fill_(-0.25)
        model.blocks[2].bn2.weight[:16] = -0.001
    found = summary(model)
    assert found["gamma_fraction_below_0.01"] == pytest.approx(16 / 336)
    assert found["gamma_fraction_below_0.01_bn2"] == pytest.approx(16 / 112)
    assert found["gamma_fraction_below_0.01_segment3"] == pytest.approx(16 / 192)
    assert found["gamma_fraction_below_0.001"] == 0
    assert found["gamma_fraction_below_0.01_stem"] == found["gamma_fraction_below_0.01_segment1"] == 0
    assert (found["gamma_min"], found["gamma_max"], found["gamma_q50"]) == pytest.approx((-0.001, 0.5, 0.5))
    assert found["gamma_fraction_negative"] == pytest.approx(16 / 336)
    assert (found["beta_mean"], found["beta_std"], found["beta_fraction_negative"]) == (-0.25, 0, 1)


def test_pruning_zeroes_small_gammas_keeps_beta_and_restores_everything():
    model = build("cifar_freeze_8")
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with pruned(model, 0.1):
        gamma = torch.cat([norm.weight for norm in norms(model)])
        small = torch.cat([before[n] for n in before if n.endswith("weight") and before[n].dim() == 1]).abs() < 0.1
        assert 0 < small.sum() < len(small)
        assert torch.equal(gamma == 0, small)
    with pytest.raises(RuntimeError, match="stop"), pruned(model, 0.5):
        raise RuntimeError("stop")
    after = model.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)
