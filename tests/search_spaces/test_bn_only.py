"""The spaces of the bn_only family."""

import pytest

import search_spaces
from trainables.config.bn_only import BNOnlyConfig
from trainables.plans.bn_names import parse_name
from tuner.rules.ranking import rungs

NAMES = search_spaces.names()["bn_only"]
SUFFIXES = ("14", "32", "56", "110", "218", "434", "866", "14_2", "14_4", "14_8", "14_16", "14_32")


def load(name):
    return search_spaces.load("bn-only", name)


def drawn(name, count=None):
    space = load(name)
    return [BNOnlyConfig(**config) for config in space.configurations(0, count or space.budget.trials)]


@pytest.mark.parametrize("name", NAMES)
def test_the_baseline_is_batch_norm_alone_as_published(name):
    baseline = drawn(name, 1)[0]
    assert (baseline.trainable_set, baseline.gamma_init, baseline.beta_init) == ("bn", "uniform", 0)
    assert (baseline.lr, baseline.momentum, baseline.weight_decay, baseline.bn_weight_decay) == (0.1, 0.9, 1e-4, None)


def test_smoke_compares_all_sets_and_varies_depth_gamma_and_lr_one_at_a_time():
    baseline, *others = drawn("smoke")
    knobs = ("depth", "trainable_set", "gamma_init", "lr")
    changed = []
    for config in others:
        [difference] = [(k, getattr(config, k)) for k in knobs if getattr(config, k) != getattr(baseline, k)]
        changed.append(difference)
    sets = {"none", "output", "bn_output", "shortcut_output", "bn_shortcut_output", "all", "random_k"}
    assert {value for knob, value in changed if knob == "trainable_set"} == sets
    assert [v for k, v in changed if k == "depth"] == [14]
    assert {v for k, v in changed if k == "gamma_init"} == {"ones", "signed"}
    assert {v for k, v in changed if k == "lr"} == {0.03, 0.3}
    assert {(c.dataset, c.image_size, c.augmentation) for c in [baseline, *others]} == {("digits", 8, "none")}


def test_search_draws_lr_decay_gamma_and_set():
    configs = drawn("search", 200)
    assert {config.trainable_set for config in configs} == {"bn", "bn_output", "bn_shortcut_output", "random_k"}
    assert {config.gamma_init for config in configs} == {"uniform", "ones", "signed"}
    assert {config.beta_init for config in configs} == {0.0, 1.0}
    assert len({config.lr for config in configs}) > 190
    assert min(c.weight_decay for c in configs) < 1e-5
    assert max(c.weight_decay for c in configs) > 1e-3
    assert {(config.milestones, config.epochs) for config in configs} == {((20, 30), 40)}


@pytest.mark.parametrize("override", [{"depth": [14, 32]}, {"width": [1, 2]}])
def test_search_takes_depth_and_width_where_its_notes_say(override):
    from ray import tune

    [(knob, values)] = override.items()
    space = load("search").with_overrides({knob: tune.choice(values), "lr": 0.1, "trainable_set": "bn"})
    assert space.problems() == []
    assert {config[knob] for config in space.configurations(0, 20)} == set(values)


def test_no_rung_of_search_lies_in_the_last_epochs_before_a_drop_of_lr():
    space = load("search")
    found = rungs(space.budget.epochs, space.budget.grace, space.budget.reduction)
    assert found == (4, 12, 36, 40)
    for milestone in drawn("search", 1)[0].milestones:
        assert not any(milestone - 4 < rung <= milestone for rung in found)


def test_paper_is_every_published_name_under_the_published_protocol_and_stops_nobody():
    space = load("paper")
    assert rungs(space.budget.epochs, space.budget.grace, space.budget.reduction) == (160,)
    assert (space.protocol.dataset, space.protocol.selection) == ("cifar10", "test")
    given = {point["name"] for point in space.points} | {space.baseline["name"]}
    assert given == {f"cifar_{kind}_{suffix}" for kind in ("freeze", "resnet") for suffix in (*SUFFIXES, "14_1")}
    configs = drawn("paper")
    assert {c.name for c in configs} == {parse_name(name).canonical for name in given}
    assert len(configs) == 24
    for config in configs:
        assert (config.epochs, config.batch_size, config.lr, config.momentum) == (160, 128, 0.1, 0.9)
        assert (config.weight_decay, config.milestones) == (1e-4, (80, 120))
        assert (config.augmentation, config.crop_padding) == ("crop-flip", 4)


def test_paper_prints_a_published_accuracy_beside_every_network():
    space = load("paper")
    found = {}
    for config in space.configurations(0, space.budget.trials):
        [row] = [row for row in space.published if all(config[knob] == value for knob, value in row.when.items())]
        assert row.metric == "val_accuracy"
        found[config["name"]] = row.value
    assert found["cifar_freeze_110"] == 0.697
    assert found["cifar_freeze_866"] == 0.82
    assert found["cifar_resnet_14"] == 0.905
    assert found["cifar_freeze_14_32"] == 0.735
    assert len(found) == 24
