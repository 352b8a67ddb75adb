"""The configuration of the deconv family: published defaults, presets, milestones, what is refused."""

import subprocess
import sys

import pytest
from pydantic import ValidationError

from trainables.config.deconv import DeconvConfig, milestones
from trainables.config.deconv_presets import preset, presets
from trainables.config.deconv_rules import EXTENSIONS, OF_CONVOLUTIONS
from trainables.config.training import problems
from trainables.plans.deconv_networks import ALIASES, IMAGENET_ARCHS, NETWORKS

# Option by option as published: 2019, 2020.
TABLE = {
    "arch": ("vgg11", "vgg11"),
    "optimizer": ("sgd", "sgd"),
    "lr": (0.1, 0.1),
    "lr_schedule": ("cosine", "cosine"),
    "milestone": (0.4, 0.4),
    "multistep_gamma": (0.1, 0.1),
    "momentum": (0.9, 0.9),
    "weight_decay": (5e-4, 1e-3),
    "batch_size": (512, 128),
    "epochs": (100, 20),
    "loss": ("ce", "ce"),
    "mode": (5, None),
    "block": (64, 64),
    "num_groups": (16, 16),
    "block_fc": (512, 0),
    "delinear": (None, True),
    "n_iter": (5, 5),
    "eps": (1e-2, 1e-5),
    "bias": (True, True),
    "sampling_stride": (3, 3),
    "method": (3, 3),
}
COLUMNS = {2019: 0, 2020: 1}


def refusal(**knobs):
    """The one sentence with which these knobs are refused."""
    with pytest.raises(ValidationError) as caught:
        DeconvConfig(**knobs)
    [sentence] = problems(caught.value)
    assert "\n" not in sentence
    return sentence


@pytest.mark.parametrize("revision", COLUMNS)
def test_what_is_left_out_has_the_published_value_of_the_revision(revision):
    config = DeconvConfig(revision=revision, norm="deconv")
    assert {knob: getattr(config, knob) for knob in TABLE} == {k: row[COLUMNS[revision]] for k, row in TABLE.items()}


def test_the_published_command_line_without_options_is_the_default():
    shown = {knob: DeconvConfig.model_fields[knob].default for knob in TABLE}
    assert shown == {knob: getattr(DeconvConfig(), knob) for knob in TABLE} == {k: row[1] for k, row in TABLE.items()}
    assert DeconvConfig().norm == "bn"


def test_batch_normalisation_leaves_the_classifier_alone_in_both_revisions():
    assert [DeconvConfig(revision=revision).block_fc for revision in COLUMNS] == [0, 0]
    assert DeconvConfig(block_fc=512).block_fc == 512
    assert refusal(revision=2019, block_fc=512).startswith("`block_fc` is 512, but must be 0 beside norm 'bn'")


def test_what_is_given_wins_over_the_defaults_of_the_revision():
    config = DeconvConfig(revision=2019, norm="deconv", mode=3, block=32, block_fc=0, eps=0, epochs=7, weight_decay=0)
    found = (config.mode, config.block, config.block_fc, config.eps, config.epochs, config.weight_decay)
    assert found == (3, 32, 0, 0, 7, 0)


def test_digits_are_not_augmented_and_everything_else_is():
    assert DeconvConfig().augmentation == "none"
    assert DeconvConfig(dataset="cifar10").augmentation == "crop-flip"
    assert DeconvConfig(dataset="cifar10", augmentation="none").augmentation == "none"


@pytest.mark.parametrize("arch", IMAGENET_ARCHS)
def test_networks_for_imagenet_have_its_command_line_by_default(arch):
    for revision, block_fc in ((2020, 64), (2019, 32)):
        config = DeconvConfig(arch=arch, revision=revision, norm="deconv", dataset="folder:/imagenet")
        assert (config.epochs, config.batch_size, config.weight_decay, config.milestone) == (90, 256, 1e-4, 0.3)
        assert (config.image_size, config.augmentation, config.block_fc) == (224, "flip", block_fc)
        assert config.lr == (0.01 if arch == "vgg11d" else 0.1)
    streamed = DeconvConfig(arch=arch, dataset="imagenet:/imagenet")
    assert (streamed.image_size, streamed.augmentation) == (224, "resized-crop")
    assert DeconvConfig(arch=arch).block_fc == 0
    assert DeconvConfig(arch=arch, dataset="cifar10").image_size is None


def test_a_configuration_read_back_from_its_dump_is_the_same():
    for knobs in ({}, {"revision": 2019, "norm": "deconv", "mode": 4}, {"dataset": "cifar10", "delinear": False}):
        config = DeconvConfig(**knobs)
        assert DeconvConfig(**config.model_dump(mode="json")) == config


def test_usual_names_stand_for_published_ones():
    assert {DeconvConfig(arch=name).arch for name in ALIASES} == set(ALIASES.values())
    assert DeconvConfig(optimizer="SGD", loss="L2") == DeconvConfig(optimizer="sgd", loss="l2")


