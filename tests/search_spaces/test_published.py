"""Every cell of a published table is a figure of its space, beside the one configuration that it was published of."""

import pytest

import search_spaces
from search_spaces.definition import SETTINGS
from tests.search_spaces.printed import COLUMNS, DECAYS, RUNS, TABLE_2, parsed
from trainables import families
from trainables.config.bn_only import BNOnlyConfig
from trainables.config.deconv import DeconvConfig
from trainables.config.deconv_presets import presets
from trainables.config.online_norm import OnlineNormConfig
from tuner.results.published import beside

SPACES = [(family, name) for family in families.names() for name in search_spaces.names(family)]


def figures(family, name, **overrides):
    """Each figure of a space with the configurations that it stands beside."""
    space = search_spaces.load(family, name)
    space = space.with_overrides(overrides).with_budget(**{k: v for k, v in overrides.items() if k == "grace"})
    configs = space.configurations(0, space.budget.trials)
    model = families.config_class(family)
    return [(known, [model(**configs[i]) for i in found]) for known, found in beside(family, configs, space.published)]


@pytest.mark.parametrize(("family", "name"), SPACES)
def test_a_figure_names_dataset_selection_epochs_and_image_size(family, name):
    for known in search_spaces.load(family, name).published:
        assert {"dataset", "selection", "epochs", "image_size"} <= known.when.keys()


def test_the_sweep_of_the_decays_is_that_of_the_poster():
    printed = {
        (int(row["h_fwd"]), int(column)): round(float(cell) / 100, 4)
        for row in parsed(DECAYS)
        for column, cell in row.items()
        if column != "h_fwd"
    }
    assert len(printed) == 78
    found = {}
    for known, configs in figures("online_norm", "decays"):
        [config] = configs
        assert (config.afwd, config.abkw) == (1 - 1 / config.h_fwd, 1 - 1 / config.h_bwd)
        assert (config.norm_mode, config.ecm, config.depth, config.lr_milestones) == (
            ("online", "ls", 20, (100, 150, 200))
        )
        found[config.h_fwd, config.h_bwd] = known.value
    assert found == printed


def test_online_normalisation_on_imagenet_is_resnet_50_as_published():
    found = {}
    for known, configs in figures("online_norm", "imagenet"):
        [config] = configs
        found[config.norm_mode, known.metric] = known.value
        assert (config.arch, config.epochs, config.lr_milestones) == ("resnet50", 100, (30, 60, 80, 90))
        assert (config.afwd, config.abkw, config.gn_num_groups) == (0.999, 0.99, 32)
        assert (config.augmentation, config.constants, config.weight_decay) == ("resized-crop", "imagenet", 1e-4)
    accuracies = {"online": 0.763, "batch": 0.764, "group": 0.759, "instance": 0.716, "layer": 0.747}
    losses = {"online": 0.94, "batch": 0.97}
    assert found == {(m, "val_accuracy"): v for m, v in accuracies.items()} | {
        (m, "val_loss"): v for m, v in losses.items()
    }


# (trainable set, gamma, beta) of each column that a space other than `paper` has
SETS = {
    "BN alt. init": ("bn", "ones", 1.0),
    "BN+shortcut+output": ("bn_shortcut_output", "uniform", 0.0),
    "shortcut+output": ("shortcut_output", "uniform", 0.0),
    "nothing": ("none", "uniform", 0.0),
}


def test_the_columns_of_batch_norm_only_are_those_of_the_papers_figure():
    printed = {
        (row["net"], column): round(float(row[column]) / 100, 4)
        for row in parsed(COLUMNS)
        for column in row
        if column != "net"
    }
    column_of = {what: column for column, what in SETS.items()}
    found = {}
    for known, configs in figures("bn_only", "columns"):
        [config] = configs
        net = str(config.depth) if config.width == 1 else f"{config.depth}_{config.width}"
        found[net, column_of[config.trainable_set, config.gamma_init, config.beta_init]] = known.value
        assert (config.epochs, config.batch_size, config.constants) == (160, 128, "imagenet")
    assert len(found) == 48
    for known, configs in figures("bn_only", "paper"):
        [config] = configs
        net = str(config.depth) if config.width == 1 else f"{config.depth}_{config.width}"
        found[net, {"all": "all", "bn": "BN only"}[config.trainable_set]] = known.value
    assert found == printed


def test_the_runs_of_the_reproduction_stand_beside_its_networks_on_its_holdout():
    printed = {row["run"]: round(float(row["test"]) / 100, 4) for row in parsed(RUNS)}
    found = {}
    for known, configs in figures("bn_only", "reproduction"):
        [config] = configs
        run = known.source.partition("cifar_")[2].partition(",")[0]
        assert BNOnlyConfig(name=f"cifar_{run}").name == config.name
        assert (known.metric, config.selection, config.constants) == ("test_accuracy", "holdout", "half")
        found[run] = known.value
    assert found == printed


def test_table_2_of_deconvolution_is_each_network_with_top_1_and_top_5():
    found = {}
    for known, configs in figures("deconv", "imagenet"):
        [config] = configs
        assert (config.epochs, config.batch_size, config.weight_decay) == (90, 256, 1e-4)
        assert config.lr == (0.01 if config.arch.startswith("vgg") else 0.1)
        found.setdefault((config.arch, config.norm), {})[known.metric] = known.value
    names = {"ND": ("", "deconv"), "BN": ("", "bn"), "original": ("", "bn")}
    printed = {}
    for row in parsed(TABLE_2):
        for column, (_, norm) in names.items():
            if column in row:
                arch = "vgg11_bn" if (row["network"], column) == ("vgg11d", "BN") else row["network"]
                top1, top5 = (round(float(cell) / 100, 4) for cell in row[column].split("/"))
                printed[arch, norm] = {"val_accuracy": top1, "val_top5_accuracy": top5}
    assert found == printed


