"""The deconv family: schedules, losses, optimizers, warnings and refusals, training in every form, resuming."""

import logging
import math

import pytest
import torch
from torch.nn import functional as F

from tests.trainables.training import run, untimed
from trainables import deconv, families
from trainables.deconv import FAMILY, DeconvConfig, DeconvTrainable, learning_rate_at, learning_rate_at_step
from trainables.family import Shape
from trainables.layers.deconv import ChannelDeconv2d, Delinear, FastDeconv2d, FastDeconv2d2019
from trainables.lockstep import LockStep
from trainables.on_ray.trainable import TRAINABLES
from trainables.plans.deconv_networks import ARCHS, IMAGENET_ARCHS
from trainables.trial import preflight

SHAPE = Shape(channels=3, size=32, classes=10)
KNOBS = {
    **{"dataset": "digits", "image_size": 8, "train_images": 120, "epochs": 2, "batch_size": 40},
    **{"arch": "vgg_tiny", "norm": "deconv", "block": 8, "num_groups": 1},
}


@pytest.fixture(autouse=True)
def _warn_again():
    deconv._walk_through.cache_clear()


def meta_model(**knobs):
    """A network without numbers."""
    with torch.device("meta"):
        return deconv._network(DeconvConfig(**knobs), SHAPE)


def test_the_family_is_reached_by_name():
    assert families.get("deconv") is FAMILY
    assert families.config_class("deconv") is DeconvConfig
    assert TRAINABLES["deconv"] is DeconvTrainable


# The schedules


def test_the_cosine_of_2020_begins_at_the_full_rate_and_that_of_2019_one_batch_further():
    in_2020, in_2019 = DeconvConfig(epochs=2), DeconvConfig(epochs=2, revision=2019)
    rates = [0.1 * (1 + math.cos(math.pi * step / 8)) / 2 for step in range(9)]
    assert [learning_rate_at_step(in_2020, step, 8) for step in range(8)] == rates[:-1]
    assert [learning_rate_at_step(in_2019, step, 8) for step in range(8)] == rates[1:]
    assert learning_rate_at_step(in_2019, 7, 8) == 0


@pytest.mark.parametrize("revision", [2019, 2020])
def test_the_cosine_is_torchs_stepped_before_or_after_the_optimizer(revision):
    steps = 12
    config = DeconvConfig(revision=revision, epochs=3)
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    optimizer.step()
    used = []
    for _ in range(steps):
        if revision == 2019:
            scheduler.step()
        used.append(optimizer.param_groups[0]["lr"])
        if revision == 2020:
            scheduler.step()
    ours = [learning_rate_at_step(config, step, steps) for step in range(steps)]
    assert ours == pytest.approx(used, rel=1e-9, abs=1e-12)


def test_an_epoch_of_the_cosine_begins_where_its_first_batch_does():
    config = DeconvConfig(epochs=20)
    for epoch in range(20):
        assert learning_rate_at(config, epoch) == pytest.approx(learning_rate_at_step(config, epoch * 391, 20 * 391))


@pytest.mark.parametrize(
    ("knobs", "rates"),
    [
        ({"epochs": 20}, {0: 0.1, 7: 0.1, 8: 0.01, 15: 0.01, 16: 1e-3, 19: 1e-3}),
        ({"epochs": 100}, {39: 0.1, 40: 0.01, 79: 0.01, 80: 1e-3, 99: 1e-3}),
        ({"epochs": 100, "early_milestones": True}, {38: 0.1, 39: 0.01, 78: 0.01, 79: 1e-3, 99: 1e-3}),
        ({"epochs": 1}, {0: 0.1}),
        ({"epochs": 2, "multistep_gamma": 0.5}, {0: 0.1, 1: 0.05}),
    ],
)
def test_multistep_drops_the_rate_at_its_milestones(knobs, rates):
    config = DeconvConfig(lr_schedule="multistep", **knobs)
    assert {epoch: learning_rate_at(config, epoch) for epoch in rates} == pytest.approx(rates)
    steps = 4 * config.epochs
    assert {epoch: learning_rate_at_step(config, 4 * epoch + 3, steps) for epoch in rates} == pytest.approx(rates)


