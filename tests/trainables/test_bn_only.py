"""The bn_only family: schedule, weight-decay groups, what is reported, resume, the studied split."""

import numpy as np
import pytest
import torch
from torch import nn

from tests.trainables.training import run, untimed
from trainables import checkpoints, datasets, engine, families
from trainables.bn_only import (
    FAMILY,
    BNOnlyConfig,
    BNOnlyTrainable,
    build,
    disabled_fraction,
    estimate_statistics,
    learning_rate_at,
)
from trainables.family import Shape
from trainables.lockstep import LockStep
from trainables.models.bn.trainable_sets import SETS, trained_parameters
from trainables.on_ray.trainable import TRAINABLES
from trainables.trial import preflight

KNOBS = {"dataset": "digits", "image_size": 8, "train_images": 120, "epochs": 2, "batch_size": 40, "depth": 8}


def test_the_family_is_reached_by_name_with_hyphen_or_underscore():
    assert families.get("bn-only") is FAMILY
    assert families.config_class("bn_only") is BNOnlyConfig
    assert TRAINABLES["bn_only"] is BNOnlyTrainable


# The protocol


@pytest.mark.parametrize(("epoch", "lr"), [(0, 0.1), (79, 0.1), (80, 0.01), (119, 0.01), (120, 1e-3), (159, 1e-3)])
def test_the_learning_rate_drops_at_half_and_three_quarters_of_the_budget(epoch, lr):
    assert learning_rate_at(BNOnlyConfig(dataset="cifar10"), epoch) == pytest.approx(lr)


def test_a_shorter_budget_is_the_same_schedule_and_another_schedule_takes_its_place():
    config = BNOnlyConfig(epochs=8, lr_multiplier=0.5)
    assert [learning_rate_at(config, epoch) for epoch in (3, 4, 6)] == pytest.approx([0.1, 0.05, 0.025])
    assert learning_rate_at(BNOnlyConfig(epochs=10, lr_schedule="cosine"), 5) == pytest.approx(0.05)


@pytest.mark.parametrize(("steps", "shrunk"), [(352, 0.0512), (391, 0.0368)])
def test_weight_decay_alone_shrinks_a_gamma_without_gradient_as_the_study_says(steps, shrunk):
    """The published schedule, momentum included, on a parameter whose gradient is zero."""
    config = BNOnlyConfig(dataset="cifar10")
    gamma, velocity = 1.0, 0.0
    for epoch in range(config.epochs):
        lr = learning_rate_at(config, epoch)
        for _ in range(steps):
            velocity = config.momentum * velocity + config.weight_decay * gamma
            gamma -= lr * velocity
    assert gamma == pytest.approx(shrunk, abs=5e-5)


def test_gamma_and_the_classifier_shrink_by_decays_of_their_own():
    config = BNOnlyConfig(weight_decay=0.25, bn_weight_decay=0.5, trainable_set="bn_output", lr=0.1)
    model = FAMILY.build_model(config, Shape(1, 8, 10))
    optimizer = FAMILY.build_optimizer(config, model)
    for parameter in trained_parameters(model):
        parameter.grad = torch.zeros_like(parameter)
    gamma, weight = model.bn.weight.detach().clone(), model.fc.weight.detach().clone()
    optimizer.step()
    assert torch.allclose(model.bn.weight, gamma * 0.95)
    assert torch.allclose(model.fc.weight, weight * 0.975)