def test_presets_are_the_thirty_commands_but_for_dataset_and_budget():
    space = search_spaces.load("deconv", "presets")
    of_search = {*SETTINGS, "augmentation", "normalisation"}
    drawn = [DeconvConfig(**config).model_dump(exclude=of_search) for config in space.configurations(0, 30)]
    usual = {"dataset": "cifar100", "image_size": 32}
    commands = [DeconvConfig(**{**usual, **knobs}).model_dump(exclude=of_search) for knobs in presets().values()]
    for config in (*drawn, *commands):  # what a network of its method alone does not read
        for knob in DeconvConfig(**{**config, "dataset": "cifar100"}).inert:
            config.pop(knob)
    assert len(drawn) == 30
    assert all(command in drawn for command in commands)


@pytest.mark.parametrize(
    ("overrides", "values"),
    [
        ({}, {0.7055, 0.7234, 0.7879}),
        ({"batch_size": 512}, {0.6939, 0.7454}),
        ({"epochs": 20, "grace": 20}, {0.707}),
        ({"epochs": 20, "grace": 20, "batch_size": 512, "lr": 0.2}, {0.6965}),
        ({"dataset": "cifar10"}, set()),
        ({"epochs": 50, "grace": 50}, set()),
    ],
)
def test_the_figures_of_2019_stand_beside_the_commands_they_were_published_with(overrides, values):
    grace = overrides.get("grace", 100)
    space = search_spaces.load("deconv", "presets")
    space = space.with_overrides({k: v for k, v in overrides.items() if k != "grace"}).with_budget(grace=grace)
    count = 30
    while True:  # an override makes some of the thirty alike
        try:
            configs = space.configurations(0, count)
            break
        except search_spaces.SpaceExhausted:
            count -= 1
    assert {known.value for known, found in beside("deconv", configs, space.published) if found} == values


def test_modes_are_the_five_of_2019_by_their_blocks():
    space = search_spaces.load("deconv", "modes")
    configs = [DeconvConfig(**config) for config in space.configurations(0, 17)]
    assert {(c.revision, c.norm, c.arch, c.block_fc, c.eps) for c in configs} == {(2019, "deconv", "vgg11", 512, 1e-2)}
    assert {(c.mode, c.num_groups) for c in configs} == {(m, g) for m in (1, 3, 4, 5) for g in (8, 16, 32, 64)} | {
        (2, 16)
    }
    assert (configs[0].mode, configs[0].num_groups) == (5, 16)


def test_the_readme_of_the_classics_has_its_two_runs_and_mnist_its_own():
    found = {(c.model, known.metric): known.value for known, configs in figures("imagenet", "readme") for c in configs}
    assert found == {
        ("alexnet_v2", "val_accuracy"): 0.5098,
        ("resnet18", "val_accuracy"): 0.6896,
        ("resnet18", "val_top5_accuracy"): 0.8861,
    }
    [[accuracy, [lenet]], [top5, _]] = figures("imagenet", "mnist", dataset="mnist:/data")
    assert (accuracy.value, top5.value, lenet.model, lenet.constants) == (0.9907, 1.0, "lenet5", "mnist")


@pytest.mark.parametrize(("name", "batch", "decay", "jitter", "lighting"), [
    ("imagenet", 256, 1e-4, 0.0, 0.0),
    ("imagenet16", 64, 5e-4, 0.1, 0.05),
])  # fmt: skip
def test_blur_on_imagenet_follows_the_published_scripts(name, batch, decay, jitter, lighting):
    from trainables.config.blur import BlurConfig

    space = search_spaces.load("blur", name)
    configs = [BlurConfig(**config) for config in space.configurations(0, space.budget.trials)]
    assert len(configs) == 38
    for config in configs:
        assert (config.arch, config.image_size, config.epochs, config.augmentation) == (
            "alexnet",
            224,
            60,
            "resized-crop",
        )
        assert (config.batch_size, config.weight_decay, config.lr, config.momentum) == (batch, decay, 0.01, 0.9)
        assert (config.lr_schedule, config.lr_step, config.lr_factor) == ("step", 20, 0.1)
        assert (config.jitter, config.lighting, config.constants) == (jitter, lighting, "imagenet")


def test_nothing_stands_beside_runs_of_another_dataset_budget_size_or_part_of_the_images():
    def found(**overrides):
        space = search_spaces.load("bn_only", "paper")
        grace = overrides.get("epochs", 160)
        space = space.with_overrides(overrides).with_budget(grace=grace)
        return [known for known, like in beside("bn_only", space.configurations(0, 24), space.published) if like]

    assert len(found()) == 24
    for unlike in (
        *({"epochs": 1}, {"image_size": 8}, {"dataset": "cifar100"}, {"dataset": "digits"}, {"train_images": 1000}),
        *({"selection": "holdout"}, {"lr": 0.2}, {"init_from": "weights.pt"}),
    ):
        assert found(**unlike) == [], unlike


def test_a_figure_of_imagenet_stands_beside_it_wherever_it_lies():
    config = OnlineNormConfig(
        arch="resnet50", dataset="imagenet:/somewhere", epochs=100, norm_mode="online", selection="test"
    )
    space = search_spaces.load("online_norm", "imagenet")
    found = [known.value for known, like in beside("online_norm", [config.model_dump()], space.published) if like]
    assert found == [0.763, 0.94]