@pytest.mark.parametrize(("revision", "first", "last"), [(2019, 1, 6), (2020, 0, 5)])
def test_every_batch_is_trained_with_its_own_rate(revision, first, last):
    used = []
    trial = LockStep("deconv", KNOBS | {"revision": revision, "norm": "bn", "lr": 1.0}, replicates=1)
    optimizer = trial.replicates[0].optimizer
    optimizer.register_step_post_hook(lambda optimizer, *_: used.append(optimizer.param_groups[0]["lr"]))
    run(trial)
    assert used == [(1 + math.cos(math.pi * step / 6)) / 2 for step in range(first, last + 1)]


# Loss and optimizer


def test_the_squared_loss_is_a_mean_in_2019_and_half_a_sum_in_2020():
    outputs, labels = torch.randn(7, 10), torch.arange(7)
    distance = (outputs - torch.eye(10)[labels]).square()
    for revision, expected in ((2019, distance.mean()), (2020, distance.sum(1).mean() / 2)):
        loss = FAMILY.loss(DeconvConfig(revision=revision, loss="l2"), outputs, labels)
        torch.testing.assert_close(loss, expected)
    assert FAMILY.loss(DeconvConfig(), outputs, labels) == F.cross_entropy(outputs, labels)


@pytest.mark.parametrize(("name", "kind"), [("sgd", torch.optim.SGD), ("adam", torch.optim.Adam)])
def test_weight_decay_is_on_every_parameter(name, kind):
    trial = LockStep("deconv", KNOBS | {"optimizer": name, "weight_decay": 0.25}, replicates=1)
    replicate = trial.replicates[0]
    assert type(replicate.optimizer) is kind
    [group] = replicate.optimizer.param_groups
    assert group["weight_decay"] == 0.25
    assert len(group["params"]) == len(list(replicate.model.parameters()))


# What is built


@pytest.mark.parametrize("arch", ARCHS)
@pytest.mark.parametrize("norm", ["bn", "deconv"])
def test_every_network_can_be_built_in_both_norms(arch, norm):
    FAMILY.check(DeconvConfig(arch=arch, norm=norm, batch_size=4), SHAPE)


@pytest.mark.parametrize("arch", IMAGENET_ARCHS)
def test_networks_for_imagenet_are_reached_by_name(arch):
    model = meta_model(arch=arch, norm="deconv", n_iter=3, stem_n_iter=7)
    stem, *others = [module for module in model.modules() if isinstance(module, FastDeconv2d)]
    assert (stem.n_iter, {layer.n_iter for layer in others}) == (7, {3})
    [*_, classifier] = [module for module in model.modules() if isinstance(module, Delinear)]
    assert (classifier.out_features, classifier.block) == (10, 64)


@pytest.mark.filterwarnings("ignore:layer .* whitens")
def test_a_network_for_imagenet_trains_through_the_family():
    knobs = {"dataset": "digits", "image_size": 32, "train_images": 40, "epochs": 1, "batch_size": 12}
    trial = LockStep("deconv", knobs | {"arch": "resnet18d", "norm": "deconv", "block": 16}, replicates=1)
    assert trial.step()["failures"] == []


def test_images_too_small_for_their_network_are_refused_before_training():
    shared = {"dataset": "digits", "train_images": 400}
    configs = [shared | {"arch": arch} for arch in ("resnet18d", "vgg11", "simple_v2")]
    assert preflight.check("deconv", configs)["problems"] == [
        f"`image_size` is 16, but {arch} needs at least {smallest} pixels; enlarge the images"
        for arch, smallest in (("resnet18d", 32), ("vgg11", 32), ("simple_v2", 25))
    ]


