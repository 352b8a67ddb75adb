"""The spaces of the deconv family."""

import pytest

import search_spaces
from trainables.config.deconv import DeconvConfig
from tuner.rules.ranking import rungs

NAMES = search_spaces.names()["deconv"]
OF_DECONV = {"block", "block_fc", "delinear", "sampling_stride", "n_iter", "eps"}


def load(name):
    return search_spaces.load("deconv", name)


def drawn(name, count=None):
    space = load(name)
    return [DeconvConfig(**config) for config in space.configurations(0, count or space.budget.trials)]


@pytest.mark.parametrize("name", NAMES)
def test_the_baseline_is_the_papers_deconvolution(name):
    baseline = drawn(name, 1)[0]
    assert (baseline.revision, baseline.norm, baseline.sampling_stride, baseline.n_iter) == (2020, "deconv", 3, 5)
    assert (baseline.lr, baseline.momentum, baseline.weight_decay, baseline.eps) == (0.1, 0.9, 1e-3, 1e-5)
    assert (baseline.optimizer, baseline.lr_schedule, baseline.loss) == ("sgd", "cosine", "ce")


@pytest.mark.parametrize("name", NAMES)
def test_knobs_of_deconvolution_appear_beside_no_other_norm(name):
    norms = set()
    for config in load(name).configurations(0, load(name).budget.trials):
        norms.add(config["norm"])
        assert config["norm"] == "deconv" or not OF_DECONV & config.keys()
    assert norms == {"bn", "deconv"}


@pytest.mark.parametrize(
    ("name", "expected", "bracket"),
    [("smoke", (1, 3, 5), ("norm",)), ("search", (4, 8, 16, 20), ("norm",)), ("paper", (20,), ())],
)
def test_no_rung_below_the_budget_compares_the_norms(name, expected, bracket):
    space = load(name)
    assert rungs(space.budget.epochs, space.budget.grace, space.budget.reduction) == expected
    assert space.bracket_knobs == bracket


def test_an_extension_set_for_a_whole_search_leaves_batch_normalisation_in_it():
    space = load("smoke").with_overrides({"root_gradient": False, "refresh": 3})
    assert space.problems() == []
    configs = [DeconvConfig(**config) for config in space.configurations(0, space.budget.trials)]
    assert {(c.norm, c.root_gradient, c.refresh) for c in configs} == {("bn", True, 1), ("deconv", False, 3)}


def test_smoke_varies_norm_and_lr_block_sampling_and_steps():
    configs = drawn("smoke")
    whitened = [config for config in configs if config.norm == "deconv"]
    assert {config.lr for config in configs if config.norm == "bn"} == {0.01, 0.03, 0.1, 0.3}
    assert len({config.block for config in whitened}) >= 3
    assert {config.sampling_stride for config in whitened} == {1, 2, 3}
    assert len({config.n_iter for config in whitened}) >= 3
    assert {(config.dataset, config.arch) for config in configs} == {("digits", "vgg_tiny")}


def test_search_draws_both_norms_the_layers_and_the_optimiser():
    configs = drawn("search", 200)
    whitened = [config for config in configs if config.norm == "deconv"]
    assert 60 < len(whitened) < 140
    assert {config.block for config in whitened} == {16, 32, 64, 128}
    assert {config.block_fc for config in whitened} == {0, 64, 512}
    assert {config.delinear for config in whitened} == {True, False}
    assert {config.sampling_stride for config in whitened} == {2, 3, 5}
    assert {config.n_iter for config in whitened} == {1, 3, 5, 7, 10}
    assert {config.batch_size for config in configs} == {64, 128, 256, 512}
    assert len({config.eps for config in whitened}) > 50
    assert len({config.lr for config in configs}) > 190


def test_paper_is_ten_networks_in_both_norms_under_the_published_protocol():
    space = load("paper")
    assert (space.protocol.dataset, space.protocol.selection) == ("cifar10", "test")
    configs = drawn("paper")
    assert len({config.arch for config in configs}) == 10
    assert len({(config.arch, config.norm) for config in configs}) == len(configs) == 20
    for config in configs:
        assert (config.batch_size, config.lr, config.momentum, config.weight_decay) == (128, 0.1, 0.9, 1e-3)
        assert (config.lr_schedule, config.augmentation, config.crop_padding) == ("cosine", "crop-flip", 4)
        assert (config.block, config.block_fc) == (64, 512 if config.norm == "deconv" else 0)


def figures(space):
    """{(arch, norm): published accuracies beside it}"""
    found = {}
    for config in space.configurations(0, space.budget.trials):
        rows = [r for r in space.published if all(config[knob] == value for knob, value in r.when.items())]
        found[config["arch"], config["norm"]] = [row.value for row in rows]
    return found


@pytest.mark.parametrize(
    ("dataset", "epochs", "gain", "resnet"),
    [
        ("cifar10", 1, 23.1, (0.5625, 0.7289)),
        ("cifar10", 20, 2.33, (0.9264, 0.9407)),
        ("cifar10", 100, 1.53, (0.9487, 0.9540)),
        ("cifar100", 1, 18.6, (0.1610, 0.3573)),
        ("cifar100", 20, 4.72, (0.7267, 0.7655)),
        ("cifar100", 100, 3.02, (0.7770, 0.7863)),
    ],
)
def test_paper_prints_one_cell_of_table_1_beside_each_configuration(dataset, epochs, gain, resnet):
    space = load("paper").with_overrides({"dataset": dataset}).with_budget(epochs=epochs, grace=epochs)
    assert space.problems() == []
    found = figures(space)
    assert all(len(cells) == 1 for cells in found.values())
    assert (found["resnet", "bn"][0], found["resnet", "deconv"][0]) == resnet
    archs = {arch for arch, _ in found}
    gains = [100 * (found[arch, "deconv"][0] - found[arch, "bn"][0]) for arch in archs]
    assert min(gains) > 0.3
    # the table's own mean, to the digits it is given with
    assert sum(gains) / 10 == pytest.approx(gain, abs=0.06)


def test_no_figure_is_published_for_another_budget():
    space = load("paper").with_budget(epochs=50, grace=50)
    assert not any(figures(space).values())