def test_the_holdout_is_the_studys_split():
    kept, held_out = datasets.holdout_split(50_000)
    assert held_out[:5].tolist() == [33553, 9427, 199, 12447, 39489]
    assert (len(kept), len(held_out)) == (45_000, 5_000)
    assert (int(kept.sum()), int(held_out.sum())) == (1_124_488_837, 125_486_163)
    assert -(-len(kept) // 128) == 352
    assert len(kept) % 128 == 72
    assert np.intersect1d(kept, held_out).size == 0


def test_the_optimizer_is_given_what_is_trained_and_nothing_else():
    for name in SETS:
        config = BNOnlyConfig(depth=8, trainable_set=name)
        model = FAMILY.build_model(config, Shape(3, 32, 10))
        optimizer = FAMILY.build_optimizer(config, model)
        given = [parameter for group in optimizer.param_groups for parameter in group["params"]]
        assert {id(p) for p in given} == {id(p) for p in trained_parameters(model)}
        assert {group["nesterov"] for group in optimizer.param_groups} == {False}


def test_batch_norm_decays_like_the_rest_unless_told_otherwise():
    def decays(**knobs):
        config = BNOnlyConfig(depth=8, trainable_set="all", **knobs)
        groups = FAMILY.build_optimizer(config, FAMILY.build_model(config, Shape(3, 32, 10))).param_groups
        return [(len(group["params"]), group["weight_decay"]) for group in groups]

    assert decays() == [(18, 1e-4), (11, 1e-4)]
    assert decays(weight_decay=0.5, bn_weight_decay=0.0) == [(18, 0.0), (11, 0.5)]


# What is trained and reported


@pytest.mark.parametrize("trainable_set", SETS)
def test_every_set_trains_an_epoch_and_says_how_much_it_trains(trainable_set):
    knobs = KNOBS | {"trainable_set": trainable_set, "epochs": 1}
    trial = LockStep("bn_only", knobs, replicates=2)
    result = trial.step()
    assert result["failures"] == []
    total = 78_042 - 2 * 9 * 16  # gray images
    expected = {"none": 0, "output": 650, "bn": 672, "random_k": 672, "bn_output": 1322, "all": total}
    expected |= {"shortcut_output": 3210, "bn_shortcut_output": 3882}
    assert result["scalars"] == {"n_trainable": expected[trainable_set], "n_total": total}
    assert len(set(result["train_loss_values"])) == 2


def test_batch_norm_alone_learns_digits_and_nothing_learns_nothing():
    knobs = KNOBS | {"train_images": 600, "epochs": 4}
    learned, nothing = (
        run(LockStep("bn_only", knobs | {"trainable_set": name}, replicates=1))[-1]["val_accuracy"]
        for name in ("bn", "none")
    )
    assert learned > 0.5
    assert nothing < 0.4


def test_small_gammas_are_reported_every_epoch_and_the_rest_at_the_end():
    first, last = run(LockStep("bn_only", KNOBS, replicates=2))
    assert "gamma_fraction_below_0.01" in first["metrics"]
    assert not any("pruned" in name or name.startswith("beta") for name in first["metrics"])
    pruned = {f"val_accuracy_pruned_{threshold}" for threshold in ("0.001", "0.01", "0.03", "0.1")}
    assert pruned | {"gamma_mean", "gamma_q50", "beta_std", "gamma_fraction_below_0.01_stem"} <= set(last["metrics"])
    assert not any("untrained" in name for name in last["metrics"])


def test_the_reported_small_gammas_are_those_of_each_replicates_network():
    trial = LockStep("bn_only", KNOBS | {"epochs": 1, "weight_decay": 0.5}, replicates=2)
    result = trial.step()
    expected = [disabled_fraction(replicate.model) for replicate in trial.replicates]
    assert result["gamma_fraction_below_0.01_values"] == expected
    assert max(expected) > 0


@pytest.mark.parametrize("how", ["as-built", "estimated"])
def test_the_untrained_network_is_evaluated_as_its_seed_gives_it(how):
    trial = LockStep("bn_only", KNOBS | {"epochs": 1, "init_evaluation": how}, replicates=1)
    result = trial.step()
    [replicate] = trial.replicates
    model = replicate.untrained_model()
    assert int(model.bn.num_batches_tracked) == 0
    if how == "estimated":
        estimate_statistics(model, replicate.data.train_batches(40, torch.Generator().manual_seed(0)))
    # Statistics over other batches of the same images differ by a little.
    expected = engine.evaluate(model, replicate.data.validation_batches())["accuracy"]
    assert result["val_accuracy_untrained"] == pytest.approx(expected, abs=0 if how == "as-built" else 0.26)
    assert replicate.model is not model


def test_estimated_statistics_are_means_over_the_batches_and_make_predictions_differ():
    trial = LockStep("bn_only", KNOBS, replicates=1)
    [replicate] = trial.replicates
    model = replicate.untrained_model()
    images = torch.cat([images for images, _ in replicate.data.test_batches()])

    def classes_predicted():
        with torch.no_grad():
            return len(model.eval()(images).argmax(1).unique())

    as_built = classes_predicted()
    frozen = {name: parameter.clone() for name, parameter in model.named_parameters()}
    estimate_statistics(model, replicate.data.train_batches(40, torch.Generator().manual_seed(0)))
    assert all(torch.equal(frozen[name], parameter) for name, parameter in model.named_parameters())
    assert as_built <= 2 < classes_predicted()
    batches = replicate.data.train_batches(40, torch.Generator().manual_seed(0))
    means = torch.stack([model.conv(batch).mean((0, 2, 3)) for batch, _ in batches])
    assert torch.allclose(model.bn.running_mean, means.mean(0), atol=1e-5)


def test_every_configuration_starts_from_the_same_frozen_weights():
    def convolutions(**knobs):
        model = LockStep("bn_only", KNOBS | knobs, replicates=1).replicates[0].model
        return [m.weight for m in model.modules() if isinstance(m, nn.Conv2d)]

    for knobs in ({"lr": 1.0}, {"weight_decay": 0.1}, {"trainable_set": "all"}):
        assert all(torch.equal(a, b) for a, b in zip(convolutions(), convolutions(**knobs), strict=True))


@pytest.mark.parametrize(
    "knobs", [{"trainable_set": "bn"}, {"trainable_set": "random_k"}, {"trainable_set": "all"}, {"recompute_blocks": 2}]
)
def test_a_trial_continued_from_a_checkpoint_is_bit_equal_to_one_never_interrupted(knobs, tmp_path):
    knobs = KNOBS | {"augmentation": "crop-flip", "crop_padding": 1} | knobs
    whole = run(LockStep("bn_only", knobs, replicates=2))
    first = LockStep("bn_only", knobs, replicates=2)
    first.step()
    path = checkpoints.save(tmp_path, first.state(), first.epoch)
    torch.rand(11)
    second = LockStep("bn_only", knobs, replicates=2)
    second.load(checkpoints.load_file(path))
    assert untimed(run(second)) == untimed(whole)


def test_a_trial_on_other_frozen_weights_is_not_started_afresh(tmp_path, monkeypatch):
    assignment = {
        "config": KNOBS,
        "seed": 0,
        "replicates": 1,
        "cpus": 1,
        "gpus": 0,
        "directory": str(tmp_path),
        "recorded_epoch": 1,
    }
    BNOnlyTrainable({"trial": assignment}).step()
    torch.manual_seed(99)
    other = build(BNOnlyConfig(**KNOBS), Shape(1, 8, 10))  # as another version of torch might draw it
    monkeypatch.setattr(FAMILY, "build_model", lambda config, shape: other)
    with pytest.raises(
        ValueError, match=r"^the checkpoint leaves out frozen tensors with hash .* gives .* here; continue"
    ):
        BNOnlyTrainable({"trial": assignment})


# What is refused before anything starts


def test_preflight_builds_no_cifar_network_however_large(monkeypatch):
    def build_model(config, shape):
        raise AssertionError("built")

    monkeypatch.setattr(FAMILY, "build_model", build_model)
    assert preflight.check("bn_only", [KNOBS | {"depth": 434}])["problems"] == []


def test_on_imagenet_the_learning_rate_rises_for_five_epochs_batch_by_batch():
    config = BNOnlyConfig(dataset="imagenet:/data")
    assert (config.arch, config.batch_size, config.warmup_epochs, config.augmentation) == (
        "resnet18",
        1024,
        5,
        "resized-crop",
    )
    assert [learning_rate_at(config, epoch) for epoch in (0, 1, 4, 5, 29, 30)] == pytest.approx(
        [0, 0.08, 0.32, 0.4, 0.4, 0.04]
    )
    rates = [FAMILY.hyperparameters_at_step(config, 2, step, 4)["lr"] for step in range(4)]
    assert rates == pytest.approx([0.16, 0.18, 0.20, 0.22])
    assert FAMILY.hyperparameters_at_step(config, 5, 0, 4) == {}
    assert BNOnlyConfig(dataset="cifar10").warmup_epochs == 0


def test_depth_width_or_a_name_on_imagenet_ask_for_the_networks_of_cifar():
    for knobs in ({"depth": 20}, {"width": 2}, {"name": "cifar_freeze_14"}):
        assert BNOnlyConfig(dataset="imagenet:/data", **knobs).arch == "resnet_cifar"