def test_a_covariance_of_all_pixels_that_no_machine_holds_is_refused():
    with pytest.raises(ValueError, match=r"`method` is 3, which whitens all 150,528 numbers .* at most 12,288"):
        FAMILY.check(DeconvConfig(arch="simple_v1"), Shape(3, 224, 10))


def test_the_extensions_reach_the_layers():
    knobs = {"root_gradient": False, "refresh": 4, "channels_together": True, "corrected_average": True}
    model = meta_model(arch="resnet", norm="deconv", block_fc=16, delinear=False, centered=True, **knobs)
    layers = [module for module in model.modules() if isinstance(module, FastDeconv2d)]
    assert {tuple(getattr(layer, knob) for knob in knobs) for layer in layers} == {tuple(knobs.values())}
    [channel] = [module for module in model.modules() if isinstance(module, ChannelDeconv2d)]
    assert (channel.centered, channel.root_gradient) == (True, False)


def test_the_knobs_reach_the_layers():
    knobs = {"block": 32, "n_iter": 7, "eps": 1e-3, "sampling_stride": 2, "block_fc": 128}
    model = meta_model(arch="resnet", norm="deconv", **knobs)
    layers = [module for module in model.modules() if isinstance(module, FastDeconv2d)]
    assert len(layers) == 20
    assert {(layer.n_iter, layer.eps, layer.sampling_stride) for layer in layers} == {(7, 1e-3, 2)}
    assert {layer.running_deconv.shape[-1] for layer in layers} == {27, 9 * 32, 32}
    [classifier] = [module for module in model.modules() if isinstance(module, Delinear)]
    assert classifier.running_deconv.shape == (128, 128)


def test_revision_2019_takes_its_own_groups():
    model = meta_model(arch="resnet", norm="deconv", revision=2019, num_groups=8)
    layers = [module for module in model.modules() if isinstance(module, FastDeconv2d2019)]
    assert {layer.running_deconv.shape[-1] for layer in layers} == {27, 9 * 8, 8}


def test_groups_of_2019_that_divide_no_channels_are_refused_with_all_layers_before_training():
    configs = [KNOBS | {"revision": 2019, "num_groups": 12}]
    [problem] = preflight.check("deconv", configs)["problems"]
    assert problem.startswith("`num_groups` is 12, but must divide the input channels of every layer")
    assert "features.4 (16), features.8 (32)" in problem


def test_preflight_builds_each_network_once_whatever_the_lr(monkeypatch):
    built = []
    real = deconv._network

    def network(config, shape):
        built.append((config.norm, config.n_iter))
        return real(config, shape)

    monkeypatch.setattr(deconv, "_network", network)
    configs = [
        KNOBS | {"norm": norm, "n_iter": n, "lr": lr} for norm in ("bn", "deconv") for n in (3, 5) for lr in (0.1, 0.2)
    ]
    assert preflight.check("deconv", configs)["problems"] == []
    assert sorted(built) == [("bn", 3), ("bn", 5), ("deconv", 3), ("deconv", 5)]


# Too few rows


def test_layers_with_fewer_rows_than_twice_their_features_are_named_once_before_training(caplog):
    with caplog.at_level(logging.WARNING, logger="trainables"):
        LockStep("deconv", KNOBS | {"block": 16}, replicates=3)
    warned = [record.message for record in caplog.records]
    # 8x8, 4x4 and 2x2 maps have 9, 4 and 1 samples an image at stride 3; the last two whiten 9 * 16 features
    assert [sentence.split()[:5] for sentence in warned] == [
        ["layer", "features.4", "whitens", "144", "features"],
        ["layer", "features.8", "whitens", "144", "features"],
    ]
    assert "160 samples" in warned[0]
    assert "80 samples" in warned[1]


def test_enough_rows_and_batch_normalisation_raise_no_warning(caplog):
    with caplog.at_level(logging.WARNING, logger="trainables"):
        FAMILY.check(DeconvConfig(arch="vgg_tiny", norm="deconv", block=16), Shape(1, 16, 10))
        FAMILY.check(DeconvConfig(arch="vgg_tiny", norm="bn", batch_size=2), Shape(1, 8, 10))
    assert caplog.records == []


