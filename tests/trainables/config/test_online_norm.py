"""The configuration of the online_norm family: published defaults, horizons, the batch-size rule, what is refused."""

import subprocess
import sys

import pytest
from pydantic import ValidationError

from trainables.config.online_norm import OnlineNormConfig, effective_lr_momentum, published_defaults
from trainables.config.training import problems

# Option by option as published: CIFAR-10, CIFAR-100, ImageNet.
TABLE = {
    "arch": ("resnet_cifar", "resnet_cifar", "resnet18"),
    "epochs": (250, 250, 90),
    "batch_size": (128, 128, 256),
    "reference_batch_size": (128, 128, 256),
    "lr": (0.1, 0.1, 0.1),
    "lr_milestones": ((100, 150, 200), (100, 150, 200), (30, 60, 80, 90)),
    "lr_multiplier": (0.1, 0.1, 0.1),
    "momentum": (0.9, 0.9, 0.9),
    "weight_decay": (2e-4, 2e-4, 1e-4),
    "weight_decay_exempt": ("nothing", "nothing", "norm-bias"),
    "norm_mode": ("batch", "batch", "batch"),
    "afwd": (1023 / 1024, 511 / 512, 0.999),
    "abkw": (127 / 128, 15 / 16, 0.99),
    "ecm": ("ls", "ls", "ls"),
    "gn_num_groups": (8, 8, 32),
}
COLUMNS = {"cifar10": 0, "cifar100": 1, "imagenet:/data": 2}


def refusal(**knobs):
    """The one sentence with which these knobs are refused."""
    with pytest.raises(ValidationError) as caught:
        OnlineNormConfig(**knobs)
    [sentence] = problems(caught.value)
    assert "\n" not in sentence
    return sentence


@pytest.mark.parametrize("dataset", COLUMNS)
def test_what_is_left_out_has_the_published_value_of_the_dataset(dataset):
    config = OnlineNormConfig(dataset=dataset)
    column = COLUMNS[dataset]
    assert {knob: getattr(config, knob) for knob in TABLE} == {knob: row[column] for knob, row in TABLE.items()}
    assert config.depth == 20


def test_what_is_given_wins_over_the_defaults_of_the_dataset():
    config = OnlineNormConfig(dataset="cifar100", afwd=0.5, weight_decay=0, lr_milestones=())
    assert (config.afwd, config.weight_decay, config.lr_milestones, config.abkw) == (0.5, 0, (), 15 / 16)


def test_digits_have_the_values_of_cifar10_without_augmentation_and_are_the_defaults_shown():
    digits = OnlineNormConfig()
    assert digits.dataset == "digits"
    assert digits.augmentation == "none"
    assert OnlineNormConfig(dataset="cifar10").augmentation == "crop-flip"
    shown = {knob: OnlineNormConfig.model_fields[knob].default for knob in TABLE}
    assert shown == {knob: getattr(digits, knob) for knob in TABLE} == {knob: row[0] for knob, row in TABLE.items()}


def test_a_folder_counts_as_imagenet_with_one_of_its_networks_only():
    assert published_defaults("folder:/data") is published_defaults("cifar10")
    assert OnlineNormConfig(dataset="folder:/data").batch_size == 128
    imagenet = OnlineNormConfig(dataset="folder:/data", arch="resnet50")
    assert (imagenet.arch, imagenet.batch_size, imagenet.image_size) == ("resnet50", 256, 224)


def test_a_configuration_read_back_from_its_dump_is_the_same():
    for knobs in ({}, {"dataset": "cifar100", "h_fwd": 96, "h_bwd": 7}, {"lr_schedule": "cosine"}):
        config = OnlineNormConfig(**knobs)
        assert OnlineNormConfig(**config.model_dump(mode="json")) == config


def test_a_horizon_stands_for_a_decay():
    config = OnlineNormConfig(h_fwd=1024, h_bwd=16)
    assert (config.afwd, config.abkw) == (1023 / 1024, 15 / 16)
    assert OnlineNormConfig(h_fwd=2, h_bwd=2).afwd == 0.5
    only_backward = OnlineNormConfig(dataset="cifar100", h_bwd=4)
    assert (only_backward.afwd, only_backward.abkw) == (511 / 512, 0.75)


def test_decays_of_any_order_are_accepted_as_they_are():
    config = OnlineNormConfig(afwd=0.5, abkw=0.999)
    assert (config.h_fwd, config.h_bwd) == (None, None)