@pytest.mark.parametrize("arch", NETWORKS)
def test_every_network_is_accepted_in_both_norms(arch):
    assert {DeconvConfig(arch=arch, norm=norm).arch for norm in ("bn", "deconv")} == {arch}


@pytest.mark.parametrize(
    ("knobs", "sentence"),
    [
        ({"num_groups": 0}, "`num_groups` is 0, but must be greater than or equal to 1"),
        ({"block": 0}, "`block` is 0, but must be greater than or equal to 1"),
        ({"block_fc": -1}, "`block_fc` is -1, but must be greater than or equal to 0"),
        ({"n_iter": 0}, "`n_iter` is 0, but must be greater than or equal to 1"),
        ({"eps": -1e-5}, "`eps` is -1e-05, but must be greater than or equal to 0"),
        ({"sampling_stride": 0}, "`sampling_stride` is 0, but must be greater than or equal to 1"),
        ({"milestone": 1}, "`milestone` is 1, but must be less than 1"),
        ({"revision": 2021}, "`revision` is 2021, but must be 2019 or 2020"),
        ({"optimizer": "AMSGrad"}, "`optimizer` is 'AMSGrad', but must be 'sgd' or 'adam'"),
        ({"norm": "gn"}, "`norm` is 'gn', but must be 'bn' or 'deconv'"),
        ({"bloc": 3}, "`bloc` is not a knob of this family"),
        ({"refresh": 0}, "`refresh` is 0, but must be greater than or equal to 1"),
        ({"arch": "vgg11", "image_size": 16}, "`image_size` is 16, but vgg11 needs at least 32 pixels; enlarge"),
        ({"arch": "resnet18d", "image_size": 24}, "`image_size` is 24, but resnet18d needs at least 32 pixels"),
        ({"arch": "simple_v2", "image_size": 16}, "`image_size` is 16, but simple_v2 needs at least 25 pixels"),
        ({"mode": 4}, "`mode` is 4, but revision 2020 has no modes; set revision=2019"),
        ({"revision": 2019, "delinear": True}, "`delinear` is True, but revision 2019 has no such classifier"),
        (
            {"revision": 2019, "norm": "deconv", "arch": "dpn"},
            "`arch` is 'dpn', whose grouped convolutions the layers of 2019 do not offer; set revision=2020",
        ),
    ],
)
def test_bad_knobs_are_refused_in_one_sentence(knobs, sentence):
    assert refusal(**knobs).startswith(sentence)


# Extensions are off, and refused where they would change nothing.


def test_no_extension_is_on_by_default():
    for knobs in ({}, {"norm": "deconv"}, {"norm": "deconv", "revision": 2019}):
        config = DeconvConfig(**knobs)
        assert {knob: getattr(config, knob) for knob in EXTENSIONS} == EXTENSIONS
    assert all("extension" in DeconvConfig.model_fields[knob].description for knob in EXTENSIONS)


CHANGED = {"refresh": 4, "root_gradient": False, "centered": True, "channels_together": True, "corrected_average": True}


@pytest.mark.parametrize("knob", EXTENSIONS)
def test_an_extension_is_taken_where_it_changes_something(knob):
    shared = {"norm": "deconv", "block_fc": 16, "delinear": False}
    assert getattr(DeconvConfig(**shared, **{knob: CHANGED[knob]}), knob) == CHANGED[knob]


@pytest.mark.parametrize(
    ("knobs", "reason"),
    [
        *(({"norm": "bn", knob: CHANGED[knob]}, "need norm='deconv' and revision=2020") for knob in OF_CONVOLUTIONS),
        ({"norm": "deconv", "revision": 2019, "refresh": 2}, "need norm='deconv' and revision=2020"),
        ({"norm": "deconv", "centered": True}, "there is no channel layer without block_fc"),
        ({"norm": "deconv", "block_fc": 16, "centered": True}, "there is no channel layer without block_fc"),
        ({"norm": "bn", "root_gradient": False}, "nothing is decorrelated with norm 'bn' and block_fc 0"),
        ({"norm": "deconv", "arch": "mlp", "root_gradient": False}, "mlp has the published layers of its method alone"),
    ],
)
def test_an_extension_without_effect_is_refused_in_one_sentence(knobs, reason):
    knob = next(reversed(knobs))
    sentence = refusal(**knobs)
    assert sentence.startswith(f"`{knob}` is {knobs[knob]}, but ")
    assert reason in sentence
    assert sentence.endswith("; leave it out")


@pytest.mark.parametrize(
    ("mode", "hint"),
    [(6, "did you mean 5?"), (0, "did you mean 1?"), (-3, "did you mean 1?"), ("fast", "5 is the fast")],
)
def test_an_unknown_mode_is_refused_with_the_nearest_one(mode, hint):
    sentence = refusal(revision=2019, mode=mode)
    assert sentence.startswith(f"`mode` is {mode!r}, but must be 1, 2, 3, 4 or 5; {hint}")


