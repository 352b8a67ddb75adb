"""Every count of the study for all 26 names, against networks built without memory and against its closed forms."""

import pytest
import torch
from torch import nn

from trainables.bn_only import build, count_parameters
from trainables.models.bn.trainable_sets import SETS, select_trainable
from trainables.plans import bn_counts

# suffix: total, BatchNorm, shortcut convolutions, shortcuts with their BatchNorm, output, BatchNorm layers, parameter tensors
COUNTS = {
    "14": (175_258, 1_120, 2_560, 2_752, 650, 15, 47),
    "14_1": (175_258, 1_120, 2_560, 2_752, 650, 15, 47),
    "32": (466_906, 2_464, 2_560, 2_752, 650, 33, 101),
    "56": (855_770, 4_256, 2_560, 2_752, 650, 57, 173),
    "110": (1_730_714, 8_288, 2_560, 2_752, 650, 111, 335),
    "218": (3_480_602, 16_352, 2_560, 2_752, 650, 219, 659),
    "434": (6_980_378, 32_480, 2_560, 2_752, 650, 435, 1_307),
    "866": (13_979_930, 64_736, 2_560, 2_752, 650, 867, 2_603),
    "14_2": (696_618, 2_240, 10_240, 10_624, 1_290, 15, 47),
    "14_4": (2_777_674, 4_480, 40_960, 41_728, 2_570, 15, 47),
    "14_8": (11_093_130, 8_960, 163_840, 165_376, 5_130, 15, 47),
    "14_16": (44_337_418, 17_920, 655_360, 658_432, 10_250, 15, 47),
    "14_32": (177_279_498, 35_840, 2_621_440, 2_627_584, 20_490, 15, 47),
    "8": (78_042, 672, 2_560, 2_752, 650, 9, 29),
    "20": (272_474, 1_568, 2_560, 2_752, 650, 21, 65),
}
# suffix: forward multiply-accumulates and bytes of activations, of one image
COSTS = {
    "8": (12_501_632, None),
    "14": (26_657_408, 1_097_728),
    "32": (69_124_736, 2_473_984),
    "56": (125_747_840, 4_308_992),
    "110": (253_149_824, 8_437_760),
    "218": (507_953_792, 16_695_296),
    "434": (1_017_561_728, 33_210_368),
    "866": (2_036_777_600, 66_240_512),
    "14_2": (105_743_616, None),
    "14_4": (421_202_432, None),
    "14_8": (1_681_265_664, 8_781_824),
    "14_16": (6_717_974_528, 17_563_648),
    "14_32": (26_857_721_856, 35_127_296),
}


@pytest.mark.parametrize("suffix", COUNTS)
def test_counts_of_both_kinds_of_every_name_agree_with_the_study_and_with_the_network(suffix):
    total, bn, shortcut, shortcut_with_bn, output, layers, tensors = COUNTS[suffix]
    with torch.device("meta"):
        model = build(f"cifar_resnet_{suffix}")
    parameters = list(model.parameters())
    assert len(parameters) == tensors
    assert sum(p.numel() for p in parameters) == total
    for kind, trainable_set, trainable, trained in (
        ("resnet", "all", total, tensors),
        ("freeze", "bn", bn, 2 * layers),
    ):
        found = count_parameters(f"cifar_{kind}_{suffix}")
        expected = {"total": total, "bn": bn, "trainable": trainable, "shortcut_conv": shortcut, "output": output}
        assert {key: found[key] for key in expected} == expected
        select_trainable(model, trainable_set)
        assert sum(p.numel() for p in parameters if p.requires_grad) == trainable
        assert sum(p.requires_grad for p in parameters) == trained
    norms = [module for module in model.modules() if isinstance(module, nn.BatchNorm2d)]
    convs = [module for module in model.modules() if isinstance(module, nn.Conv2d)]
    assert (len(norms), len(convs)) == (layers, layers)
    assert sum(2 * norm.num_features for norm in norms) == bn
    skips = [p.numel() for n, p in model.named_parameters() if ".skip." in n]
    assert sum(skips) == shortcut_with_bn


@pytest.mark.parametrize("suffix", COSTS)
def test_multiply_accumulates_and_activation_bytes_agree_with_the_study(suffix):
    found = count_parameters(f"cifar_freeze_{suffix}")
    macs, activations = COSTS[suffix]
    assert found["macs"] == macs
    assert activations is None or found["activation_bytes"] == activations
    depth, _, width = suffix.partition("_")
    n, w = (int(depth) - 2) // 6, int(width or 1)
    assert found["activation_bytes"] == 64 * w * (2816 + 7168 * n)
    assert found["bn"] == 224 * w * (int(depth) + 1) // 3
    assert found["total"] - found["bn"] - found["shortcut_conv"] - found["output"] == 432 * w + 2304 * w**2 * (
        42 * n - 10
    )


@pytest.mark.parametrize(
    ("suffix", "ratio"),
    [("8", 0.6627), ("14", 0.6648), ("32", 0.6660), ("110", 0.6665), ("866", 0.6666), ("14_2", 0.6657)],
)
def test_skipping_weight_gradients_leaves_two_thirds_of_the_multiply_accumulates(suffix, ratio):
    depth, _, width = suffix.partition("_")
    plan = bn_counts.plan(int(depth), int(width or 1))
    assert plan.training_macs("bn") / plan.training_macs("all") == pytest.approx(ratio, abs=6e-5)


def test_every_trainable_set_of_resnet_110_has_the_published_size():
    plan = bn_counts.plan(110)
    found = {name: plan.trainable(name) for name in SETS}
    assert found == {
        "none": 0,
        "output": 650,
        "bn": 8_288,
        "bn_output": 8_938,
        "shortcut_output": 3_210,
        "bn_shortcut_output": 11_498,
        "all": 1_730_714,
        "random_k": 8_288,
    }


@pytest.mark.parametrize("trainable_set", SETS)
@pytest.mark.parametrize("shape", [(3, 32, 10), (1, 8, 7)])
def test_a_sets_size_agrees_with_the_network_for_any_images(trainable_set, shape):
    channels, size, classes = shape
    plan = bn_counts.plan(8, 2, channels=channels, size=size, classes=classes)
    from trainables.models.bn.resnet import BNResNet

    model = select_trainable(BNResNet(8, 2, classes, channels), trainable_set, k=3)
    assert sum(p.numel() for p in model.parameters() if p.requires_grad) == plan.trainable(trainable_set, 3)


def test_macs_agree_with_what_the_layers_really_multiply():
    macs = []

    def count(module, inputs, output):
        macs.append(module.weight.numel() * output[0, 0].numel())

    model = build("cifar_freeze_14_2")
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            module.register_forward_hook(count)
    model(torch.zeros(1, 3, 32, 32))
    assert sum(macs) + model.fc.weight.numel() == count_parameters("cifar_freeze_14_2")["macs"]


def test_a_name_that_is_none_is_refused_in_its_own_words():
    with pytest.raises(ValueError, match=r"^the name 'cifar_freeze_15' has depth 15"):
        count_parameters("cifar_freeze_15")
