"""The online_norm family: schedule, weight-decay groups, what is reported, training in every norm mode."""

import pytest
import torch

from tests.trainables.training import run, untimed
from trainables import families
from trainables.family import Shape
from trainables.lockstep import LockStep
from trainables.models.normalised.norms import MODES
from trainables.on_ray.trainable import TRAINABLES
from trainables.online_norm import FAMILY, OnlineNormConfig, OnlineNormTrainable, learning_rate_at
from trainables.trial import preflight

SHAPE = Shape(channels=3, size=32, classes=10)
KNOBS = {"dataset": "digits", "image_size": 8, "train_images": 120, "epochs": 2, "batch_size": 40, "depth": 8}


def meta_model(**knobs):
    config = OnlineNormConfig(**knobs)
    with torch.device("meta"):
        return config, FAMILY.build_model(config, SHAPE)


def test_the_family_is_reached_by_name_with_hyphen_or_underscore():
    assert families.get("online-norm") is FAMILY
    assert families.config_class("online_norm") is OnlineNormConfig
    assert TRAINABLES["online_norm"] is OnlineNormTrainable


# The schedule


@pytest.mark.parametrize(
    ("epoch", "lr"),
    [(0, 0.1), (99, 0.1), (100, 0.01), (149, 0.01), (150, 1e-3), (199, 1e-3), (200, 1e-4), (249, 1e-4)],
)
def test_cifar_drops_the_learning_rate_at_epochs_100_150_and_200(epoch, lr):
    assert learning_rate_at(OnlineNormConfig(dataset="cifar10"), epoch) == pytest.approx((lr, 0.9))


def test_imagenet_reaches_its_last_milestone_only_past_90_epochs():
    config = OnlineNormConfig(dataset="imagenet:/data", epochs=100)
    found = [learning_rate_at(config, epoch)[0] for epoch in (0, 29, 30, 60, 80, 89, 90, 99)]
    assert found == pytest.approx([0.1, 0.1, 0.01, 1e-3, 1e-4, 1e-4, 1e-5, 1e-5])


def test_the_schedule_acts_on_the_rescaled_learning_rate_and_leaves_the_momentum():
    config = OnlineNormConfig(dataset="cifar10", batch_size=64, lr_milestones=(5, 3), lr_multiplier=0.5)
    found = [learning_rate_at(config, epoch) for epoch in (2, 3, 5)]
    assert found == [pytest.approx((0.02565835 * factor, 0.94868330), rel=1e-6) for factor in (1, 0.5, 0.25)]


def test_another_schedule_takes_the_place_of_the_milestones():
    config = OnlineNormConfig(lr_schedule="cosine", epochs=10, batch_size=256)
    assert [learning_rate_at(config, epoch)[0] for epoch in (0, 5)] == pytest.approx([0.38, 0.19])
    assert learning_rate_at(OnlineNormConfig(lr_milestones=(), epochs=300), 299)[0] == 0.1


# The optimizer


def decayed(**knobs):
    """How many tensors have weight decay, and how many have none."""
    config, model = meta_model(**knobs)
    optimizer = FAMILY.build_optimizer(config, model)
    counts = [0, 0]
    for group in optimizer.param_groups:
        assert group["weight_decay"] in (config.weight_decay, 0)
        assert (group["nesterov"], group["dampening"]) == (False, 0)
        counts[group["weight_decay"] == 0] += len(group["params"])
    assert sum(counts) == len(list(model.parameters()))
    return tuple(counts)


def test_cifar_decays_everything():
    assert decayed(dataset="cifar10") == (22 + 2 * 21 + 1, 0)


def test_imagenet_exempts_the_beta_of_every_norm_and_nothing_else():
    assert decayed(dataset="imagenet:/data", arch="resnet50") == (108, 53)
    assert decayed(dataset="imagenet:/data", arch="resnet50", norm_mode="online") == (108, 53)


def test_gamma_and_beta_can_be_exempt_in_every_mode():
    for mode in ("batch", "group", "layer", "instance", "online"):
        assert decayed(norm_mode=mode, weight_decay_exempt="norm") == (23, 42)
    assert decayed(norm_mode="none", weight_decay_exempt="norm") == (23, 0)


def test_every_parameter_group_follows_the_schedule_and_the_batch_size_rule():
    knobs = KNOBS | {"lr_milestones": (1,), "weight_decay_exempt": "norm", "reference_batch_size": 80}
    trial = LockStep("online_norm", knobs, replicates=1)
    for factor in (1, 0.1):
        trial.step()
        for group in trial.replicates[0].optimizer.param_groups:
            assert group["momentum"] == pytest.approx(0.9**0.5)
            assert group["lr"] == pytest.approx(factor * 0.1 * 0.5 * (1 - 0.9**0.5) / (1 - 0.9))


# What is trained and reported