def test_looking_for_few_rows_draws_no_random_number():
    config = DeconvConfig(**KNOBS)

    def weights():
        torch.manual_seed(0)
        return [parameter.clone() for parameter in FAMILY.build_model(config, Shape(1, 8, 10)).parameters()]

    looked, cached = weights(), weights()
    assert all(torch.equal(a, b) for a, b in zip(looked, cached, strict=True))


# What is trained


@pytest.mark.parametrize(
    "knobs",
    [
        {"norm": "bn"},
        {"norm": "deconv"},
        {"block_fc": 16},
        {"block_fc": 16, "delinear": False},
        {"norm": "bn", "block_fc": 16},
        {"bias": False},
        {"refresh": 2, "channels_together": True, "corrected_average": True, "root_gradient": False},
        *({"revision": 2019, "mode": mode, "block_fc": 0} for mode in (1, 2, 3, 4, 5)),
        {"revision": 2019, "block_fc": 16},
        {"loss": "l2", "optimizer": "adam", "lr": 1e-3},
        *({"arch": "simple_v1", "method": method} for method in (1, 4)),  # 2 and 3 whiten across three channels
    ],
    ids=str,
)
@pytest.mark.filterwarnings("ignore:layer .* whitens")
def test_one_epoch_trains_in_every_form(knobs):
    trial = LockStep("deconv", KNOBS | {"epochs": 1} | knobs, replicates=2)
    start = [p.clone() for p in trial.replicates[0].model.parameters()]
    result = trial.step()
    assert result["failures"] == []
    assert len(set(result["train_loss_values"])) == 2
    moved = [not torch.equal(a, b) for a, b in zip(start, trial.replicates[0].model.parameters(), strict=True)]
    assert all(moved)


@pytest.mark.filterwarnings("ignore:layer .* whitens")
def test_with_small_batches_and_a_decorrelated_classifier_deconvolution_starts_ahead():
    shared = {"dataset": "digits", "train_images": 600, "image_size": 16, "arch": "vgg_tiny"}
    shared |= {"batch_size": 16, "epochs": 6}
    bn, nd = (
        LockStep("deconv", shared | knobs, replicates=3).step()["val_accuracy"]
        for knobs in ({"norm": "bn"}, {"norm": "deconv", "block": 16, "block_fc": 32})
    )
    assert nd > bn + 0.2


@pytest.mark.filterwarnings("ignore:layer .* whitens")
def test_a_trial_continued_from_a_checkpoint_is_bit_equal_with_its_freeze_counter():
    # Three batches an epoch: the stem is frozen from the third on, so a counter begun anew would thaw it.
    knobs = KNOBS | {"freeze_iter": 2, "epochs": 4}
    whole = LockStep("deconv", knobs, replicates=2)
    reference = run(whole)
    first = LockStep("deconv", knobs, replicates=2)
    first.step()
    first.step()
    second = LockStep("deconv", knobs, replicates=2)
    second.load(first.state())
    assert untimed(run(second)) == untimed(reference)
    for a, b in zip(whole.replicates, second.replicates, strict=True):
        states = a.model.state_dict(), b.model.state_dict()
        assert states[0].keys() == states[1].keys()
        for key, value in states[0].items():
            assert torch.equal(torch.as_tensor(value), torch.as_tensor(states[1][key])), key


@pytest.mark.filterwarnings("ignore:layer .* whitens")
def test_the_stem_is_frozen_after_its_batches():
    stems = []
    for freeze_iter in (1, 100):
        trial = LockStep("deconv", KNOBS | {"epochs": 2, "freeze_iter": freeze_iter}, replicates=1)
        stem = next(module for module in trial.replicates[0].model.modules() if isinstance(module, FastDeconv2d))
        trial.step()
        after_one = stem.running_mean.clone()
        trial.step()
        stems.append(torch.equal(stem.running_mean, after_one))
    assert stems == [True, False]
