"""The spaces of the online_norm family."""

import pytest

import search_spaces
from trainables.config.online_norm import OnlineNormConfig, effective_lr_momentum
from tuner.rules.ranking import rungs

NAMES = search_spaces.names()["online_norm"]


def load(name):
    return search_spaces.load("online_norm", name)


def drawn(name, count=None):
    space = load(name)
    return [OnlineNormConfig(**config) for config in space.configurations(0, count or space.budget.trials)]


@pytest.mark.parametrize("name", NAMES)
def test_the_baseline_is_the_papers_online_normalisation(name):
    baseline = drawn(name, 1)[0]
    assert (baseline.norm_mode, baseline.afwd, baseline.abkw, baseline.ecm) == ("online", 1023 / 1024, 127 / 128, "ls")
    assert (baseline.lr, baseline.momentum, baseline.batch_size_rule) == (0.1, 0.9, True)


@pytest.mark.parametrize("name", NAMES)
def test_knobs_of_one_norm_appear_beside_no_other(name):
    for config in load(name).configurations(0, load(name).budget.trials):
        online = config["norm_mode"] == "online"
        assert online or not {"h_fwd", "h_bwd", "ecm", "clamp_val"} & config.keys()
        assert ("clamp_val" in config) == (config.get("ecm") == "ac")


def test_smoke_compares_all_six_norms_and_the_horizons_on_small_digits():
    configs = drawn("smoke")
    others = [config.norm_mode for config in configs if config.norm_mode != "online"]
    assert sorted(others) == ["batch", "group", "instance", "layer", "none"]
    horizons = [(config.h_fwd, config.h_bwd) for config in configs if config.norm_mode == "online"]
    assert sorted(horizons) == [
        *((16, 4), (16, 16)),
        *((128, 4), (128, 16), (128, 128)),
        *((1024, 4), (1024, 16), (1024, 128)),
    ]
    assert {(c.dataset, c.depth, c.image_size, c.epochs, c.augmentation) for c in configs} == {
        ("digits", 8, 8, 6, "none")
    }


def test_smoke_differs_in_nothing_but_the_norm():
    norm_knobs = {"norm_mode", "afwd", "abkw", "h_fwd", "h_bwd"}
    assert len({config.model_dump_json(exclude=norm_knobs) for config in drawn("smoke")}) == 1


def test_search_draws_horizons_error_compensation_lr_and_batch():
    configs = drawn("search", 300)
    assert {config.h_fwd for config in configs} == {2**k for k in range(5, 13)}
    assert {config.h_bwd for config in configs} == {2**k for k in range(2, 10)}
    assert {config.ecm for config in configs} == {"ls", "ac", "none"}
    assert {config.batch_size for config in configs} == {16, 32, 64, 128, 256}
    assert len({config.lr for config in configs}) > 290
    assert all(config.h_bwd <= config.h_fwd for config in configs)
    assert len({effective_lr_momentum(config) for config in configs}) == len({(c.lr, c.batch_size) for c in configs})


def test_no_rung_of_search_lies_before_the_first_drop_of_the_learning_rate():
    space = load("search")
    first = rungs(space.budget.epochs, space.budget.grace, space.budget.reduction)[0]
    assert all(config.lr_milestones[0] < first for config in drawn("search"))


def test_search_keeps_the_published_milestones_as_shares_of_its_budget():
    [milestones] = {config.lr_milestones for config in drawn("search")}
    assert [milestone / 125 for milestone in milestones] == [100 / 250, 150 / 250, 200 / 250]


def test_paper_is_the_five_norms_under_the_published_protocol_and_stops_nobody():
    space = load("paper")
    assert rungs(space.budget.epochs, space.budget.grace, space.budget.reduction) == (250,)
    assert (space.protocol.dataset, space.protocol.selection) == ("cifar10", "test")
    configs = drawn("paper")
    assert sorted(config.norm_mode for config in configs) == ["batch", "group", "instance", "layer", "online"]
    for config in configs:
        assert (config.depth, config.batch_size, config.lr, config.momentum) == (20, 128, 0.1, 0.9)
        assert (config.weight_decay, config.weight_decay_exempt) == (2e-4, "nothing")
        assert (config.lr_milestones, config.augmentation, config.crop_padding) == ((100, 150, 200), "crop-flip", 4)
        assert config.gn_num_groups == 8


def test_paper_on_cifar100_takes_the_decays_published_for_it():
    space = load("paper").with_overrides({"dataset": "cifar100"})
    assert space.problems() == []
    configs = [OnlineNormConfig(**config) for config in space.configurations(0, 5)]
    assert {(config.afwd, config.abkw) for config in configs} == {(511 / 512, 15 / 16)}


@pytest.mark.parametrize(
    ("dataset", "accuracies", "losses"),
    [
        ("cifar10", (0.923, 0.922, 0.903, 0.904, 0.874), (0.26, 0.26, 0.32, 0.31, 0.39)),
        ("cifar100", (0.686, 0.686, 0.633, 0.631, 0.592), (1.12, 1.14, 1.35, 1.32, 1.47)),
    ],
)
def test_paper_prints_the_published_accuracy_and_loss_beside_each_norm(dataset, accuracies, losses):
    space = load("paper").with_overrides({"dataset": dataset})
    found = {"val_accuracy": [], "val_loss": []}
    for mode in ("online", "batch", "group", "instance", "layer"):
        [config] = [c for c in space.configurations(0, 5) if c["norm_mode"] == mode]
        for row in space.published:
            if all(config[knob] == value for knob, value in row.when.items()):
                found[row.metric].append(row.value)
    assert found == {"val_accuracy": list(accuracies), "val_loss": list(losses)}