@pytest.mark.parametrize("mode", MODES)
def test_one_epoch_trains_in_every_mode(mode):
    trial = LockStep("online_norm", KNOBS | {"norm_mode": mode, "epochs": 1}, replicates=2)
    start = [p.clone() for p in trial.replicates[0].model.parameters()]
    result = trial.step()
    assert result["failures"] == []
    assert result["replicates_ok"] == 2
    assert len(set(result["train_loss_values"])) == 2
    moved = [not torch.equal(a, b) for a, b in zip(start, trial.replicates[0].model.parameters(), strict=True)]
    assert all(moved)


@pytest.mark.parametrize("mode", ["online", "layer"])
def test_training_learns(mode):
    knobs = KNOBS | {"train_images": 800, "epochs": 4, "norm_mode": mode}
    last = run(LockStep("online_norm", knobs, replicates=1))[-1]
    assert last["val_accuracy"] > 0.8


def test_given_and_effective_values_are_reported_at_every_epoch():
    knobs = KNOBS | {"norm_mode": "online", "h_fwd": 64, "h_bwd": 8, "lr_milestones": (1,), "reference_batch_size": 80}
    first, second = run(LockStep("online_norm", knobs, replicates=1))
    assert first["scalars"] == second["scalars"]
    effective = 0.1 * 0.5 * (1 - 0.9**0.5) / (1 - 0.9)
    assert first["scalars"] == pytest.approx(
        {
            "lr_given": 0.1,
            "lr_effective": effective,
            "momentum_given": 0.9,
            "momentum_effective": 0.9**0.5,
            "afwd": 63 / 64,
            "abkw": 7 / 8,
        }
    )
    assert (first["learning_rate"], second["learning_rate"]) == pytest.approx((effective, effective / 10))


def test_every_mode_starts_from_the_same_convolutions():
    def convolutions(mode):
        trial = LockStep("online_norm", KNOBS | {"norm_mode": mode}, replicates=1)
        modules = trial.replicates[0].model.modules()
        return [m.weight for m in modules if isinstance(m, torch.nn.Conv2d | torch.nn.Linear)]

    for mode in MODES:
        assert all(torch.equal(a, b) for a, b in zip(convolutions(mode), convolutions("batch"), strict=True))


def test_layer_norm_has_a_gamma_for_each_element_of_the_familys_images():
    _, model = meta_model(norm_mode="layer", depth=8)
    assert model.layer3[0].norm1.weight.shape == (64, 8, 8)


def test_a_trial_continued_from_a_checkpoint_is_bit_equal_to_one_never_interrupted():
    knobs = KNOBS | {"norm_mode": "online", "h_fwd": 64, "h_bwd": 8, "lr_milestones": (1,)}
    whole = run(LockStep("online_norm", knobs, replicates=2))
    first = LockStep("online_norm", knobs, replicates=2)
    first.step()
    second = LockStep("online_norm", knobs, replicates=2)
    second.load(first.state())
    assert untimed(run(second)) == untimed(whole)


# What cannot be trained


def test_a_batch_of_one_sample_with_maps_of_one_pixel_is_refused_naming_the_layers():
    knobs = {"arch": "resnet18", "image_size": 32, "batch_size": 1}
    for mode in ("batch", "online"):
        with pytest.raises(ValueError, match=r"^`batch_size` is 1, but 1\.layer4\.0\.bn1, .* get maps of one pixel"):
            FAMILY.check(OnlineNormConfig(norm_mode=mode, **knobs), Shape(1, 32, 10))
    FAMILY.check(OnlineNormConfig(norm_mode="group", **knobs), Shape(1, 32, 10))
    FAMILY.check(OnlineNormConfig(norm_mode="online", **knobs | {"image_size": 64}), Shape(1, 64, 10))
    FAMILY.check(OnlineNormConfig(norm_mode="online", **knobs | {"batch_size": 2}), Shape(1, 32, 10))


def test_instance_norm_of_maps_of_one_pixel_is_refused_whatever_the_batch():
    knobs = {"arch": "resnet18", "norm_mode": "instance"}
    with pytest.raises(
        ValueError, match=r"^`norm_mode` is 'instance', but .*layer4\.1\.bn2 get maps .*; raise image_size$"
    ):
        FAMILY.check(OnlineNormConfig(image_size=32, **knobs), Shape(3, 32, 10))
    FAMILY.check(OnlineNormConfig(image_size=64, **knobs), Shape(3, 64, 10))


def test_preflight_builds_each_mode_and_depth_once_whatever_the_lr(monkeypatch):
    built = []
    real = FAMILY.build_model

    def build_model(config, shape):
        built.append((config.norm_mode, config.depth))
        return real(config, shape)

    monkeypatch.setattr(FAMILY, "build_model", build_model)
    modes = [mode for mode in MODES if mode != "instance"]  # which is built once more, for its maps
    configs = [KNOBS | {"norm_mode": m, "depth": d, "lr": lr} for m in modes for d in (8, 14) for lr in (0.1, 0.2)]
    report = preflight.check("online_norm", configs)
    assert report["problems"] == []
    assert sorted(built) == sorted((mode, depth) for mode in modes for depth in (8, 14))