@pytest.mark.parametrize(
    ("arch", "nearest"),
    [("vgg12", "vgg1"), ("resnet81", "resnet"), ("densnet", "densenet121"), ("pnasneta", "pnasnetA")],
)
def test_an_unknown_network_is_refused_with_the_nearest_one(arch, nearest):
    sentence = refusal(arch=arch)
    assert sentence.startswith(f"`arch` is {arch!r}, but must be one of vgg11, vgg13, ")
    assert f"did you mean {nearest}" in sentence


# The README's experiments


def test_the_presets_are_the_experiments_of_the_readme():
    assert len(presets()) == 3 * 6 + 8 + 4
    config = preset("resnet18-cifar10-deconv")
    assert (config.revision, config.arch, config.norm, config.mode) == (2019, "resnet", "deconv", 5)
    assert (config.epochs, config.batch_size, config.num_groups, config.block_fc) == (100, 512, 16, 512)
    assert preset("vgg11-cifar10-bn").weight_decay == 1e-3
    assert (preset("vgg11-cifar10-bn").epochs, preset("vgg11-cifar10-bn").batch_size) == (20, 128)
    assert preset("resnet50-cifar100-channel").mode == 3
    assert {preset(f"{net}-cifar100-bn").batch_size for net in ("resnet50", "vgg11", "vgg13", "vgg19")} == {128}


def test_a_pair_of_presets_differs_in_the_norm_and_its_classifier_alone():
    for name in presets():
        if name.endswith("-bn"):
            plain, whitened = preset(name), preset(name.removesuffix("bn") + "deconv")
            knobs = {knob for knob, value in plain if getattr(whitened, knob) != value}
            assert knobs == {"norm", "block_fc"}


@pytest.mark.parametrize("loss", ["ce", "l2"])
@pytest.mark.parametrize("method", [1, 2, 3, 4])
def test_the_regression_on_pixels_is_a_preset_for_each_loss_and_method(loss, method):
    config = preset(f"logistic-{loss}-{method}")
    assert (config.arch, config.loss, config.method) == ("simple_v1", loss, method)
    assert (config.epochs, config.batch_size, config.lr) == (1, 512, 0.1)


@pytest.mark.parametrize("method", [1, 2, 3, 4])
def test_the_sigmoid_network_on_digits_of_28_pixels_is_a_preset_for_each_method(method):
    config = preset(f"mlp-{method}")
    assert (config.arch, config.dataset, config.image_size, config.method) == ("mlp", "digits", 28, method)
    assert (config.epochs, config.batch_size) == (20, 512)


def test_an_unknown_preset_is_refused_with_the_nearest_one():
    with pytest.raises(ValueError, match="did you mean `resnet18-cifar10-deconv`"):
        preset("resnet18-cifar10-decon")


# The milestones


@pytest.mark.parametrize(
    ("knobs", "expected"),
    [
        ({"epochs": 20}, (8, 16)),
        ({"epochs": 100}, (40, 80)),
        ({"epochs": 100, "early_milestones": True}, (39, 79)),
        ({"epochs": 90, "milestone": 0.3}, (27, 54, 81)),
        ({"epochs": 1}, ()),
        ({"epochs": 2}, (1,)),
        ({"epochs": 10, "milestone": 0.5}, (5,)),
    ],
)
def test_milestones_are_the_multiples_of_a_share_of_the_epochs(knobs, expected):
    assert milestones(DeconvConfig(**knobs)) == expected


def test_the_configuration_imports_no_torch():
    code = "import sys; from trainables.config.deconv import DeconvConfig as C; C(norm='deconv'); "
    run = subprocess.run(
        [sys.executable, "-c", code + "print('torch' in sys.modules)"], capture_output=True, text=True, check=True
    )
    assert run.stdout.strip() == "False"


@pytest.mark.parametrize(
    ("arch", "meant"),
    [("resnet18", "resnet18d"), ("resnet", "resnet18d"), ("resnet101", "resnet101d"), ("vgg16", "vgg16d")],
)
def test_on_imagenet_a_name_means_the_network_for_such_images(arch, meant):
    config = DeconvConfig(arch=arch, dataset="imagenet:/data")
    assert (config.arch, config.epochs, config.image_size) == (meant, 90, 224)
    assert DeconvConfig(dataset="imagenet:/data").arch == "vgg11d"
    small = "resnet" if arch.startswith("resnet") else arch
    if arch != "resnet101":
        assert DeconvConfig(arch=arch, dataset="imagenet:/data", image_size=32).arch == small
        assert DeconvConfig(arch=arch, dataset="cifar10").arch == small


@pytest.mark.parametrize("arch", ["preact", "vgg19", "vgg_tiny", "dpn", "mlp"])
def test_on_imagenet_a_network_for_small_images_alone_is_refused(arch):
    with pytest.raises(
        ValueError, match=f"`arch` is '{arch}', a network for small images, but those of imagenet:/data are"
    ):
        DeconvConfig(arch=arch, dataset="imagenet:/data")
    assert DeconvConfig(arch=arch, dataset="imagenet:/data", image_size=64).arch == arch
