"""The spaces of the blur family."""

from collections import Counter

import pytest

import search_spaces
from trainables.config.blur import BlurConfig
from tuner.rules.ranking import rungs

NAMES = search_spaces.names()["blur"]


@pytest.mark.parametrize("name", NAMES)
def test_every_rung_lies_past_the_switch_of_every_configuration(name):
    space = search_spaces.load("blur", name)
    first = rungs(space.budget.epochs, space.budget.grace, space.budget.reduction)[0]
    for config in space.configurations(0, 300 if name == "search" else space.budget.trials):
        assert first == space.budget.epochs or first > BlurConfig(**config).settles_at


@pytest.mark.parametrize("name", NAMES)
def test_the_baseline_is_sharp_training_with_the_published_optimiser(name):
    baseline = BlurConfig(**search_spaces.load("blur", name).configuration(0, 0))
    assert (baseline.mode, baseline.lr, baseline.momentum, baseline.weight_decay, baseline.batch_size) == (
        ("normal", 0.01, 0.9, 5e-4, 64)
    )
    assert (baseline.lr_schedule, baseline.augmentation) == ("constant", "none")


@pytest.mark.parametrize("name", NAMES)
def test_knobs_appear_only_in_the_modes_that_use_them(name):
    space = search_spaces.load("blur", name)
    for config in space.configurations(0, space.budget.trials):
        used = set(config) & set(space.active_when)
        expected = {knob for knob in space.active_when if config["mode"] in space.active_when[knob]["mode"]}
        assert used == expected & set(config)
        assert ("sigma" in config) == (config["mode"] not in ("normal", "random-mix", "multi-steps", "multi-steps-cbt"))


def test_smoke_searches_the_modes_without_a_late_switch_on_small_digits():
    space = search_spaces.load("blur", "smoke")
    assert rungs(space.budget.epochs, space.budget.grace, space.budget.reduction) == (1, 3, 9)
    drawn = space.configurations(0, 60)
    assert {config["mode"] for config in drawn} == {"normal", "all", "mix", "random-mix"}
    assert {(config["dataset"], config["image_size"], config["arch"]) for config in drawn} == {
        ("digits", 16, "small_cnn")
    }


def test_search_draws_all_nine_modes():
    drawn = search_spaces.load("blur", "search").configurations(0, 120)
    assert len({config["mode"] for config in drawn}) == 9


def test_paper_is_the_published_grid():
    space = search_spaces.load("blur", "paper")
    drawn = [BlurConfig(**config) for config in space.configurations(0, space.budget.trials)]
    assert Counter(config.mode for config in drawn) == {
        "normal": 1,
        "all": 4,
        "single-step": 4,
        "fixed-single-step": 4,
        "reversed-single-step": 4,
        "mix": 6,
        "random-mix": 6,
        "multi-steps": 1,
        "multi-steps-cbt": 8,
    }
    assert sorted(config.sigma for config in drawn if config.mode == "mix") == [1, 2, 3, 4, 5, 10]
    assert sorted(config.max_sigma for config in drawn if config.mode == "random-mix") == [2, 4, 5, 8, 10, 16]
    assert {config.min_sigma for config in drawn} == {0}
    assert not any(config.multi_steps_scaled for config in drawn)


def test_paper_follows_the_published_protocol_and_stops_nobody():
    space = search_spaces.load("blur", "paper")
    assert rungs(space.budget.epochs, space.budget.grace, space.budget.reduction) == (60,)
    assert (space.protocol.dataset, space.protocol.selection) == ("cifar10", "test")
    for config in (BlurConfig(**config) for config in space.configurations(0, space.budget.trials)):
        assert (config.arch, config.lr, config.momentum, config.weight_decay, config.batch_size) == (
            ("alexnet_cifar", 0.01, 0.9, 5e-4, 64)
        )
        assert (config.lr_schedule, config.augmentation, config.switch_fraction) == ("constant", "none", 0.5)


def test_paper_can_be_tuned_on_a_holdout_instead():
    space = search_spaces.load("blur", "paper").with_overrides({"selection": "holdout"})
    assert {config["selection"] for config in space.configurations(0, 38)} == {"holdout"}