@pytest.mark.parametrize(
    ("knobs", "sentence"),
    [
        ({"afwd": 1}, "`afwd` is 1, but must be less than 1"),
        ({"afwd": 0}, "`afwd` is 0, but must be greater than 0"),
        ({"abkw": 1.5}, "`abkw` is 1.5, but must be less than 1"),
        ({"abkw": -0.1}, "`abkw` is -0.1, but must be greater than 0"),
        ({"h_fwd": 1.9}, "`h_fwd` is 1.9, but must be greater than or equal to 2"),
        ({"h_bwd": 1}, "`h_bwd` is 1, but must be greater than or equal to 2"),
        ({"h_fwd": 8, "h_bwd": 16}, "`h_bwd` is 16, but must be at most `h_fwd` (8)"),
        ({"h_fwd": 64}, "`h_bwd` is 128, but must be at most `h_fwd` (64)"),
        ({"h_fwd": 8, "afwd": 0.9}, "`afwd` is 0.9 and `h_fwd` is 8, but only one of them can be given"),
        ({"depth": 21}, "`depth` is 21, but must be 6n+2"),
        ({"depth": 2}, "`depth` is 2, but must be greater than or equal to 8"),
        ({"norm_mode": "weight"}, "`norm_mode` is 'weight', but must be 'batch', 'group', 'layer'"),
        ({"lr_milestones": (3, -1)}, "`lr_milestones.1` is -1, but must be greater than or equal to 0"),
        (
            {"lr_schedule": "cosine", "lr_milestones": (3,)},
            "`lr_milestones` is (3,), but must be () beside lr_schedule",
        ),
        ({"batch_sise": 3}, "`batch_sise` is not a knob of this family"),
    ],
)
def test_bad_knobs_are_refused_in_one_sentence(knobs, sentence):
    assert refusal(**knobs).startswith(sentence)


def test_groups_that_do_not_divide_the_channels_are_refused_with_all_layers_in_group_mode_only():
    sentence = refusal(depth=8, norm_mode="group", gn_num_groups=32)
    assert sentence.endswith("for 16 in norm1, layer1.0.norm1, layer1.0.norm2; use 1, 2, 4, 8, 16")
    assert "layer4.1.bn2" in refusal(arch="resnet18", norm_mode="group", gn_num_groups=24)
    assert OnlineNormConfig(depth=8, norm_mode="batch", gn_num_groups=32).gn_num_groups == 32
    assert OnlineNormConfig(depth=8, norm_mode="group", gn_num_groups=32, width=2).gn_num_groups == 32


def test_the_none_of_the_command_line_is_the_mode_none():
    config = OnlineNormConfig(norm_mode=None, ecm=None)
    assert (config.norm_mode, config.ecm) == ("none", "none")


@pytest.mark.parametrize(
    ("dataset", "batch_size", "lr", "momentum"),
    [
        ("cifar10", 128, 0.1, 0.9),
        ("cifar10", 64, 0.02565835, 0.94868330),
        ("cifar10", 32, 0.00649906, 0.97400375),
        ("cifar10", 256, 0.38, 0.81),
        ("cifar10", 1, 6.42805e-6, 0.99917721),
        ("imagenet:/data", 256, 0.1, 0.9),
        ("imagenet:/data", 32, 0.00163546, 0.98691628),
    ],
)
def test_the_batch_size_rule_gives_the_published_learning_rate_and_momentum(dataset, batch_size, lr, momentum):
    config = OnlineNormConfig(dataset=dataset, batch_size=batch_size)
    assert effective_lr_momentum(config) == pytest.approx((lr, momentum), rel=5e-6)
    assert (config.lr, config.momentum) == (0.1, 0.9)


def test_the_batch_size_rule_keeps_momentum_0_and_scales_lr_with_the_batch():
    assert effective_lr_momentum(OnlineNormConfig(batch_size=32, momentum=0)) == (0.025, 0)


def test_the_batch_size_rule_can_be_turned_off_or_given_another_reference():
    assert effective_lr_momentum(OnlineNormConfig(batch_size=32, batch_size_rule=False)) == (0.1, 0.9)
    assert effective_lr_momentum(OnlineNormConfig(batch_size=32, reference_batch_size=32)) == (0.1, 0.9)


def test_the_configuration_imports_no_torch():
    code = "import sys; from trainables.config.online_norm import OnlineNormConfig as C; C(norm_mode='group'); "
    run = subprocess.run(
        [sys.executable, "-c", code + "print('torch' in sys.modules)"], capture_output=True, text=True, check=True
    )
    assert run.stdout.strip() == "False"
