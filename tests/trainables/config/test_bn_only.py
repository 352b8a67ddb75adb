"""The configuration of the bn_only family: names and fields, published defaults, milestones, what is refused."""

import subprocess
import sys

import pytest
from pydantic import ValidationError

from trainables.config.bn_only import BNOnlyConfig
from trainables.config.training import problems


def refusal(**knobs):
    with pytest.raises(ValidationError) as error:
        BNOnlyConfig(**knobs)
    return problems(error.value)


def test_the_defaults_are_the_papers():
    config = BNOnlyConfig(dataset="cifar10")
    assert (config.epochs, config.batch_size, config.lr, config.momentum) == (160, 128, 0.1, 0.9)
    assert (config.weight_decay, config.bn_weight_decay) == (1e-4, None)
    assert (config.milestones, config.lr_multiplier) == ((80, 120), 0.1)
    assert (config.augmentation, config.crop_padding) == ("crop-flip", 4)
    assert (config.depth, config.width, config.trainable_set, config.k) == (14, 1, "bn", 2)
    assert (config.gamma_init, config.gamma_scale, config.beta_init, config.weight_init) == (
        "uniform",
        1,
        0,
        "kaiming_normal",
    )


def test_digits_are_not_augmented_and_imagenet_has_its_own_values():
    assert BNOnlyConfig().augmentation == "none"
    config = BNOnlyConfig(dataset="folder:/data", arch="resnet50")
    assert (config.epochs, config.batch_size, config.lr, config.image_size) == (90, 1024, 0.4, 224)
    assert config.milestones == (30, 60, 80)


@pytest.mark.parametrize(
    ("name", "depth", "width", "trainable_set", "canonical"),
    [
        ("cifar_freeze_110", 110, 1, "bn", "cifar_freeze_110"),
        ("cifar_resnet_14_8", 14, 8, "all", "cifar_resnet_14_8"),
        ("cifar_freeze_14_1", 14, 1, "bn", "cifar_freeze_14"),
    ],
)
def test_a_name_stands_for_depth_width_and_set(name, depth, width, trainable_set, canonical):
    config = BNOnlyConfig(name=name)
    assert (config.depth, config.width, config.trainable_set, config.name) == (depth, width, trainable_set, canonical)
    assert BNOnlyConfig(**config.model_dump()) == config


def test_a_name_and_a_knob_that_says_otherwise_are_refused():
    assert BNOnlyConfig(name="cifar_freeze_110", depth=110).depth == 110
    [text] = refusal(name="cifar_freeze_110", depth=14)
    assert text == "`name` is 'cifar_freeze_110', which means depth 110, but `depth` is 14; leave one out"
    [text] = refusal(name="cifar_freeze_110", trainable_set="all")
    assert "which means trainable_set bn, but `trainable_set` is 'all'" in text


def test_a_bad_name_is_refused_in_one_sentence_that_quotes_it():
    [text] = refusal(name="cifar_resnet_14_128")
    assert text.startswith("the name 'cifar_resnet_14_128' ends in 128, which open_lth would read")


def test_another_budget_keeps_the_shares_of_the_milestones():
    assert BNOnlyConfig(epochs=40).milestones == (20, 30)
    assert BNOnlyConfig(epochs=9).milestones == (5, 7)
    assert BNOnlyConfig(epochs=10, lr_milestones=(0.3, 0.7)).milestones == (3, 7)  # 0.7 * 10 is a little above 7
    assert BNOnlyConfig(lr_schedule="cosine").milestones == ()


def test_contradictions_are_refused():
    [text] = refusal(lr_schedule="cosine", lr_milestones=(0.5,))
    assert text.startswith("`lr_milestones` is (0.5,), but must be () beside lr_schedule 'cosine'")
    [text] = refusal(arch="resnet50", recompute_blocks=4)
    assert text == "`recompute_blocks` is given beside arch resnet50, but is for resnet_cifar alone; leave it out"
    [text] = refusal(arch="resnet50", name="cifar_freeze_14")
    assert text.startswith("`name` is given beside arch resnet50")


@pytest.mark.parametrize(
    ("knob", "value"),
    [
        ("depth", 15),
        ("depth", 2),
        ("width", 0),
        ("k", 0),
        ("k", 17),
        ("trainable_set", "batchnorm"),
        ("gamma_init", "zeros"),
        ("gamma_scale", 0),
        ("bn_weight_decay", -1),
        ("lr_milestones", (1.5,)),
        ("recompute_blocks", -1),
        ("init_evaluation", "yes"),
    ],
)
def test_values_out_of_range_are_refused_naming_the_knob(knob, value):
    [text] = refusal(**{knob: value})
    assert f"`{knob}" in text


def test_the_configuration_needs_no_torch():
    code = "import sys, trainables.config.bn_only; print('torch' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "False"
